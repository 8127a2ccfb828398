//! What becomes of the connections, as plain data.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::BytesMut;

use super::builder::FakeClusterBuilder;
use super::dice::Dice;

/// All connections, and what is wrong with their nodes.
#[derive(Debug)]
pub(super) struct Lines {
    open: BTreeMap<u64, Line>,
    made: u64,
    down: BTreeSet<u16>,
    paused: BTreeSet<u16>,
    refusing: BTreeSet<u16>,
    latency: RangeInclusive<Duration>,
    slow: BTreeMap<u16, RangeInclusive<Duration>>,
    turn: usize,
    dice: Dice,
}

/// One connection.
#[derive(Debug, Default)]
struct Line {
    port: u16,
    is_cut: bool,
    is_swallowing: bool,
    /// How many more bytes come through before it is cut.
    commands_left: Option<usize>,
    replies_left: Option<usize>,
    /// What goes out as soon as no command waits for its reply.
    injected: BytesMut,
    flips: bool,
}

/// What a reply has become on its way.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Passed {
    pub(super) is_cut: bool,
    pub(super) counts: Vec<&'static str>,
}

impl Lines {
    pub(super) fn new(builder: &FakeClusterBuilder) -> Lines {
        Lines {
            open: BTreeMap::new(),
            made: 0,
            down: BTreeSet::new(),
            paused: BTreeSet::new(),
            refusing: BTreeSet::new(),
            latency: builder.latency.clone(),
            slow: BTreeMap::new(),
            turn: builder.turn,
            dice: Dice::new(builder.seed),
        }
    }

    /// The number of a new connection, unless the node takes none.
    pub(super) fn open(&mut self, port: u16) -> Option<u64> {
        if self.down.contains(&port) || self.refusing.contains(&port) {
            return None;
        }
        self.made += 1;
        let line = Line {
            port,
            ..Line::default()
        };
        self.open.insert(self.made, line);
        Some(self.made)
    }

    pub(super) fn close(&mut self, number: u64) {
        self.open.remove(&number);
    }

    pub(super) fn count(&self) -> usize {
        self.open.len()
    }

    pub(super) fn is_cut(&self, number: u64) -> bool {
        self.open.get(&number).is_none_or(|line| line.is_cut)
    }

    /// Whether the connection's node stands still.
    pub(super) fn is_held(&self, number: u64) -> bool {
        let line = self.open.get(&number);
        line.is_some_and(|line| self.paused.contains(&line.port))
    }

    fn of(&mut self, port: u16) -> impl Iterator<Item = &mut Line> {
        self.open.values_mut().filter(move |line| line.port == port)
    }

    /// Ends all connections of a node; how many.
    pub(super) fn cut(&mut self, port: u16) -> usize {
        let cut = self.of(port).map(|line| line.is_cut = true);
        cut.count()
    }

    pub(super) fn set_down(&mut self, port: u16, is_down: bool) {
        put(&mut self.down, port, is_down);
    }

    pub(super) fn is_down(&self, port: u16) -> bool {
        self.down.contains(&port)
    }

    pub(super) fn set_paused(&mut self, port: u16, is_paused: bool) {
        put(&mut self.paused, port, is_paused);
    }

    pub(super) fn set_refusing(&mut self, port: u16, refuses: bool) {
        put(&mut self.refusing, port, refuses);
    }

    pub(super) fn set_swallowing(&mut self, port: u16) {
        for line in self.of(port) {
            line.is_swallowing = true;
        }
    }

    pub(super) fn set_slow(&mut self, port: u16, latency: Option<RangeInclusive<Duration>>) {
        match latency {
            Some(latency) => self.slow.insert(port, latency),
            None => self.slow.remove(&port),
        };
    }

    pub(super) fn cut_commands_after(&mut self, port: u16, bytes: usize) {
        for line in self.of(port) {
            line.commands_left = Some(bytes);
        }
    }

    pub(super) fn cut_replies_after(&mut self, port: u16, bytes: usize) {
        for line in self.of(port) {
            line.replies_left = Some(bytes);
        }
    }

    pub(super) fn inject(&mut self, port: u16, bytes: &[u8]) {
        for line in self.of(port) {
            line.injected.extend_from_slice(bytes);
        }
    }

    pub(super) fn flip(&mut self, port: u16) {
        for line in self.of(port) {
            line.flips = true;
        }
    }

    /// How long a node takes now, and for how many commands.
    pub(super) fn next_turn(&mut self, port: u16) -> (Duration, usize) {
        let range = self.slow.get(&port).unwrap_or(&self.latency);
        let (least, most) = (*range.start(), *range.end());
        let spread = most.saturating_sub(least).as_micros();
        let spread = u64::try_from(spread).unwrap_or(u64::MAX);
        let more = self.dice.below(spread.saturating_add(1));
        let commands = match self.turn {
            usize::MAX => usize::MAX,
            turn => 1 + usize::try_from(self.dice.below(turn as u64)).unwrap_or(0),
        };
        (least + Duration::from_micros(more), commands)
    }

    /// Takes away of what has just arrived, `arrived` bytes at the end of
    /// `buffer`, what a cut leaves out; whether it was cut.
    pub(super) fn take_in(&mut self, number: u64, buffer: &mut BytesMut, arrived: usize) -> bool {
        let Some(line) = self.open.get_mut(&number) else {
            return true;
        };
        let Some(left) = &mut line.commands_left else {
            return false;
        };
        if arrived < *left {
            *left -= arrived;
            return false;
        }
        buffer.truncate(buffer.len() - arrived + *left);
        true
    }

    /// Makes of `replies` what arrives of them.
    pub(super) fn let_out(&mut self, number: u64, replies: &mut BytesMut) -> Passed {
        let mut passed = Passed {
            is_cut: false,
            counts: Vec::new(),
        };
        let Some(line) = self.open.get_mut(&number) else {
            passed.is_cut = true;
            return passed;
        };
        if replies.is_empty() && !line.injected.is_empty() {
            *replies = line.injected.split();
            passed.counts.push("reply injected");
        }
        if let (true, Some(first)) = (line.flips, replies.first_mut()) {
            *first = b'?';
            line.flips = false;
            passed.counts.push("reply damaged");
        }
        if line.is_swallowing && !replies.is_empty() {
            replies.clear();
            passed.counts.push("reply swallowed");
        }
        if let Some(left) = &mut line.replies_left {
            if replies.len() < *left {
                *left -= replies.len();
            } else {
                replies.truncate(*left);
                passed.is_cut = true;
                passed.counts.push("cut in replies");
            }
        }
        passed
    }

    /// Whether there is something to say that is no reply.
    pub(super) fn has_injected(&self, number: u64) -> bool {
        let line = self.open.get(&number);
        line.is_some_and(|line| !line.injected.is_empty())
    }
}

fn put(set: &mut BTreeSet<u16>, port: u16, is_in: bool) {
    if is_in {
        set.insert(port);
    } else {
        set.remove(&port);
    }
}
