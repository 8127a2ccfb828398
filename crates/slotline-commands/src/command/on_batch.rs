use std::time::Duration;

use slotline_resp::{ToArg, ToArgs};

use super::encode;
use super::kinds::Set;
use crate::batch::Batch;
use crate::output::{Flag, Get, Raw, Returning, Unset};
use crate::queued::Queued;

/// Each command is queued at once. The type of its reply is said where the
/// replies are decoded.
impl Batch {
    /// [GET](https://redis.io/docs/latest/commands/get/): the value of a string.
    pub fn get(&mut self, key: impl ToArg) -> Queued<'_, Get<()>> {
        self.queue(|buffer| encode::get(buffer, key))
    }

    /// [SET](https://redis.io/docs/latest/commands/set/): sets a string. Options
    /// follow: `ex`, `keep_ttl`, `nx`, `xx`.
    pub fn set(&mut self, key: impl ToArg, value: impl ToArg) -> Queued<'_, Set<Unset, Unset>> {
        self.queue(|buffer| encode::set(buffer, key, value))
    }

    /// [DEL](https://redis.io/docs/latest/commands/del/): how many of the keys
    /// there were. On a cluster they must share a slot.
    pub fn del(&mut self, keys: impl ToArgs) -> Queued<'_, Returning<u64>> {
        self.queue(|buffer| encode::del(buffer, keys))
    }

    /// [INCR](https://redis.io/docs/latest/commands/incr/): the number after it
    /// was increased by one.
    pub fn incr(&mut self, key: impl ToArg) -> Queued<'_, Returning<i64>> {
        self.queue(|buffer| encode::incr(buffer, key))
    }

    /// [HSET](https://redis.io/docs/latest/commands/hset/): sets fields of a hash,
    /// given as pairs or a map; how many of them are new.
    pub fn hset(&mut self, key: impl ToArg, fields: impl ToArgs) -> Queued<'_, Returning<u64>> {
        self.queue(|buffer| encode::hset(buffer, key, fields))
    }

    /// [HGETALL](https://redis.io/docs/latest/commands/hgetall/): all fields of a
    /// hash, empty if there is none.
    pub fn hgetall(&mut self, key: impl ToArg) -> Queued<'_, Get<()>> {
        self.queue(|buffer| encode::hgetall(buffer, key))
    }

    /// [MGET](https://redis.io/docs/latest/commands/mget/): the values of several
    /// strings. On a cluster they must share a slot.
    pub fn mget(&mut self, keys: impl ToArgs) -> Queued<'_, Get<()>> {
        self.queue(|buffer| encode::mget(buffer, keys))
    }

    /// [EXPIRE](https://redis.io/docs/latest/commands/expire/), or PEXPIRE where
    /// the time is no whole number of seconds: whether there is such a key.
    pub fn expire(&mut self, key: impl ToArg, after: Duration) -> Queued<'_, Flag> {
        self.queue(|buffer| encode::expire(buffer, key, after))
    }

    /// [PING](https://redis.io/docs/latest/commands/ping/): `PONG`, from any one
    /// node.
    pub fn ping(&mut self) -> Queued<'_, Returning<String>> {
        self.queue(encode::ping)
    }

    /// Any command by its name, in any case. `key` adds an argument that is a key,
    /// `arg` any other.
    pub fn command(&mut self, name: &str) -> Queued<'_, Raw> {
        self.queue(|buffer| {
            buffer.begin_named(name);
        })
    }
}
