//! serde's own complaints as errors of this crate.
//!
//! serde offers them with the value that was found. None of them shows it.

use std::fmt::Display;

use serde_core::de::{self, Expected, Unexpected};
use serde_core::ser;

use crate::error::Error;

/// What was found, without its value. `Other` is text of the type's own
/// making, which serde itself fills with numbers that were read.
fn kind(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a double",
        Unexpected::Char(_) | Unexpected::Str(_) => "a string",
        Unexpected::Bytes(_) => "a string of bytes",
        Unexpected::Unit => "nil (for nil, ask for an Option)",
        Unexpected::Option => "an optional value",
        Unexpected::NewtypeStruct => "a newtype",
        Unexpected::Seq => "an array",
        Unexpected::Map => "a map",
        Unexpected::Enum => "an enum",
        Unexpected::UnitVariant => "a variant without content",
        Unexpected::NewtypeVariant => "a variant with one value",
        Unexpected::TupleVariant => "a variant with a tuple",
        Unexpected::StructVariant => "a variant with fields",
        Unexpected::Other(_) => "a value",
    }
}

fn one_of(what: &str, names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("one of the {what} {}", names.join(", "))
}

impl de::Error for Error {
    /// The text is dropped: types put into it what they were given. One that
    /// wants to be heard says [`invalid_value`](de::Error::invalid_value),
    /// whose expectation is shown.
    fn custom<T: Display>(_: T) -> Self {
        Error::mismatch("what its type allows", "a value that its type refuses")
    }

    fn invalid_type(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Error::mismatch(wanted.to_string(), kind(found))
    }

    fn invalid_value(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Error::mismatch(
            wanted.to_string(),
            format!("{} that is not one", kind(found)),
        )
    }

    fn invalid_length(_: usize, wanted: &dyn Expected) -> Self {
        Error::mismatch(wanted.to_string(), "an array of another length")
    }

    fn unknown_variant(_: &str, variants: &'static [&'static str]) -> Self {
        Error::mismatch(one_of("variants", variants), "another name")
    }

    fn unknown_field(_: &str, fields: &'static [&'static str]) -> Self {
        Error::mismatch(one_of("fields", fields), "another name")
    }

    fn missing_field(field: &'static str) -> Self {
        Error::mismatch("a struct", format!("a map without the field `{field}`"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Error::mismatch("a struct", format!("a map with the field `{field}` twice"))
    }
}

impl ser::Error for Error {
    /// The text is dropped, as for [`de::Error::custom`].
    fn custom<T: Display>(_: T) -> Self {
        Error::unencodable("an argument", "a value that its type refuses")
    }
}
