//! The invariants that a recorded history can break, as functions over it.

mod deadlines;
mod effects;
mod lasting;
mod order;
#[cfg(test)]
mod planted;
mod reads;
mod replies;
mod whole;

use std::collections::BTreeMap;

use super::history::{Episode, Event, Key};

/// The number of an invariant in the catalogue of failures.
pub(super) type Invariant = u8;

/// How many violations of one invariant are told word by word.
const EXAMPLES: usize = 5;
/// Commands of the same key that are shown around a violation.
const AROUND: usize = 6;

/// How often each invariant was looked at, and where it was broken.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) each: BTreeMap<Invariant, Count>,
}

#[derive(Debug, Default)]
pub(super) struct Count {
    pub(super) checked: u64,
    pub(super) violated: u64,
    /// The first violations with the commands around them.
    pub(super) examples: Vec<String>,
}

impl Verdict {
    pub(super) fn checked(&mut self, invariant: Invariant, times: u64) {
        self.each.entry(invariant).or_default().checked += times;
    }

    pub(super) fn violated(&mut self, invariant: Invariant, what: impl FnOnce() -> String) {
        let count = self.each.entry(invariant).or_default();
        count.violated += 1;
        if count.examples.len() < EXAMPLES {
            count.examples.push(what());
        }
    }

    pub(super) fn violations(&self) -> u64 {
        self.each.values().map(|count| count.violated).sum()
    }

    /// Takes in what another part of the run came to.
    pub(super) fn add(&mut self, other: Verdict) {
        for (invariant, more) in other.each {
            let count = self.each.entry(invariant).or_default();
            count.checked += more.checked;
            count.violated += more.violated;
            let room = EXAMPLES.saturating_sub(count.examples.len());
            count.examples.extend(more.examples.into_iter().take(room));
        }
    }
}

/// Judges one episode.
pub(super) fn judge(episode: &Episode) -> Verdict {
    let history = History::of(episode);
    let mut verdict = Verdict::default();
    replies::check(&history, &mut verdict);
    effects::check(&history, &mut verdict);
    lasting::check(&history, &mut verdict);
    order::check(&history, &mut verdict);
    whole::check(&history, &mut verdict);
    deadlines::check(&history, &mut verdict);
    reads::check(&history, &mut verdict);
    verdict
}

/// The events of each key, each process's in its own order.
struct History<'a> {
    episode: &'a Episode,
    keys: BTreeMap<Key, Vec<&'a Event>>,
}

impl<'a> History<'a> {
    fn of(episode: &'a Episode) -> Self {
        let mut keys: BTreeMap<Key, Vec<&Event>> = BTreeMap::new();
        for event in &episode.events {
            keys.entry(event.key).or_default().push(event);
        }
        Self { episode, keys }
    }

    /// A violation in words, with what else was asked of that key around that time.
    fn tell(&self, what: &str, event: &Event) -> String {
        let all = self.keys.get(&event.key).map_or(&[][..], Vec::as_slice);
        let place = all.iter().position(|other| std::ptr::eq(*other, event));
        let place = place.unwrap_or(0);
        let from = place.saturating_sub(AROUND);
        let around = all.iter().skip(from).take(2 * AROUND + 1);
        let mut text = format!("{what}: {}", line(event));
        for other in around {
            let mark = if std::ptr::eq(*other, event) {
                '>'
            } else {
                ' '
            };
            text.push_str(&format!("\n      {mark} {}", line(other)));
        }
        text
    }

    /// A violation that shows in what a key holds at the end.
    fn tell_key(&self, what: &str, key: Key) -> String {
        let all = self.keys.get(&key).map_or(&[][..], Vec::as_slice);
        let mut text = format!("{what}: {key:?}");
        for other in all.iter().rev().take(2 * AROUND).rev() {
            text.push_str(&format!("\n        {}", line(other)));
        }
        text
    }
}

fn line(event: &Event) -> String {
    format!(
        "{:.4}-{:.4} s process {} pipeline {} shard {} slot {} {:?} {} {:?} -> {:?}",
        event.invoked.as_secs_f64(),
        event.ended.as_secs_f64(),
        event.process,
        event.pipeline,
        event.key.shard,
        event.key.slot,
        event.key.sort,
        event.key.number,
        event.what,
        event.outcome,
    )
}
