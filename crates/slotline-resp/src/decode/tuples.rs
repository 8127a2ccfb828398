//! Arrays of a fixed length into tuples.

use crate::decode::{FromReply, Reader, ReplyKind, Sequence, Token};
use crate::error::Error;

/// Opens an array or push that must have `len` elements.
pub(crate) fn open(
    reader: &mut Reader<'_>,
    wanted: &'static str,
    len: u64,
) -> Result<Sequence, Error> {
    match reader.token()? {
        Token::Aggregate(sequence)
            if matches!(sequence.kind(), ReplyKind::Array | ReplyKind::Push) =>
        {
            match sequence.left() {
                Some(left) if left != len => Err(wrong_length(wanted)),
                _ => Ok(sequence),
            }
        }
        other => Err(Reader::unexpected(wanted, &other)),
    }
}

fn wrong_length(wanted: &'static str) -> Error {
    Error::mismatch(wanted, "an array of another length")
}

/// Whether the next element is an aggregate: a tuple in an array of its own, and
/// not the first member of one that lies flat among its neighbours.
fn is_apart(reader: &mut Reader<'_>) -> Result<bool, Error> {
    Ok(matches!(
        reader.kind()?,
        ReplyKind::Array | ReplyKind::Push | ReplyKind::Map | ReplyKind::Set | ReplyKind::Error
    ))
}

macro_rules! tuples {
    ($($len:literal, $wanted:literal: $first:ident $($member:ident $index:literal)*;)*) => {$(
        impl<'a, $first: FromReply<'a>, $($member: FromReply<'a>),*> FromReply<'a>
            for ($first, $($member,)*)
        {
            fn from_reply(reader: &mut Reader<'a>) -> Result<Self, Error> {
                let mut sequence = open(reader, $wanted, $len)?;
                if !reader.has_next(&mut sequence)? {
                    return Err(wrong_length($wanted));
                }
                let tuple = (
                    $first::from_reply(reader).map_err(|error| error.at(0))?,
                    $({
                        if !reader.has_next(&mut sequence)? {
                            return Err(wrong_length($wanted));
                        }
                        $member::from_reply(reader).map_err(|error| error.at($index))?
                    },)*
                );
                if reader.has_next(&mut sequence)? {
                    return Err(wrong_length($wanted));
                }
                Ok(tuple)
            }

            fn elements_of_next(reader: &mut Reader<'a>) -> usize {
                match is_apart(reader) {
                    Ok(false) => $len,
                    _ => 1,
                }
            }

            fn from_element(
                reader: &mut Reader<'a>,
                sequence: &mut Sequence,
            ) -> Result<Self, Error> {
                let _ = &sequence;
                if $len == 1 || is_apart(reader)? {
                    return Self::from_reply(reader);
                }
                Ok((
                    $first::from_reply(reader).map_err(|error| error.at(0))?,
                    $({
                        if !reader.has_next(sequence)? {
                            return Err(Error::mismatch($wanted, "the rest of a flat array"));
                        }
                        $member::from_reply(reader).map_err(|error| error.at($index))?
                    },)*
                ))
            }
        }
    )*};
}

tuples! {
    1, "an array of 1": A;
    2, "an array of 2": A B 1;
    3, "an array of 3": A B 1 C 2;
    4, "an array of 4": A B 1 C 2 D 3;
    5, "an array of 5": A B 1 C 2 D 3 E 4;
    6, "an array of 6": A B 1 C 2 D 3 E 4 F 5;
    7, "an array of 7": A B 1 C 2 D 3 E 4 F 5 G 6;
    8, "an array of 8": A B 1 C 2 D 3 E 4 F 5 G 6 H 7;
}
