//! What connections are, as the nodes see it: READONLY, ASKING, and what becomes
//! of an ASK (S1, R4, T2).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Found;
use crate::history::History;

/// For so long after an ASK nobody has another reason to ask its target unasked.
const FRESH: Duration = Duration::from_millis(50);

/// For so long commands may be under way that were sent by an old map.
const OLD: Duration = Duration::from_secs(2);

/// So often at the most a read whose connection was lost behind an ASK goes by an
/// old map once more.
const RETRIED: usize = 4;

/// So many reads must have been refused before it is no chance.
const MANY: usize = 20;

pub(super) fn check(history: &History, found: &mut Found) {
    let mut asking: BTreeSet<u64> = BTreeSet::new();
    let mut names: BTreeMap<u64, &str> = BTreeMap::new();
    // The last ASK, by client and slot: who was named, and when.
    let mut asks: BTreeMap<(&str, &str), (&str, Duration)> = BTreeMap::new();
    // The last MOVED likewise: by whom, and when.
    let mut moved: BTreeMap<(&str, &str), (u16, Duration)> = BTreeMap::new();
    let mut mistaken: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let (mut answered, mut refused) = (0, 0);
    for entry in &history.journal {
        let mut words = entry.line.split(' ');
        let name = words.next().unwrap_or_default();
        let has_key = entry.line.contains('{');
        if name == "CLIENT" && words.next() == Some("SETNAME") {
            names.insert(entry.connection, words.next().unwrap_or_default());
        }
        // To a transaction it holds until EXEC.
        if asking.remove(&entry.connection) && !has_key && name != "MULTI" {
            found.add("R4", format!("ASKING was followed by {name}"));
        }
        if name == "ASKING" {
            asking.insert(entry.connection);
        }
        let client = names.get(&entry.connection).copied().unwrap_or_default();
        let mut reply = entry.reply.split(' ');
        match (reply.next(), reply.next(), reply.next()) {
            (Some("-ASK"), Some(slot), Some(target)) => {
                // Whoever had an old map has asked the target before.
                let before = moved.get(&(client, slot));
                let is_old = before.is_some_and(|(node, at)| {
                    target.ends_with(&format!(":{node}")) && entry.at < *at + OLD
                });
                if !is_old {
                    asks.insert((client, slot), (target, entry.at));
                }
            }
            (Some("-MOVED"), Some(slot), Some(_)) => {
                let asked = asks.get(&(client, slot));
                let is_named = |target: &str| target.ends_with(&format!(":{}", entry.node));
                if let Some((target, at)) = asked
                    && is_named(target)
                    && entry.taking_in
                    && entry.at < *at + FRESH
                {
                    *mistaken.entry((client, slot)).or_insert(0) += 1;
                }
                moved.insert((client, slot), (entry.node, entry.at));
            }
            _ => {}
        }
        let reads = ["GET", "HGET", "MGET"].contains(&name);
        if entry.on_replica && reads && client == "replica" {
            if entry.ran {
                answered += 1;
            } else if entry.reply.starts_with("-MOVED") {
                refused += 1;
            }
        }
    }
    for ((client, slot), times) in mistaken {
        if times > RETRIED {
            let line = format!("{client} took ASK for MOVED {times} times, of slot {slot}");
            found.add("T2", line);
        }
    }
    if refused >= MANY && refused > answered {
        let line = format!("replicas answered {answered} reads and refused {refused}");
        found.add("S1", line);
    }
}
