//! Where the table says other than the servers, or more: all of it, in one place.

use anyhow::{Context, Result};
use std::collections::BTreeMap;

use super::facts::Facts;
use super::keys::Keys;

/// Commands that change what their connection is, or speak of what was done on
/// it: a connection that many use refuses them.
const SESSION: &[&str] = &[
    "ASKING",
    "AUTH",
    "CLIENT CACHING",
    "CLIENT CAPA",
    "CLIENT IMPORT-SOURCE",
    "CLIENT NO-EVICT",
    "CLIENT NO-TOUCH",
    "CLIENT REPLY",
    "CLIENT SETINFO",
    "CLIENT SETNAME",
    "CLIENT TRACKING",
    "DISCARD",
    "EXEC",
    "HELLO",
    "MONITOR",
    "MULTI",
    "PSUBSCRIBE",
    "PSYNC",
    "PUNSUBSCRIBE",
    "QUIT",
    "READONLY",
    "READWRITE",
    "REPLCONF",
    "RESET",
    "SCRIPT DEBUG",
    "SELECT",
    "SSUBSCRIBE",
    "SUBSCRIBE",
    "SUNSUBSCRIBE",
    "SYNC",
    "UNSUBSCRIBE",
    "UNWATCH",
    "WAIT",
    "WAITAOF",
    "WATCH",
];

/// Commands that run code of the caller's, whose errors may be that code's.
const SCRIPT: &[&str] = &[
    "EVAL",
    "EVALSHA",
    "EVALSHA_RO",
    "EVAL_RO",
    "FCALL",
    "FCALL_RO",
];

/// Writes that say what there is to be, and answer the same if they run twice in a row.
const IDEMPOTENT: &[&str] = &[
    "EXPIREAT",
    "HMSET",
    "JSON.SET",
    "LSET",
    "MSET",
    "MSETEX",
    "PEXPIREAT",
    "PFMERGE",
    "PSETEX",
    "SDIFFSTORE",
    "SET",
    "SETEX",
    "SETRANGE",
    "SINTERSTORE",
    "SUNIONSTORE",
];

/// Policies that differ from the servers' tips, which some versions lack.
const POLICIES: &[(&str, &str, &str)] = &[
    // Split by slot they would no longer be all or nothing. The tip of 8.4 says so of the one
    // nevertheless; that of 7.0 said so of the other and was withdrawn later.
    ("MSETEX", "Default", "Default"),
    ("MSETNX", "Default", "Default"),
    // Any node answers it, and that is what a caller asks about. Asked of every
    // primary it would fail as soon as one is down.
    ("PING", "Default", "Default"),
];

/// Keys that the servers find by code of their own, which their specifications
/// tell in part or not at all.
const KEYS: &[(&str, Keys)] = &[
    ("GEORADIUS", Keys::Stored { from: 5 }),
    ("GEORADIUSBYMEMBER", Keys::Stored { from: 5 }),
    ("MIGRATE", Keys::Migrated),
    ("SORT", Keys::Stored { from: 2 }),
    // A pattern of BY or GET makes no key.
    (
        "SORT_RO",
        Keys::Range {
            first: 1,
            last: 1,
            step: 1,
        },
    ),
    ("XREAD", Keys::Streams { from: 1 }),
    ("XREADGROUP", Keys::Streams { from: 4 }),
    ("ZDIFFSTORE", Keys::CountedInto { count_at: 2 }),
    ("ZINTERSTORE", Keys::CountedInto { count_at: 2 }),
    ("ZUNIONSTORE", Keys::CountedInto { count_at: 2 }),
];

/// Applies all of them. A name that no server knows is an error: it would be
/// an override without effect.
pub(crate) fn apply(table: &mut BTreeMap<String, Facts>) -> Result<()> {
    for (names, flag) in [
        (SESSION, "SESSION"),
        (SCRIPT, "SCRIPT"),
        (IDEMPOTENT, "IDEMPOTENT"),
    ] {
        for name in names {
            find(table, name)?.flags.insert(flag);
        }
    }
    for (name, request, response) in POLICIES {
        let facts = find(table, name)?;
        facts.request = request;
        facts.response = response;
    }
    for (name, keys) in KEYS {
        find(table, name)?.keys = *keys;
    }
    Ok(())
}

fn find<'a>(table: &'a mut BTreeMap<String, Facts>, name: &str) -> Result<&'a mut Facts> {
    table
        .get_mut(name)
        .with_context(|| format!("no server knows {name}, which an override is about"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_without_a_command_is_an_error() {
        let error = apply(&mut BTreeMap::new()).unwrap_err();
        assert!(error.to_string().contains("ASKING"));
    }

    #[test]
    fn lists_are_sorted_and_name_each_command_once() {
        for list in [SESSION, SCRIPT, IDEMPOTENT] {
            assert!(list.is_sorted_by(|a, b| a < b), "{list:?}");
        }
        assert!(POLICIES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(KEYS.is_sorted_by(|a, b| a.0 < b.0));
    }
}
