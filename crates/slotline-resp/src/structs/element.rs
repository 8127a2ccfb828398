//! One element of a reply as the source of a serde type.

use std::borrow::Cow;

use serde_core::de::value::BorrowedStrDeserializer;
use serde_core::de::{DeserializeSeed, Deserializer, IntoDeserializer, Visitor};

use super::DEEPEST;
use super::aggregates::{Elements, Map, Variant};
use crate::decode::{Pairs, Reader, ReplyKind, Sequence, Token, scalars, tuples};
use crate::error::Error;

/// The next element of a reader, to be read as whatever a visitor asks for.
///
/// Every method but a failed one leaves the reader behind the element.
pub(super) struct Element<'r, 'de> {
    reader: &'r mut Reader<'de>,
    /// How many more levels there may be.
    deeper: u32,
}

/// Reads one element by `seed`, and skips it if the seed did not look at it.
pub(super) fn read<'de, S: DeserializeSeed<'de>>(
    reader: &mut Reader<'de>,
    deeper: u32,
    seed: S,
) -> Result<S::Value, Error> {
    let start = reader.position();
    let value = seed.deserialize(Element { reader, deeper })?;
    if reader.position() == start {
        reader.skip()?;
    }
    Ok(value)
}

impl<'r, 'de> Element<'r, 'de> {
    pub(super) fn new(reader: &'r mut Reader<'de>, deeper: u32) -> Self {
        Self { reader, deeper }
    }

    /// One level further in.
    fn inner(self) -> Result<Self, Error> {
        match self.deeper.checked_sub(1) {
            Some(deeper) => Ok(Self { deeper, ..self }),
            None => {
                let limit = u64::from(DEEPEST);
                Err(Error::limit("nesting depth", limit, self.reader.position()))
            }
        }
    }

    fn elements<V: Visitor<'de>>(
        self,
        sequence: Sequence,
        wanted: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let Self { reader, deeper } = self.inner()?;
        let mut elements = Elements::new(reader, sequence, deeper);
        let value = visitor.visit_seq(&mut elements)?;
        elements.end(wanted)?;
        Ok(value)
    }

    /// A map's pairs; `fields` are the names that errors may show.
    fn map<V: Visitor<'de>>(
        self,
        pairs: Pairs,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let Self { reader, deeper } = self.inner()?;
        let mut map = Map::new(reader, pairs, deeper, fields);
        let value = visitor.visit_map(&mut map)?;
        map.end()?;
        Ok(value)
    }

    fn tuple<V: Visitor<'de>>(
        self,
        wanted: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let sequence = tuples::open(self.reader, wanted, len as u64)?;
        self.elements(sequence, wanted, visitor)
    }

    /// A string of bytes, of any type but a big number.
    fn bytes(&mut self) -> Result<Cow<'de, [u8]>, Error> {
        if let Some(bytes) = self.reader.quick_bulk() {
            return Ok(Cow::Borrowed(bytes));
        }
        match self.reader.token()? {
            Token::Bulk(bytes) | Token::Simple(bytes) | Token::Verbatim { text: bytes, .. } => {
                Ok(Cow::Borrowed(bytes))
            }
            Token::Chunks => self.reader.chunks().map(Cow::Owned),
            other => Err(Reader::unexpected("a string", &other)),
        }
    }
}

fn visit_text<'de, V: Visitor<'de>>(text: Cow<'de, str>, visitor: V) -> Result<V::Value, Error> {
    match text {
        Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
        Cow::Owned(text) => visitor.visit_string(text),
    }
}

fn visit_bytes<'de, V: Visitor<'de>>(bytes: Cow<'de, [u8]>, visitor: V) -> Result<V::Value, Error> {
    match bytes {
        Cow::Borrowed(bytes) => visitor.visit_borrowed_bytes(bytes),
        Cow::Owned(bytes) => visitor.visit_byte_buf(bytes),
    }
}

/// Text if it is UTF-8, else bytes.
fn visit_string<'de, V: Visitor<'de>>(
    bytes: Cow<'de, [u8]>,
    visitor: V,
) -> Result<V::Value, Error> {
    match bytes {
        Cow::Borrowed(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => visitor.visit_borrowed_str(text),
            Err(_) => visitor.visit_borrowed_bytes(bytes),
        },
        Cow::Owned(bytes) => match String::from_utf8(bytes) {
            Ok(text) => visitor.visit_string(text),
            Err(not_text) => visitor.visit_byte_buf(not_text.into_bytes()),
        },
    }
}

macro_rules! numbers {
    ($($deserialize:ident $visit:ident $read:ident $wanted:literal;)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(scalars::$read($wanted, self.reader)?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Element<'_, 'de> {
    type Error = Error;

    numbers! {
        deserialize_i8 visit_i8 integer "an i8";
        deserialize_i16 visit_i16 integer "an i16";
        deserialize_i32 visit_i32 integer "an i32";
        deserialize_i64 visit_i64 integer "an i64";
        deserialize_i128 visit_i128 integer "an i128";
        deserialize_u8 visit_u8 integer "a u8";
        deserialize_u16 visit_u16 integer "a u16";
        deserialize_u32 visit_u32 integer "a u32";
        deserialize_u64 visit_u64 integer "a u64";
        deserialize_u128 visit_u128 integer "a u128";
        deserialize_f32 visit_f32 float "an f32";
        deserialize_f64 visit_f64 float "an f64";
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.reader.token()? {
            Token::Null => visitor.visit_unit(),
            Token::Bool(truth) => visitor.visit_bool(truth),
            Token::Integer(n) => visitor.visit_i64(n),
            Token::Double(n) => visitor.visit_f64(n),
            // A number that fits no type that every visitor takes is its digits.
            Token::BigNumber(text)
            | Token::Bulk(text)
            | Token::Simple(text)
            | Token::Verbatim { text, .. } => visit_string(Cow::Borrowed(text), visitor),
            Token::Chunks => visit_string(Cow::Owned(self.reader.chunks()?), visitor),
            Token::Aggregate(sequence) if sequence.kind() == ReplyKind::Map => {
                self.map(Pairs::of_map(sequence, "a map"), &[], visitor)
            }
            Token::Aggregate(sequence) => self.elements(sequence, "an array", visitor),
            error @ Token::Error(_) => Err(Reader::unexpected("a value", &error)),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.reader.boolean()?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visit_text(self.reader.text()?, visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        visit_bytes(self.bytes()?, visitor)
    }

    /// The name of a field, which may be one that the struct does not know and
    /// so need not be text.
    fn deserialize_identifier<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        visit_string(self.bytes()?, visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.reader.null()? {
            visitor.visit_none()
        } else {
            // A level too: a type can nest options without a byte between them.
            visitor.visit_some(self.inner()?)
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.reader.token()? {
            Token::Null => visitor.visit_unit(),
            other => Err(Reader::unexpected("nil", &other)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self.inner()?)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let sequence = self.reader.sequence("an array")?;
        self.elements(sequence, "an array", visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.tuple("a tuple", len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.tuple(name, len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let pairs = self.reader.pairs("a map")?;
        self.map(pairs, &[], visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let pairs = self.reader.pairs(name)?;
        self.map(pairs, fields, visitor)
    }

    /// A string is a variant without content; a pair, in a map or an array of
    /// its own, is a variant and its content.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let mut opened = self.reader.clone();
        let sequence = match opened.token()? {
            Token::Aggregate(sequence)
                if matches!(sequence.kind(), ReplyKind::Map | ReplyKind::Array) =>
            {
                sequence
            }
            Token::Bulk(_) | Token::Simple(_) | Token::Verbatim { .. } | Token::Chunks => {
                return match self.reader.text()? {
                    Cow::Borrowed(text) => {
                        visitor.visit_enum(BorrowedStrDeserializer::<Error>::new(text))
                    }
                    Cow::Owned(text) => {
                        visitor.visit_enum(IntoDeserializer::<Error>::into_deserializer(text))
                    }
                };
            }
            other => return Err(Reader::unexpected(name, &other)),
        };
        *self.reader = opened;
        let Self { reader, deeper } = self.inner()?;
        let mut content = Variant::new(reader, sequence, deeper, name, variants)?;
        let value = visitor.visit_enum(&mut content)?;
        content.end()?;
        Ok(value)
    }

    /// Whatever it is, a server's error too: nobody asked for it.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.reader.skip()?;
        visitor.visit_unit()
    }
}
