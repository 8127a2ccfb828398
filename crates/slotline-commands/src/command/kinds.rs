//! What commands with options are, and what their replies become.

use std::marker::PhantomData;

use slotline_resp::{Replies, Result};

use crate::output::{Given, Output, Unset};

/// SET, with or without a time to live and a condition.
#[derive(Debug)]
pub struct Set<Ttl, If>(PhantomData<(Ttl, If)>);

/// Without a condition a SET that is answered has set its key.
impl<Ttl> Output for Set<Ttl, Unset> {
    type T = ();
    fn decode(replies: &Replies, index: usize) -> Option<Result<()>> {
        let decoded: Result<String> = replies.decode(index)?;
        Some(decoded.map(drop))
    }
}

/// With a condition it says whether the condition held.
impl<Ttl> Output for Set<Ttl, Given> {
    type T = bool;
    fn decode(replies: &Replies, index: usize) -> Option<Result<bool>> {
        let decoded: Result<Option<String>> = replies.decode(index)?;
        Some(decoded.map(|ok| ok.is_some()))
    }
}
