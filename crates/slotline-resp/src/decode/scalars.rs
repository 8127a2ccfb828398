//! Strings, numbers, booleans, and what wraps one of them.

use std::borrow::Cow;
use std::str::FromStr;

use bytes::Bytes;

use crate::decode::utf8::not_utf8;
use crate::decode::{FromReply, Reader, Token, collections};
use crate::error::Error;

impl<'a> Reader<'a> {
    /// As [`str`](Self::str), with a streamed string put together.
    ///
    /// # Errors
    ///
    /// It is something else, nil included, or is not UTF-8.
    pub fn text(&mut self) -> Result<Cow<'a, str>, Error> {
        match self.quick_str() {
            Some(text) => text.map(Cow::Borrowed),
            None => self.slow_text(),
        }
    }

    fn slow_text(&mut self) -> Result<Cow<'a, str>, Error> {
        // Only the second byte tells a streamed string from a plain one, so
        // look at the token here rather than at the kind first.
        match self.token()? {
            Token::Bulk(text)
            | Token::Simple(text)
            | Token::BigNumber(text)
            | Token::Verbatim { text, .. } => std::str::from_utf8(text)
                .map(Cow::Borrowed)
                .map_err(not_utf8),
            Token::Chunks => String::from_utf8(self.chunks()?)
                .map(Cow::Owned)
                .map_err(|error| not_utf8(error.utf8_error())),
            other => Err(Self::unexpected("a string", &other)),
        }
    }

    /// An integer, or a string that is wholly one, as `GET` of a counter gives.
    ///
    /// # Errors
    ///
    /// It is something else, nil included, or does not fit.
    pub fn integer(&mut self) -> Result<i64, Error> {
        integer("an integer", self)
    }

    /// A double, an integer, or a string that is wholly one of them.
    ///
    /// # Errors
    ///
    /// It is something else, nil included.
    pub fn double(&mut self) -> Result<f64, Error> {
        float("a double", self)
    }

    /// A boolean, the integer 0 or 1, or a string that is wholly `0` or `1`, as
    /// the field of a hash is.
    ///
    /// # Errors
    ///
    /// It is something else, nil included.
    pub fn boolean(&mut self) -> Result<bool, Error> {
        match self.token()? {
            Token::Bool(truth) => Ok(truth),
            Token::Integer(0) => Ok(false),
            Token::Integer(1) => Ok(true),
            Token::Integer(_) => Err(Error::mismatch(
                "a boolean",
                "an integer other than 0 and 1",
            )),
            Token::Bulk(text) | Token::Simple(text) => zero_or_one(text),
            Token::Chunks => zero_or_one(&self.chunks()?),
            other => Err(Self::unexpected("a boolean", &other)),
        }
    }
}

impl<'a> FromReply<'a> for &'a str {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, Error> {
        reader.str()
    }
}

impl<'a> FromReply<'a> for &'a [u8] {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, Error> {
        reader.bytes()
    }
}

impl<'a> FromReply<'a> for String {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, Error> {
        match reader.quick_str() {
            Some(text) => text.map(str::to_owned),
            None => reader.slow_text().map(Cow::into_owned),
        }
    }
}

impl<'a> FromReply<'a> for Box<str> {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, Error> {
        String::from_reply(reader).map(String::into_boxed_str)
    }
}

impl<'a> FromReply<'a> for Bytes {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, Error> {
        reader.shared()
    }
}

impl<'a> FromReply<'a> for bool {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, Error> {
        reader.boolean()
    }
}

fn zero_or_one(text: &[u8]) -> Result<bool, Error> {
    match text {
        b"0" => Ok(false),
        b"1" => Ok(true),
        _ => Err(Error::mismatch("a boolean", "a string other than 0 and 1")),
    }
}

/// A string that must be a number from its first byte to its last. What it
/// says instead is not told: it may be a secret.
fn parse<N: FromStr>(wanted: &'static str, text: &[u8]) -> Result<N, Error>
where
    N::Err: std::error::Error + Send + Sync + 'static,
{
    let text = std::str::from_utf8(text)
        .map_err(|cause| Error::mismatch(wanted, "bytes that are not UTF-8").caused_by(cause))?;
    text.parse()
        .map_err(|cause| Error::mismatch(wanted, "a string that is not one").caused_by(cause))
}

#[cold]
fn out_of_range(wanted: &'static str) -> Error {
    Error::mismatch(wanted, "an integer out of its range")
}

#[inline]
pub(crate) fn integer<N>(wanted: &'static str, reader: &mut Reader<'_>) -> Result<N, Error>
where
    N: TryFrom<i64> + FromStr,
    N::Err: std::error::Error + Send + Sync + 'static,
{
    match reader.quick_integer() {
        Some(n) => N::try_from(n).map_err(|_| out_of_range(wanted)),
        None => slow_integer(wanted, reader),
    }
}

fn slow_integer<N>(wanted: &'static str, reader: &mut Reader<'_>) -> Result<N, Error>
where
    N: TryFrom<i64> + FromStr,
    N::Err: std::error::Error + Send + Sync + 'static,
{
    if let Some(text) = reader.quick_bulk() {
        return parse(wanted, text);
    }
    match reader.token()? {
        Token::Integer(n) => N::try_from(n).map_err(|_| out_of_range(wanted)),
        Token::Bulk(text) | Token::Simple(text) | Token::BigNumber(text) => parse(wanted, text),
        Token::Chunks => parse(wanted, &reader.chunks()?),
        other => Err(Reader::unexpected(wanted, &other)),
    }
}

pub(crate) fn float<N>(wanted: &'static str, reader: &mut Reader<'_>) -> Result<N, Error>
where
    N: Real + FromStr,
    N::Err: std::error::Error + Send + Sync + 'static,
{
    if let Some(text) = reader.quick_bulk() {
        return parse(wanted, text);
    }
    match reader.token()? {
        Token::Double(n) => Ok(N::rounded(n)),
        Token::Integer(n) => {
            N::exact(n).ok_or_else(|| Error::mismatch(wanted, "an integer too large to be exact"))
        }
        Token::Bulk(text) | Token::Simple(text) => parse(wanted, text),
        Token::Chunks => parse(wanted, &reader.chunks()?),
        other => Err(Reader::unexpected(wanted, &other)),
    }
}

pub(crate) trait Real: Sized {
    fn rounded(n: f64) -> Self;
    fn exact(n: i64) -> Option<Self>;
}

impl Real for f64 {
    fn rounded(n: f64) -> Self {
        n
    }
    fn exact(n: i64) -> Option<Self> {
        (n.unsigned_abs() <= 1 << f64::MANTISSA_DIGITS).then_some(n as f64)
    }
}

impl Real for f32 {
    fn rounded(n: f64) -> Self {
        n as f32
    }
    fn exact(n: i64) -> Option<Self> {
        (n.unsigned_abs() <= 1 << f32::MANTISSA_DIGITS).then_some(n as f32)
    }
}

macro_rules! numbers {
    ($read:ident: $($type:ty, $name:literal;)*) => {$(
        impl<'a> FromReply<'a> for $type {
            #[inline]
            fn from_reply(reader: &mut Reader<'a>) -> Result<Self, Error> {
                $read($name, reader)
            }
        }
    )*};
}

numbers! { integer:
    i8, "an i8"; i16, "an i16"; i32, "an i32"; i64, "an i64"; i128, "an i128"; isize, "an isize";
    u16, "a u16"; u32, "a u32"; u64, "a u64"; u128, "a u128"; usize, "a usize";
}
numbers! { float: f32, "an f32"; f64, "an f64"; }

impl<'a> FromReply<'a> for u8 {
    #[inline]
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, Error> {
        integer("a u8", reader)
    }

    fn vec_from_reply(reader: &mut Reader<'a>) -> Result<Vec<u8>, Error> {
        collections::bytes(reader)
    }
}

impl<'a, T: FromReply<'a>> FromReply<'a> for Option<T> {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, Error> {
        if reader.null()? {
            Ok(None)
        } else {
            T::from_reply(reader).map(Some)
        }
    }
}

impl<'a, T: FromReply<'a>> FromReply<'a> for Result<T, Error> {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let mut element = reader.clone();
        match T::from_reply(reader) {
            Err(error) if error.is_server() || error.is_type_mismatch() => {
                // The failed decode may have stopped anywhere within.
                element.skip()?;
                *reader = element;
                Ok(Err(error))
            }
            Err(error) => Err(error),
            Ok(value) => Ok(Ok(value)),
        }
    }
}

impl<'a, T: FromReply<'a>> FromReply<'a> for Box<T> {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, Error> {
        T::from_reply(reader).map(Box::new)
    }
}
