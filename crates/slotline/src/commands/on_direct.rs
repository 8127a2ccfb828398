use std::time::Duration;

use slotline_resp::{ToArg, ToArgs};

use super::encode;
use super::kinds::{Flag, Get, Raw, Returning, Set, Unset};
use crate::direct::{Direct, On};

/// Each command does nothing until it is awaited. Its errors say what became of
/// it; see [`Error::delivery`](crate::Error::delivery).
impl Direct {
    /// [GET](https://redis.io/docs/latest/commands/get/): the value of a string.
    pub fn get<R>(&self, key: impl ToArg) -> On<&Direct, Get<R>> {
        On::new(self, |buffer| encode::get(buffer, key))
    }

    /// [SET](https://redis.io/docs/latest/commands/set/): sets a string. Options
    /// follow: `ex`, `keep_ttl`, `nx`, `xx`.
    pub fn set(&self, key: impl ToArg, value: impl ToArg) -> On<&Direct, Set<Unset, Unset>> {
        On::new(self, |buffer| encode::set(buffer, key, value))
    }

    /// [DEL](https://redis.io/docs/latest/commands/del/): how many of the keys
    /// there were. On a cluster they must share a slot.
    pub fn del(&self, keys: impl ToArgs) -> On<&Direct, Returning<u64>> {
        On::new(self, |buffer| encode::del(buffer, keys))
    }

    /// [INCR](https://redis.io/docs/latest/commands/incr/): the number after it
    /// was increased by one.
    pub fn incr(&self, key: impl ToArg) -> On<&Direct, Returning<i64>> {
        On::new(self, |buffer| encode::incr(buffer, key))
    }

    /// [HSET](https://redis.io/docs/latest/commands/hset/): sets fields of a hash,
    /// given as pairs or a map; how many of them are new.
    pub fn hset(&self, key: impl ToArg, fields: impl ToArgs) -> On<&Direct, Returning<u64>> {
        On::new(self, |buffer| encode::hset(buffer, key, fields))
    }

    /// [HGETALL](https://redis.io/docs/latest/commands/hgetall/): all fields of a
    /// hash, empty if there is none.
    pub fn hgetall<R>(&self, key: impl ToArg) -> On<&Direct, Get<R>> {
        On::new(self, |buffer| encode::hgetall(buffer, key))
    }

    /// [MGET](https://redis.io/docs/latest/commands/mget/): the values of several
    /// strings. On a cluster they must share a slot.
    pub fn mget<R>(&self, keys: impl ToArgs) -> On<&Direct, Get<R>> {
        On::new(self, |buffer| encode::mget(buffer, keys))
    }

    /// [EXPIRE](https://redis.io/docs/latest/commands/expire/), or PEXPIRE where
    /// the time is no whole number of seconds: whether there is such a key.
    pub fn expire(&self, key: impl ToArg, after: Duration) -> On<&Direct, Flag> {
        On::new(self, |buffer| encode::expire(buffer, key, after))
    }

    /// [PING](https://redis.io/docs/latest/commands/ping/): `PONG`, from any one
    /// node.
    pub fn ping(&self) -> On<&Direct, Returning<String>> {
        On::new(self, encode::ping)
    }

    /// Any command by its name, in any case. `key` adds an argument that is a key,
    /// `arg` any other.
    pub fn command(&self, name: &str) -> On<&Direct, Raw> {
        On::new(self, |buffer| {
            buffer.begin_named(name);
        })
    }
}
