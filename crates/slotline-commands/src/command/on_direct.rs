use std::time::Duration;

use slotline_resp::{ToArg, ToArgs};

use super::encode;
use super::kinds::Set;
use crate::direct::{Direct, On};
use crate::output::{Flag, Get, Raw, Returning, Unset};

/// Each command does nothing until it is awaited.
impl<T> Direct<T> {
    /// [GET](https://redis.io/docs/latest/commands/get/): the value of a string.
    pub fn get<R>(&self, key: impl ToArg) -> On<&Direct<T>, Get<R>> {
        self.on(|buffer| encode::get(buffer, key))
    }

    /// [SET](https://redis.io/docs/latest/commands/set/): sets a string. Options
    /// follow: `ex`, `keep_ttl`, `nx`, `xx`.
    pub fn set(&self, key: impl ToArg, value: impl ToArg) -> On<&Direct<T>, Set<Unset, Unset>> {
        self.on(|buffer| encode::set(buffer, key, value))
    }

    /// [DEL](https://redis.io/docs/latest/commands/del/): how many of the keys
    /// there were. On a cluster they must share a slot.
    pub fn del(&self, keys: impl ToArgs) -> On<&Direct<T>, Returning<u64>> {
        self.on(|buffer| encode::del(buffer, keys))
    }

    /// [INCR](https://redis.io/docs/latest/commands/incr/): the number after it
    /// was increased by one.
    pub fn incr(&self, key: impl ToArg) -> On<&Direct<T>, Returning<i64>> {
        self.on(|buffer| encode::incr(buffer, key))
    }

    /// [HSET](https://redis.io/docs/latest/commands/hset/): sets fields of a hash,
    /// given as pairs or a map; how many of them are new.
    pub fn hset(&self, key: impl ToArg, fields: impl ToArgs) -> On<&Direct<T>, Returning<u64>> {
        self.on(|buffer| encode::hset(buffer, key, fields))
    }

    /// [HGETALL](https://redis.io/docs/latest/commands/hgetall/): all fields of a
    /// hash, empty if there is none.
    pub fn hgetall<R>(&self, key: impl ToArg) -> On<&Direct<T>, Get<R>> {
        self.on(|buffer| encode::hgetall(buffer, key))
    }

    /// [MGET](https://redis.io/docs/latest/commands/mget/): the values of several
    /// strings. On a cluster they must share a slot.
    pub fn mget<R>(&self, keys: impl ToArgs) -> On<&Direct<T>, Get<R>> {
        self.on(|buffer| encode::mget(buffer, keys))
    }

    /// [EXPIRE](https://redis.io/docs/latest/commands/expire/), or PEXPIRE where
    /// the time is no whole number of seconds: whether there is such a key.
    pub fn expire(&self, key: impl ToArg, after: Duration) -> On<&Direct<T>, Flag> {
        self.on(|buffer| encode::expire(buffer, key, after))
    }

    /// [PING](https://redis.io/docs/latest/commands/ping/): `PONG`, from any one
    /// node.
    pub fn ping(&self) -> On<&Direct<T>, Returning<String>> {
        self.on(encode::ping)
    }

    /// Any command by its name, in any case. `key` adds an argument that is a key,
    /// `arg` any other.
    pub fn command(&self, name: &str) -> On<&Direct<T>, Raw> {
        self.on(|buffer| {
            buffer.begin_named(name);
        })
    }
}
