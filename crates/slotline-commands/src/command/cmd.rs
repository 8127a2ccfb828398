//! Commands as values: each is run by [`Direct::run`](crate::Direct::run), wherever and as
//! often as it is made.

use std::time::Duration;

use slotline_resp::{ToArg, ToArgs};

use super::encode;
use super::kinds::Set;
use crate::direct::On;
use crate::output::{Flag, Get, Raw, Returning, Unset};

/// [GET](https://redis.io/docs/latest/commands/get/): the value of a string.
pub fn get<R>(key: impl ToArg) -> On<(), Get<R>> {
    On::new((), |buffer| encode::get(buffer, key))
}

/// [SET](https://redis.io/docs/latest/commands/set/): sets a string. Options follow: `ex`,
/// `keep_ttl`, `nx`, `xx`.
pub fn set(key: impl ToArg, value: impl ToArg) -> On<(), Set<Unset, Unset>> {
    On::new((), |buffer| encode::set(buffer, key, value))
}

/// [DEL](https://redis.io/docs/latest/commands/del/): how many of the keys there were. On a
/// cluster they must share a slot.
pub fn del(keys: impl ToArgs) -> On<(), Returning<u64>> {
    On::new((), |buffer| encode::del(buffer, keys))
}

/// [INCR](https://redis.io/docs/latest/commands/incr/): the number after it was increased by
/// one.
pub fn incr(key: impl ToArg) -> On<(), Returning<i64>> {
    On::new((), |buffer| encode::incr(buffer, key))
}

/// [HSET](https://redis.io/docs/latest/commands/hset/): sets fields of a hash, given as pairs
/// or a map; how many of them are new.
pub fn hset(key: impl ToArg, fields: impl ToArgs) -> On<(), Returning<u64>> {
    On::new((), |buffer| encode::hset(buffer, key, fields))
}

/// [HGETALL](https://redis.io/docs/latest/commands/hgetall/): all fields of a hash, empty if
/// there is none.
pub fn hgetall<R>(key: impl ToArg) -> On<(), Get<R>> {
    On::new((), |buffer| encode::hgetall(buffer, key))
}

/// [MGET](https://redis.io/docs/latest/commands/mget/): the values of several strings. On a
/// cluster they must share a slot.
pub fn mget<R>(keys: impl ToArgs) -> On<(), Get<R>> {
    On::new((), |buffer| encode::mget(buffer, keys))
}

/// [EXPIRE](https://redis.io/docs/latest/commands/expire/), or PEXPIRE where the time is no
/// whole number of seconds: whether there is such a key.
pub fn expire(key: impl ToArg, after: Duration) -> On<(), Flag> {
    On::new((), |buffer| encode::expire(buffer, key, after))
}

/// [PING](https://redis.io/docs/latest/commands/ping/): `PONG`, from any one node.
pub fn ping() -> On<(), Returning<String>> {
    On::new((), encode::ping)
}

/// Any command by its name, in any case. `key` adds an argument that is a key, `arg` any
/// other.
pub fn command(name: &str) -> On<(), Raw> {
    On::new((), |buffer| {
        buffer.begin_named(name);
    })
}
