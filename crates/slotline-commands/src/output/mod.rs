//! What replies become.

mod time;

use std::marker::PhantomData;

use slotline_resp::{Error, FromReply, FromReplyOwned, Reader, Replies, ReplyKind, Result, Value};

pub use time::{
    AtMillis, AtSeconds, Clock, EachAtMillis, EachAtSeconds, EachInMillis, EachInSeconds,
    IdleSeconds, InMillis, InSeconds, UnixTime,
};

/// What a command's reply becomes.
pub trait Output {
    /// The type of the result.
    type T;

    /// Makes it out of the reply at `index`; `None` if there is no such reply.
    ///
    /// # Errors
    /// The reply is the server's error, or does not fit.
    fn decode(replies: &Replies, index: usize) -> Option<Result<Self::T>>;
}

/// A reply of the caller's choice, as GET's.
#[derive(Debug)]
pub struct Get<R>(PhantomData<R>);

/// A reply whose type is always the same, or was named with
/// [`returning`](crate::On::returning).
#[derive(Debug)]
pub struct Returning<R>(PhantomData<R>);

/// A command given by its name.
#[derive(Debug)]
pub struct Raw;

/// A reply that says nothing but that it is done.
#[derive(Debug)]
pub struct Done;

/// A reply that is a yes or a no: OK and nil are one too.
#[derive(Debug)]
pub struct Flag;

/// An option that was not given.
#[derive(Debug)]
pub struct Unset;

/// An option that was given.
#[derive(Debug)]
pub struct Given;

/// An option that can still be given.
#[diagnostic::on_unimplemented(message = "this option conflicts with one already given")]
pub trait Free {}

impl Free for Unset {}

impl<R: FromReplyOwned> Output for Get<R> {
    type T = R;
    fn decode(replies: &Replies, index: usize) -> Option<Result<R>> {
        replies.decode(index)
    }
}

impl<R: FromReplyOwned> Output for Returning<R> {
    type T = R;
    fn decode(replies: &Replies, index: usize) -> Option<Result<R>> {
        replies.decode(index)
    }
}

impl Output for Raw {
    type T = Value;
    fn decode(replies: &Replies, index: usize) -> Option<Result<Value>> {
        replies.decode(index)
    }
}

impl Output for Done {
    type T = ();
    fn decode(replies: &Replies, index: usize) -> Option<Result<()>> {
        let decoded: Result<Anything> = replies.decode(index)?;
        Some(decoded.map(drop))
    }
}

/// Whatever is no error, without a look at it.
struct Anything;

impl<'a> FromReply<'a> for Anything {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Anything> {
        if reader.kind()? == ReplyKind::Error {
            // It says itself what it is.
            reader.str()?;
        }
        reader.skip()?;
        Ok(Anything)
    }
}

impl Output for Flag {
    type T = bool;
    fn decode(replies: &Replies, index: usize) -> Option<Result<bool>> {
        let decoded: Result<Yes> = replies.decode(index)?;
        Some(decoded.map(|yes| yes.0))
    }
}

/// A yes or a no, as any command says it.
struct Yes(bool);

impl<'a> FromReply<'a> for Yes {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Yes> {
        match reader.kind()? {
            ReplyKind::Null => reader.skip().map(|()| Yes(false)),
            ReplyKind::Simple => match reader.str()? {
                "OK" => Ok(Yes(true)),
                _ => Err(Error::mismatch("a yes or a no", "another word")),
            },
            _ => bool::from_reply(reader).map(Yes),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn decoded<C: Output>(frame: &'static str) -> Result<C::T> {
        let mut replies = Replies::new();
        replies.push_segment(Bytes::from_static(frame.as_bytes()), [frame.len()]);
        C::decode(&replies, 0).unwrap()
    }

    #[test]
    fn a_flag_is_said_in_many_ways() {
        for (frame, expected) in [
            (":1\r\n", true),
            (":0\r\n", false),
            ("#t\r\n", true),
            ("+OK\r\n", true),
            ("_\r\n", false),
            ("$-1\r\n", false),
        ] {
            assert_eq!(decoded::<Flag>(frame).unwrap(), expected, "{frame}");
        }
        assert!(decoded::<Flag>("-ERR no\r\n").unwrap_err().is_server());
        for frame in [":2\r\n", "+QUEUED\r\n", "*0\r\n"] {
            assert!(!decoded::<Flag>(frame).unwrap_err().is_server(), "{frame}");
        }
    }

    #[test]
    fn what_is_done_is_done_unless_it_is_an_error() {
        for frame in ["+OK\r\n", ":3\r\n", "*2\r\n:1\r\n$1\r\na\r\n"] {
            assert!(decoded::<Done>(frame).is_ok(), "{frame}");
        }
        assert!(decoded::<Done>("-ERR no\r\n").unwrap_err().is_server());
    }
}
