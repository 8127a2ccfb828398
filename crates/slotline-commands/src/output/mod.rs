//! What replies become.

mod time;

use std::marker::PhantomData;

use slotline_resp::{FromReplyOwned, Replies, Result, Value};

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
        let decoded: Result<Value> = replies.decode(index)?;
        Some(decoded.map(drop))
    }
}

impl Output for Flag {
    type T = bool;
    fn decode(replies: &Replies, index: usize) -> Option<Result<bool>> {
        if let Some(Ok(None)) = replies.decode::<Option<Value>>(index) {
            return Some(Ok(false));
        }
        match replies.decode::<bool>(index)? {
            Ok(flag) => Some(Ok(flag)),
            Err(error) => match replies.decode::<&str>(index)? {
                Ok("OK") => Some(Ok(true)),
                _ => Some(Err(error)),
            },
        }
    }
}
