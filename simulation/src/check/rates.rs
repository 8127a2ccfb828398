//! Questions and dials are bounded (11).

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::Found;
use crate::history::History;

const SECOND: Duration = Duration::from_secs(1);

/// How often one client may ask one node for the topology: once a second, and
/// every 200 ms while an owner cannot be reached.
const QUESTIONS: usize = 8;

/// How many connections all clients may make to one node: each has two kinds, and
/// the pauses between attempts double from 10 ms on.
const DIALS: usize = 60;

pub(super) fn check(history: &History, found: &mut Found) {
    let mut names: BTreeMap<u64, &str> = BTreeMap::new();
    let mut questions: BTreeMap<(&str, u16), VecDeque<Duration>> = BTreeMap::new();
    let mut dials: BTreeMap<u16, VecDeque<Duration>> = BTreeMap::new();
    let (mut most_questions, mut most_dials) = (0, 0);
    for entry in &history.journal {
        if let Some(name) = entry.line.strip_prefix("CLIENT SETNAME ") {
            names.insert(entry.connection, name);
        }
        let times = match entry.line.as_str() {
            "CLUSTER SLOTS" => {
                let client = names.get(&entry.connection).copied().unwrap_or_default();
                questions.entry((client, entry.node)).or_default()
            }
            line if line.starts_with("HELLO") => dials.entry(entry.node).or_default(),
            _ => continue,
        };
        times.push_back(entry.at);
        while times
            .front()
            .is_some_and(|first| *first + SECOND <= entry.at)
        {
            times.pop_front();
        }
        let most = match entry.line.as_str() {
            "CLUSTER SLOTS" => &mut most_questions,
            _ => &mut most_dials,
        };
        *most = times.len().max(*most);
    }
    for (what, most, limit) in [
        ("asked one node for the topology", most_questions, QUESTIONS),
        ("dialled one node", most_dials, DIALS),
    ] {
        if most > limit {
            found.add("11", format!("{what} {most} times in a second"));
        }
    }
}
