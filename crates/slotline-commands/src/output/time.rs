//! Replies that are times.

use std::time::{Duration, SystemTime};

use slotline_resp::{FromReplyOwned, Replies, Result, ServerTime, UnixSeconds};

use super::Output;
use crate::types::{Expiry, TimeToLive};

/// A time to live in seconds, as TTL's.
#[derive(Debug)]
pub struct InSeconds;

/// A time to live in milliseconds, as PTTL's.
#[derive(Debug)]
pub struct InMillis;

/// Several times to live in seconds, as HTTL's; none if there is no such key.
#[derive(Debug)]
pub struct EachInSeconds;

/// Several times to live in milliseconds, as HPTTL's; none if there is no such key.
#[derive(Debug)]
pub struct EachInMillis;

/// A moment in seconds, as EXPIRETIME's.
#[derive(Debug)]
pub struct AtSeconds;

/// A moment in milliseconds, as PEXPIRETIME's.
#[derive(Debug)]
pub struct AtMillis;

/// Several moments in seconds, as HEXPIRETIME's; none if there is no such key.
#[derive(Debug)]
pub struct EachAtSeconds;

/// Several moments in milliseconds, as HPEXPIRETIME's; none if there is no such key.
#[derive(Debug)]
pub struct EachAtMillis;

/// How long something was not used, in seconds, as OBJECT IDLETIME's; nil if there is none.
#[derive(Debug)]
pub struct IdleSeconds;

/// A moment in seconds, as LASTSAVE's.
#[derive(Debug)]
pub struct UnixTime;

/// A moment in seconds and microseconds, as TIME's.
#[derive(Debug)]
pub struct Clock;

/// What `make` makes of a reply that decodes as `R`.
fn then<R: FromReplyOwned, T>(
    replies: &Replies,
    index: usize,
    make: impl FnOnce(R) -> T,
) -> Option<Result<T>> {
    let decoded: Result<R> = replies.decode(index)?;
    Some(decoded.map(make))
}

/// Servers answer nil, or nothing, where there is no such key.
fn each<T>(times: Option<Vec<i64>>, of: impl Fn(i64) -> T) -> Vec<T> {
    times.unwrap_or_default().into_iter().map(of).collect()
}

impl Output for InSeconds {
    type T = TimeToLive;
    fn decode(replies: &Replies, index: usize) -> Option<Result<TimeToLive>> {
        then(replies, index, |time| {
            TimeToLive::of(time, Duration::from_secs)
        })
    }
}

impl Output for InMillis {
    type T = TimeToLive;
    fn decode(replies: &Replies, index: usize) -> Option<Result<TimeToLive>> {
        then(replies, index, |time| {
            TimeToLive::of(time, Duration::from_millis)
        })
    }
}

impl Output for EachInSeconds {
    type T = Vec<TimeToLive>;
    fn decode(replies: &Replies, index: usize) -> Option<Result<Vec<TimeToLive>>> {
        let of = |time| TimeToLive::of(time, Duration::from_secs);
        then(replies, index, |times| each(times, of))
    }
}

impl Output for EachInMillis {
    type T = Vec<TimeToLive>;
    fn decode(replies: &Replies, index: usize) -> Option<Result<Vec<TimeToLive>>> {
        let of = |time| TimeToLive::of(time, Duration::from_millis);
        then(replies, index, |times| each(times, of))
    }
}

impl Output for AtSeconds {
    type T = Expiry;
    fn decode(replies: &Replies, index: usize) -> Option<Result<Expiry>> {
        then(replies, index, |time| Expiry::of(time, Duration::from_secs))
    }
}

impl Output for AtMillis {
    type T = Expiry;
    fn decode(replies: &Replies, index: usize) -> Option<Result<Expiry>> {
        then(replies, index, |time| {
            Expiry::of(time, Duration::from_millis)
        })
    }
}

impl Output for EachAtSeconds {
    type T = Vec<Expiry>;
    fn decode(replies: &Replies, index: usize) -> Option<Result<Vec<Expiry>>> {
        let of = |time| Expiry::of(time, Duration::from_secs);
        then(replies, index, |times| each(times, of))
    }
}

impl Output for EachAtMillis {
    type T = Vec<Expiry>;
    fn decode(replies: &Replies, index: usize) -> Option<Result<Vec<Expiry>>> {
        let of = |time| Expiry::of(time, Duration::from_millis);
        then(replies, index, |times| each(times, of))
    }
}

impl Output for IdleSeconds {
    type T = Option<Duration>;
    fn decode(replies: &Replies, index: usize) -> Option<Result<Option<Duration>>> {
        then(replies, index, |time: Option<u64>| {
            time.map(Duration::from_secs)
        })
    }
}

impl Output for UnixTime {
    type T = SystemTime;
    fn decode(replies: &Replies, index: usize) -> Option<Result<SystemTime>> {
        then(replies, index, |time: UnixSeconds| time.0)
    }
}

impl Output for Clock {
    type T = SystemTime;
    fn decode(replies: &Replies, index: usize) -> Option<Result<SystemTime>> {
        then(replies, index, |time: ServerTime| time.0)
    }
}
