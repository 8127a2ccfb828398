//! Where [`to_args`](super::to_args) lets a value write itself.

use serde_core::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::DEEPEST;
use super::arguments::Growing;
use crate::error::Error;

/// A place for one value: its methods tell whether anything was written.
pub(super) struct Flat<'l> {
    list: &'l mut Growing,
    /// What must be one argument: the value of a field, or a key.
    one: bool,
    deeper: u32,
}

impl<'l> Flat<'l> {
    pub(super) fn new(list: &'l mut Growing) -> Self {
        Self {
            list,
            one: false,
            deeper: DEEPEST,
        }
    }

    fn arg(self, arg: &(impl crate::arg::ToArg + ?Sized)) -> Result<bool, Error> {
        self.list.push(arg);
        Ok(true)
    }

    /// One level further in; a type can nest newtypes and options without end.
    fn inner(self) -> Result<Self, Error> {
        match self.deeper.checked_sub(1) {
            Some(deeper) => Ok(Self { deeper, ..self }),
            None => Err(Error::unencodable("arguments", "a nest that is too deep")),
        }
    }

    /// A place for several arguments.
    fn several(self, what: &'static str) -> Result<Parts<'l>, Error> {
        if self.one {
            return Err(Error::unencodable("one argument", what));
        }
        let Self { list, deeper, .. } = self.inner()?;
        Ok(Parts {
            list,
            deeper,
            index: 0,
        })
    }

    /// The same behind the name of a variant.
    fn variant(self, name: &'static str, what: &'static str) -> Result<Parts<'l>, Error> {
        let parts = self.several(what)?;
        parts.list.push(name);
        Ok(parts)
    }
}

macro_rules! as_they_are {
    ($($serialize:ident $type:ty;)*) => {$(
        fn $serialize(self, value: $type) -> Result<bool, Error> {
            self.arg(&value)
        }
    )*};
}

impl<'l> Serializer for Flat<'l> {
    type Ok = bool;
    type Error = Error;
    type SerializeSeq = Parts<'l>;
    type SerializeTuple = Parts<'l>;
    type SerializeTupleStruct = Parts<'l>;
    type SerializeTupleVariant = Parts<'l>;
    type SerializeMap = Parts<'l>;
    type SerializeStruct = Parts<'l>;
    type SerializeStructVariant = Parts<'l>;

    as_they_are! {
        serialize_i8 i8;
        serialize_i16 i16;
        serialize_i32 i32;
        serialize_i64 i64;
        serialize_i128 i128;
        serialize_u8 u8;
        serialize_u16 u16;
        serialize_u32 u32;
        serialize_u64 u64;
        serialize_u128 u128;
        serialize_f32 f32;
        serialize_f64 f64;
        serialize_str &str;
        serialize_bytes &[u8];
    }

    fn serialize_bool(self, truth: bool) -> Result<bool, Error> {
        self.arg(if truth { "1" } else { "0" })
    }

    fn serialize_char(self, letter: char) -> Result<bool, Error> {
        self.arg(&*letter.encode_utf8(&mut [0; 4]))
    }

    fn serialize_none(self) -> Result<bool, Error> {
        Ok(false)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<bool, Error> {
        value.serialize(self.inner()?)
    }

    fn serialize_unit(self) -> Result<bool, Error> {
        Err(Error::unencodable("an argument", "a unit"))
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<bool, Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<bool, Error> {
        self.arg(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<bool, Error> {
        value.serialize(self.inner()?)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<bool, Error> {
        let mut parts = self.variant(variant, "a variant with content")?;
        parts
            .element(value)
            .map_err(|error| error.at_field(variant))?;
        Ok(true)
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Parts<'l>, Error> {
        self.several("a sequence")
    }

    fn serialize_tuple(self, _len: usize) -> Result<Parts<'l>, Error> {
        self.several("a tuple")
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Parts<'l>, Error> {
        self.several("a tuple")
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Parts<'l>, Error> {
        self.variant(variant, "a variant with content")
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Parts<'l>, Error> {
        self.several("a map")
    }

    fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<Parts<'l>, Error> {
        self.several("a struct")
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Parts<'l>, Error> {
        self.variant(variant, "a variant with content")
    }
}

/// Elements or pairs, one after another.
pub(super) struct Parts<'l> {
    list: &'l mut Growing,
    deeper: u32,
    index: usize,
}

impl Parts<'_> {
    fn place(&mut self, one: bool) -> Flat<'_> {
        Flat {
            list: self.list,
            one,
            deeper: self.deeper,
        }
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(self.place(false))?;
        Ok(())
    }

    fn indexed<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.element(value).map_err(|error| error.at(self.index))?;
        self.index += 1;
        Ok(())
    }

    /// The value behind a key: without a value there is no key either.
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        if !value.serialize(self.place(true))? {
            self.list.pop();
        }
        Ok(())
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.list.push(name);
        self.value(value).map_err(|error| error.at_field(name))
    }
}

macro_rules! elements {
    ($($trait:ident $element:ident;)*) => {$(
        impl $trait for Parts<'_> {
            type Ok = bool;
            type Error = Error;

            fn $element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.indexed(value)
            }

            fn end(self) -> Result<bool, Error> {
                Ok(true)
            }
        }
    )*};
}

elements! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

macro_rules! fields {
    ($($trait:ident;)*) => {$(
        impl $trait for Parts<'_> {
            type Ok = bool;
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Error> {
                self.field(name, value)
            }

            fn end(self) -> Result<bool, Error> {
                Ok(true)
            }
        }
    )*};
}

fields! {
    SerializeStruct;
    SerializeStructVariant;
}

impl SerializeMap for Parts<'_> {
    type Ok = bool;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        let written = key
            .serialize(self.place(true))
            .map_err(|error| error.at(self.index))?;
        match written {
            true => Ok(()),
            false => Err(Error::unencodable("a key", "nil").at(self.index)),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.value(value).map_err(|error| error.at(self.index))?;
        self.index += 1;
        Ok(())
    }

    fn end(self) -> Result<bool, Error> {
        Ok(true)
    }
}
