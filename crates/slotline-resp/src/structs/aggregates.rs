//! The elements of an array, the pairs of a map, the content of a variant.

use std::marker::PhantomData;

use serde_core::de::{
    DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::element::{Element, read};
use crate::decode::{Pairs, Reader, ReplyKind, Sequence};
use crate::error::Error;

/// The elements of an array, set or push, or a map's keys and values in turn.
pub(super) struct Elements<'r, 'de> {
    reader: &'r mut Reader<'de>,
    sequence: Sequence,
    deeper: u32,
    index: usize,
}

impl<'r, 'de> Elements<'r, 'de> {
    pub(super) fn new(reader: &'r mut Reader<'de>, sequence: Sequence, deeper: u32) -> Self {
        Self {
            reader,
            sequence,
            deeper,
            index: 0,
        }
    }

    /// Whether all was read.
    pub(super) fn end(mut self, wanted: &'static str) -> Result<(), Error> {
        match self.reader.has_next(&mut self.sequence)? {
            true => Err(Error::mismatch(wanted, "an array of another length")),
            false => Ok(()),
        }
    }
}

// No size hints, here and below: a type that nests would reserve at each level
// what the peer announces there.
impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        if !self.reader.has_next(&mut self.sequence)? {
            return Ok(None);
        }
        let element = read(self.reader, self.deeper, seed).map_err(|error| error.at(self.index))?;
        self.index += 1;
        Ok(Some(element))
    }
}

/// Where an error is that came out of the value behind `key`: under the name
/// if it is one of `names`, which the type itself gave; any other key may be a
/// secret, and is told by its number.
fn place(error: Error, key: &Reader<'_>, names: &'static [&'static str], index: usize) -> Error {
    let key = key.clone().text().ok();
    match names.iter().find(|name| key.as_deref() == Some(**name)) {
        Some(name) => error.at_field(name),
        None => error.at(index),
    }
}

/// The pairs of a map in any of its spellings.
pub(super) struct Map<'r, 'de> {
    reader: &'r mut Reader<'de>,
    pairs: Pairs,
    deeper: u32,
    fields: &'static [&'static str],
    /// At the last key: read again only for an error's sake.
    key: Reader<'de>,
    index: usize,
}

impl<'r, 'de> Map<'r, 'de> {
    pub(super) fn new(
        reader: &'r mut Reader<'de>,
        pairs: Pairs,
        deeper: u32,
        fields: &'static [&'static str],
    ) -> Self {
        Self {
            key: reader.clone(),
            reader,
            pairs,
            deeper,
            fields,
            index: 0,
        }
    }

    /// Whether all was read.
    pub(super) fn end(mut self) -> Result<(), Error> {
        match self.reader.has_pair(&mut self.pairs)? {
            true => Err(Error::mismatch(
                self.pairs.wanted(),
                "a map of another length",
            )),
            false => Ok(()),
        }
    }
}

impl<'de> MapAccess<'de> for Map<'_, 'de> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let more = self.reader.has_pair(&mut self.pairs);
        if !more.map_err(|error| error.at(self.index))? {
            return Ok(None);
        }
        self.key = self.reader.clone();
        let key = read(self.reader, self.deeper, seed).map_err(|error| error.at(self.index))?;
        Ok(Some(key))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        self.reader.begin_value(&mut self.pairs)?;
        let value = read(self.reader, self.deeper, seed)
            .map_err(|error| place(error, &self.key, self.fields, self.index))?;
        self.index += 1;
        Ok(value)
    }
}

/// A variant of an enum with its content: two elements.
pub(super) struct Variant<'r, 'de> {
    reader: &'r mut Reader<'de>,
    sequence: Sequence,
    deeper: u32,
    wanted: &'static str,
    variants: &'static [&'static str],
    /// At the name of the variant, the first element: read again as a key is.
    name: Reader<'de>,
}

impl<'r, 'de> Variant<'r, 'de> {
    pub(super) fn new(
        reader: &'r mut Reader<'de>,
        sequence: Sequence,
        deeper: u32,
        wanted: &'static str,
        variants: &'static [&'static str],
    ) -> Result<Self, Error> {
        let opened = Self {
            name: reader.clone(),
            reader,
            sequence,
            deeper,
            wanted,
            variants,
        };
        match opened.sequence.left() {
            None | Some(2) => Ok(opened),
            Some(_) => Err(opened.wrong_length()),
        }
    }

    fn wrong_length(&self) -> Error {
        let found = match self.sequence.kind() {
            ReplyKind::Map => "a map of other than one pair",
            _ => "an array of other than two elements",
        };
        Error::mismatch(self.wanted, found)
    }

    fn next(&mut self) -> Result<(), Error> {
        match self.reader.has_next(&mut self.sequence)? {
            true => Ok(()),
            false => Err(self.wrong_length()),
        }
    }

    /// Whether all was read.
    pub(super) fn end(mut self) -> Result<(), Error> {
        match self.reader.has_next(&mut self.sequence)? {
            true => Err(self.wrong_length()),
            false => Ok(()),
        }
    }

    fn content<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'de>, u32) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.next()?;
        read(self.reader, self.deeper).map_err(|error| place(error, &self.name, self.variants, 1))
    }
}

impl<'de> EnumAccess<'de> for &mut Variant<'_, 'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        self.next()?;
        let variant = read(self.reader, self.deeper, seed).map_err(|error| error.at(0))?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for &mut Variant<'_, 'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        self.content(|reader, deeper| read(reader, deeper, PhantomData))
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        self.content(|reader, deeper| read(reader, deeper, seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.content(|reader, deeper| Element::new(reader, deeper).deserialize_tuple(len, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.content(|reader, deeper| {
            Element::new(reader, deeper).deserialize_struct("a struct", fields, visitor)
        })
    }
}
