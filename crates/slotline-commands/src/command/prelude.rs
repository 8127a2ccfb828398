//! What the file of every group uses.

pub(super) use slotline_resp::{FromReplyOwned, Replies, Result, Seconds, ToArg, ToArgs};

pub(super) use crate::batch::Batch;
pub(super) use crate::direct::{Direct, On};
pub(super) use crate::output::{
    AtMillis, AtSeconds, Clock, Done, EachAtMillis, EachAtSeconds, EachInMillis, EachInSeconds,
    Flag, Free, Get, Given, IdleSeconds, InMillis, InSeconds, Output, Returning, UnixTime, Unset,
};
pub(super) use crate::queued::Queued;
