//! What each command's reply becomes.

use std::marker::PhantomData;

use slotline_resp::{FromReplyOwned, Replies};

use crate::direct::Output;

/// A reply of the caller's choice, as GET's.
#[derive(Debug)]
pub struct Get<R>(PhantomData<R>);

/// A reply whose type is named with `returning`.
#[derive(Debug)]
pub struct Returning<R>(PhantomData<R>);

/// A command given by its name.
#[derive(Debug)]
pub struct Raw;

/// A reply that is a yes or a no.
#[derive(Debug)]
pub struct Flag;

/// SET, with or without a time to live and a condition.
#[derive(Debug)]
pub struct Set<Ttl, If>(PhantomData<(Ttl, If)>);

/// An option that was not given.
#[derive(Debug)]
pub struct Unset;

/// An option that was given.
#[derive(Debug)]
pub struct Given;

fn decode<T: FromReplyOwned>(replies: &Replies, at: usize) -> Option<slotline_resp::Result<T>> {
    replies.decode(at)
}

impl<R: FromReplyOwned> Output for Get<R> {
    type T = R;
    fn decode(replies: &Replies, index: usize) -> Option<slotline_resp::Result<R>> {
        decode(replies, index)
    }
}

impl<R: FromReplyOwned> Output for Returning<R> {
    type T = R;
    fn decode(replies: &Replies, index: usize) -> Option<slotline_resp::Result<R>> {
        decode(replies, index)
    }
}

impl Output for Raw {
    type T = slotline_resp::Value;
    fn decode(replies: &Replies, index: usize) -> Option<slotline_resp::Result<Self::T>> {
        decode(replies, index)
    }
}

impl Output for Flag {
    type T = bool;
    fn decode(replies: &Replies, index: usize) -> Option<slotline_resp::Result<bool>> {
        decode(replies, index)
    }
}

/// Without a condition a SET that is answered has set its key.
impl<Ttl> Output for Set<Ttl, Unset> {
    type T = ();
    fn decode(replies: &Replies, index: usize) -> Option<slotline_resp::Result<()>> {
        Some(decode::<String>(replies, index)?.map(drop))
    }
}

/// With a condition it says whether the condition held.
impl<Ttl> Output for Set<Ttl, Given> {
    type T = bool;
    fn decode(replies: &Replies, index: usize) -> Option<slotline_resp::Result<bool>> {
        Some(decode::<Option<String>>(replies, index)?.map(|ok| ok.is_some()))
    }
}
