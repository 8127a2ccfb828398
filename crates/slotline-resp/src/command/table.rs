//! Every command that a supported server knows. Written by
//! `cargo xtask command-table`; change it there.

use super::info::{CommandInfo, Flags, KeySpec, RequestPolicy, ResponsePolicy};

const fn row(
    name: &'static str,
    flags: Flags,
    keys: KeySpec,
    request: RequestPolicy,
    response: ResponsePolicy,
) -> CommandInfo {
    CommandInfo {
        name,
        flags,
        keys,
        request,
        response,
    }
}

const fn range(first: u16, last: i16, step: u16) -> KeySpec {
    KeySpec::Range { first, last, step }
}

const NO_KEYS: KeySpec = KeySpec::None;
const READ: Flags = Flags::READONLY;
const WRITE: Flags = Flags::WRITE;

/// ASKING
pub static ASKING: CommandInfo = row("ASKING", Flags::SESSION, NO_KEYS, RequestPolicy::Default, ResponsePolicy::Default);
/// CLIENT
pub static CLIENT: CommandInfo = row("CLIENT", Flags::CONTAINER, NO_KEYS, RequestPolicy::Default, ResponsePolicy::Default);
/// CLIENT REPLY
pub static CLIENT_REPLY: CommandInfo = row("CLIENT REPLY", Flags::SESSION, NO_KEYS, RequestPolicy::Default, ResponsePolicy::Default);
/// DEL
pub static DEL: CommandInfo = row("DEL", WRITE, range(1, -1, 1), RequestPolicy::MultiShard, ResponsePolicy::AggSum);
/// EXPIRE
pub static EXPIRE: CommandInfo = row("EXPIRE", WRITE, range(1, 1, 1), RequestPolicy::Default, ResponsePolicy::Default);
/// GET
pub static GET: CommandInfo = row("GET", READ, range(1, 1, 1), RequestPolicy::Default, ResponsePolicy::Default);
/// HGETALL
pub static HGETALL: CommandInfo = row("HGETALL", READ, range(1, 1, 1), RequestPolicy::Default, ResponsePolicy::Default);
/// HSET
pub static HSET: CommandInfo = row("HSET", WRITE, range(1, 1, 1), RequestPolicy::Default, ResponsePolicy::Default);
/// INCR
pub static INCR: CommandInfo = row("INCR", WRITE, range(1, 1, 1), RequestPolicy::Default, ResponsePolicy::Default);
/// MGET
pub static MGET: CommandInfo = row("MGET", READ, range(1, -1, 1), RequestPolicy::MultiShard, ResponsePolicy::Default);
/// PEXPIRE
pub static PEXPIRE: CommandInfo = row("PEXPIRE", WRITE, range(1, 1, 1), RequestPolicy::Default, ResponsePolicy::Default);
/// PING
pub static PING: CommandInfo = row("PING", Flags::NONE, NO_KEYS, RequestPolicy::Default, ResponsePolicy::Default);
/// SELECT
pub static SELECT: CommandInfo = row("SELECT", Flags::SESSION, NO_KEYS, RequestPolicy::Default, ResponsePolicy::Default);
/// SET
pub static SET: CommandInfo = row("SET", WRITE, range(1, 1, 1), RequestPolicy::Default, ResponsePolicy::Default);

/// Every row, sorted by name.
pub(crate) static TABLE: &[&CommandInfo] = &[
    &ASKING,
    &CLIENT,
    &CLIENT_REPLY,
    &DEL,
    &EXPIRE,
    &GET,
    &HGETALL,
    &HSET,
    &INCR,
    &MGET,
    &PEXPIRE,
    &PING,
    &SELECT,
    &SET,
];
