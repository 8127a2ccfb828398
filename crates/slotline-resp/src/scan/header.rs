//! nom parsers for what stands at the front of each element: the type byte
//! and, for all but text lines, everything up to the first CR LF.
//!
//! They are streaming: a header that has not arrived whole is `Incomplete`,
//! and is read again from its own first byte. Headers are at most 23 bytes, so
//! this stays linear; whatever may be longer (text lines, bulk bodies) is left
//! to the scanner, which remembers where it stopped.

use super::quick::quick_length;

use nom::branch::alt;
use nom::bytes::complete::tag as whole_tag;
use nom::bytes::streaming::tag;
use nom::character::complete::{digit1, one_of};
use nom::combinator::{all_consuming, opt, recognize, value};
use nom::error::{ErrorKind, ParseError};
use nom::sequence::terminated;
use nom::{Err, IResult, Needed, Parser};

/// A header and what must follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// Text up to CR LF follows: `+`, `-`, `(` or `,`.
    Line(Line),
    /// Complete in itself.
    Integer(i64),
    Bool(bool),
    Null,
    /// So many bytes follow, then CR LF.
    Bulk(Blob, usize),
    /// Chunks follow (`$?`), up to an empty one.
    StreamedBulk,
    /// One chunk of a streamed string; 0 ends it.
    Chunk(usize),
    /// So many elements follow; for a map twice the pairs. `None`: streamed,
    /// up to an end mark.
    Aggregate(Aggregate, Option<u64>),
    /// So many elements follow that do not count, then the element itself.
    Attribute(u64),
    /// `.`: the end of a streamed aggregate.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Simple,
    Error,
    BigNumber,
    Double,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blob {
    String,
    Error,
    Verbatim,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Array,
    Map,
    Set,
    Push,
}

/// A broken rule, and how many bytes of the input were left where it broke:
/// nom's parsers know what is before them, not how far they have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) what: &'static str,
    pub(crate) left: usize,
}

impl ParseError<&[u8]> for Fault {
    fn from_error_kind(input: &[u8], _: ErrorKind) -> Self {
        Self {
            what: "unexpected byte",
            left: input.len(),
        }
    }

    fn append(_: &[u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

pub(crate) type Parsed<'i, T> = IResult<&'i [u8], T, Fault>;

fn fail<'i, T>(what: &'static str, at: &'i [u8]) -> Parsed<'i, T> {
    Err(Err::Failure(Fault {
        what,
        left: at.len(),
    }))
}

fn more<'i, T>() -> Parsed<'i, T> {
    Err(Err::Incomplete(Needed::Unknown))
}

/// The header at the front of `input`.
pub(crate) fn header(input: &[u8]) -> Parsed<'_, Header> {
    let Some((&kind, rest)) = input.split_first() else {
        return more();
    };
    match kind {
        b'$' => bulk(rest),
        b'*' => array(rest),
        b':' => integer(rest).map(|(rest, n)| (rest, Header::Integer(n))),
        b'+' => Ok((rest, Header::Line(Line::Simple))),
        b'-' => Ok((rest, Header::Line(Line::Error))),
        b'_' => value(Header::Null, crlf).parse(rest),
        b'%' => streamable(Aggregate::Map, rest),
        b'~' => streamable(Aggregate::Set, rest),
        b'>' => length(rest).map(|(rest, n)| (rest, Header::Aggregate(Aggregate::Push, Some(n)))),
        b'|' => {
            let (after, pairs) = length(rest)?;
            Ok((after, Header::Attribute(doubled(pairs, rest)?)))
        }
        b',' => Ok((rest, Header::Line(Line::Double))),
        b'#' => boolean(rest),
        b'!' => sized(Blob::Error, rest),
        b'=' => sized(Blob::Verbatim, rest),
        b'(' => Ok((rest, Header::Line(Line::BigNumber))),
        b';' => {
            let (after, n) = length(rest)?;
            Ok((after, Header::Chunk(addressable(n, rest)?)))
        }
        b'.' => value(Header::End, crlf).parse(rest),
        _ => fail("unknown type byte", input),
    }
}

/// After `$`: a length, `-1` for null, or `?` for a streamed string.
fn bulk(input: &[u8]) -> Parsed<'_, Header> {
    match input.first() {
        Some(b'-') => null(input),
        Some(b'?') => value(Header::StreamedBulk, (tag(&b"?"[..]), crlf)).parse(input),
        _ => sized(Blob::String, input),
    }
}

/// After `*`: a count, `-1` for null, or `?` for a streamed array.
fn array(input: &[u8]) -> Parsed<'_, Header> {
    match input.first() {
        Some(b'-') => null(input),
        _ => streamable(Aggregate::Array, input),
    }
}

/// RESP2's null: `-1` is the only negative length there is.
fn null(input: &[u8]) -> Parsed<'_, Header> {
    match tag::<_, _, Fault>(&b"-1"[..]).parse(input) {
        Ok((rest, _)) => value(Header::Null, crlf).parse(rest),
        Err(Err::Incomplete(needed)) => Err(Err::Incomplete(needed)),
        Err(_) => fail("negative length", input),
    }
}

fn sized(blob: Blob, input: &[u8]) -> Parsed<'_, Header> {
    let (rest, n) = length(input)?;
    Ok((rest, Header::Bulk(blob, addressable(n, input)?)))
}

fn streamable(aggregate: Aggregate, input: &[u8]) -> Parsed<'_, Header> {
    if input.first() == Some(&b'?') {
        return value(Header::Aggregate(aggregate, None), (tag(&b"?"[..]), crlf)).parse(input);
    }
    let (rest, n) = length(input)?;
    let elements = match aggregate {
        Aggregate::Map => doubled(n, input)?,
        _ => n,
    };
    Ok((rest, Header::Aggregate(aggregate, Some(elements))))
}

fn doubled(pairs: u64, at: &[u8]) -> Result<u64, Err<Fault>> {
    pairs.checked_mul(2).ok_or(Err::Failure(Fault {
        what: "length out of range",
        left: at.len(),
    }))
}

/// Leaves room for the offsets that are added to a length.
fn addressable(n: u64, at: &[u8]) -> Result<usize, Err<Fault>> {
    usize::try_from(n)
        .ok()
        .filter(|&n| n <= usize::MAX / 2)
        .ok_or(Err::Failure(Fault {
            what: "length out of range",
            left: at.len(),
        }))
}

fn boolean(input: &[u8]) -> Parsed<'_, Header> {
    let letter = alt((
        value(Header::Bool(true), tag(&b"t"[..])),
        value(Header::Bool(false), tag(&b"f"[..])),
    ));
    match terminated(letter, crlf).parse(input) {
        Err(Err::Error(fault)) => Err(Err::Failure(Fault {
            what: "a boolean is t or f",
            ..fault
        })),
        other => other,
    }
}

/// A parser in its own right rather than a combinator of nom's: it is run for
/// every line of every frame.
pub(crate) fn crlf(input: &[u8]) -> Parsed<'_, ()> {
    match input {
        [b'\r', b'\n', rest @ ..] => Ok((rest, ())),
        [] | [b'\r'] => more(),
        [b'\r', rest @ ..] => fail("CR without LF", rest),
        _ => fail("CR LF expected", input),
    }
}

/// A length or count and its CR LF: digits only, without sign or leading zero.
/// By hand for the same reason as [`crlf`].
fn length(input: &[u8]) -> Parsed<'_, u64> {
    match quick_length(input) {
        Some(found) => Ok(found),
        None => length_in_doubt(input),
    }
}

/// What is wrong with a length, or is missing of it.
#[cold]
fn length_in_doubt(input: &[u8]) -> Parsed<'_, u64> {
    let mut n: u64 = 0;
    let mut rest = input;
    while let Some((&byte, after)) = rest.split_first() {
        match byte {
            b'0'..=b'9' => {
                if n == 0 && rest.len() < input.len() {
                    return fail("leading zero in a length", input);
                }
                n = match n
                    .checked_mul(10)
                    .and_then(|n| n.checked_add(u64::from(byte - b'0')))
                {
                    Some(n) => n,
                    None => return fail("length out of range", input),
                };
            }
            b'\r' if rest.len() < input.len() => {
                return crlf(rest).map(|(rest, ())| (rest, n));
            }
            b'-' if rest.len() == input.len() => return fail("negative length", rest),
            _ => return fail("digit expected in a length", rest),
        }
        rest = after;
    }
    more()
}

/// A signed 64-bit integer and its CR LF. Both signs are legal ("an optional
/// plus or minus"), leading zeros too.
fn integer(input: &[u8]) -> Parsed<'_, i64> {
    let (negative, digits) = match input.split_first() {
        None => return more(),
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        Some(_) => (false, input),
    };
    let mut n: i64 = 0;
    let mut rest = digits;
    while let Some((&byte, after)) = rest.split_first() {
        match byte {
            b'0'..=b'9' => {
                let digit = i64::from(byte - b'0');
                let next = n.checked_mul(10).and_then(|n| {
                    // Downwards for negatives, or i64::MIN would not fit.
                    if negative {
                        n.checked_sub(digit)
                    } else {
                        n.checked_add(digit)
                    }
                });
                // 64 digits are more than any server sends; without a bound,
                // zeros cut byte by byte would cost their square.
                match next.filter(|_| digits.len() - rest.len() < 64) {
                    Some(next) => n = next,
                    None => return fail("integer out of range", input),
                }
            }
            b'\r' if rest.len() < digits.len() => {
                return crlf(rest).map(|(rest, ())| (rest, n));
            }
            _ => return fail("digit expected in an integer", rest),
        }
        rest = after;
    }
    more()
}

fn complete(matched: IResult<&[u8], &[u8], Fault>, what: &'static str) -> Result<(), &'static str> {
    matched.map(|_| ()).map_err(|_| what)
}

/// Whether a whole line is a number as RESP3 ("Double") spells it, or as older
/// servers print it through libc (`-nan`, `1.0000000000000001e+300`).
pub(crate) fn check_double(line: &[u8]) -> Result<(), &'static str> {
    let number = recognize((
        opt(one_of("+-")),
        digit1,
        opt((whole_tag(&b"."[..]), digit1)),
        opt((one_of("eE"), opt(one_of("+-")), digit1)),
    ));
    let word = recognize((
        opt(one_of("+-")),
        alt((whole_tag(&b"inf"[..]), whole_tag(&b"nan"[..]))),
    ));
    complete(
        all_consuming(alt((number, word))).parse(line),
        "not a double",
    )
}
