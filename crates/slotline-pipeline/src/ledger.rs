//! What the pieces of one pipeline know of each other while several are on their
//! way: which commands may not run yet because an earlier one that shares a key
//! with them has not (O1).
//!
//! A piece that meets no trouble only notes that it was routed and that it is
//! done. The layers below `Chunk` ask before they send anything again; what could
//! cross a command of another piece is handed to `Chunk`, which sends it once
//! nothing is in its way.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::{FxHashMap, FxHashSet};
use slotline_resp::Commands;

/// One pipeline's account of its pieces. Commands go by their indexes in the whole.
#[derive(Debug)]
pub(crate) struct Ledger {
    whole: Commands,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pieces: Vec<Piece>,
    /// Commands without their final outcome, though an attempt has ended: later
    /// pieces do not pass them.
    unresolved: FxHashSet<u32>,
    /// Those among them that cross no other piece, and go again by themselves.
    own: FxHashSet<u32>,
    /// What `Chunk` is to send again.
    handed: FxHashSet<u32>,
}

#[derive(Debug)]
struct Piece {
    range: Range<usize>,
    is_routed: bool,
    is_done: bool,
}

impl Piece {
    fn holds(&self, index: u32) -> bool {
        self.range.contains(&(index as usize))
    }
}

/// Keys, and the commands that name them.
#[derive(Default)]
struct Keys<'a>(FxHashMap<&'a [u8], Vec<Use>>);

#[derive(Clone, Copy)]
struct Use {
    index: u32,
    reads: bool,
}

impl<'a> Keys<'a> {
    fn add(&mut self, commands: &'a Commands, index: u32) {
        let Some(command) = commands.get(index as usize) else {
            return;
        };
        let reads = command.info().is_readonly();
        for key in command.keys() {
            self.0.entry(key).or_default().push(Use { index, reads });
        }
    }

    /// The commands in here that the one at `index` shares a key with, unless both
    /// only read.
    fn crossed(&self, commands: &'a Commands, index: usize, mut found: impl FnMut(u32)) {
        if self.0.is_empty() {
            return;
        }
        let Some(command) = commands.get(index) else {
            return;
        };
        let reads = command.info().is_readonly();
        for uses in command.keys().filter_map(|key| self.0.get(key)) {
            let crossed = uses.iter().filter(|other| !(reads && other.reads));
            crossed.for_each(|other| found(other.index));
        }
    }
}

impl Ledger {
    pub(crate) fn new(whole: Commands) -> Ledger {
        Ledger {
            whole,
            state: Mutex::default(),
        }
    }

    /// A piece begins; returns its number.
    pub(crate) fn begin(&self, range: Range<usize>) -> usize {
        let mut state = self.state();
        state.pieces.push(Piece {
            range,
            is_routed: false,
            is_done: false,
        });
        state.pieces.len() - 1
    }

    /// A piece is about to be handed to its nodes, for the first time or again:
    /// the commands of it that have to stay behind, by their indexes in the whole.
    /// They are `Chunk`'s from here on.
    pub(crate) fn route(&self, piece: usize) -> FxHashSet<u32> {
        let mut state = self.state();
        let mut stay = FxHashSet::default();
        let Some(own) = state.pieces.get_mut(piece) else {
            return stay;
        };
        if std::mem::replace(&mut own.is_routed, true) {
            return stay;
        }
        let range = own.range.clone();
        // A layer between may have turned the order of two pieces.
        let earlier = state.pieces.iter().take(piece);
        let passed: Vec<Range<usize>> = earlier
            .filter(|other| !other.is_routed && !other.is_done)
            .map(|other| other.range.clone())
            .collect();
        if passed.is_empty() && state.unresolved.is_empty() && state.handed.is_empty() {
            return stay;
        }
        let mut keys = Keys::default();
        let unresolved = state.unresolved.union(&state.handed);
        for index in unresolved.filter(|index| (**index as usize) < range.start) {
            keys.add(&self.whole, *index);
        }
        for index in passed.into_iter().flatten() {
            keys.add(&self.whole, index as u32);
        }
        for index in range {
            let mut crosses = false;
            keys.crossed(&self.whole, index, |_| crosses = true);
            if crosses {
                stay.insert(index as u32);
                keys.add(&self.whole, index as u32);
            }
        }
        state.handed.extend(&stay);
        stay
    }

    /// An attempt has ended, and these commands have no final outcome by it.
    pub(crate) fn unresolved(&self, indexes: impl IntoIterator<Item = u32>) {
        self.state().unresolved.extend(indexes);
    }

    /// Whether the command is `Chunk`'s to send again.
    pub(crate) fn is_handed(&self, index: u32) -> bool {
        self.state().handed.contains(&index)
    }

    /// Of the commands of one piece that would go again (ascending), those that
    /// may not, since they could cross a command of another piece: one of an
    /// earlier piece that has not run yet, or one of a later piece that is on its
    /// way. They are `Chunk`'s from here on.
    pub(crate) fn hand_over(&self, piece: usize, again: &[u32]) -> FxHashSet<u32> {
        let mut state = self.state();
        let mut crossing = FxHashSet::default();
        let mut keys = Keys::default();
        for index in again.iter().filter(|index| !state.own.contains(index)) {
            keys.add(&self.whole, *index);
        }
        let others = state.pieces.iter().enumerate().filter(|(at, other)| {
            (*at < piece && !other.is_done) || (*at > piece && other.is_routed)
        });
        for index in others.flat_map(|(_, other)| other.range.clone()) {
            if !state.handed.contains(&(index as u32)) {
                keys.crossed(&self.whole, index, |mine| {
                    crossing.insert(mine);
                });
            }
        }
        // What was handed over goes before whatever comes behind it.
        for earlier in &state.handed {
            keys.crossed(&self.whole, *earlier as usize, |mine| {
                if mine > *earlier {
                    crossing.insert(mine);
                }
            });
        }
        let mut behind = Keys::default();
        for index in again {
            let mut crosses = crossing.contains(index);
            behind.crossed(&self.whole, *index as usize, |_| crosses = true);
            if crosses {
                crossing.insert(*index);
                behind.add(&self.whole, *index);
                state.own.remove(index);
            } else {
                state.own.insert(*index);
            }
        }
        state.handed.extend(&crossing);
        crossing
    }

    /// A piece has its outcomes.
    pub(crate) fn done(&self, piece: usize) {
        let mut state = self.state();
        let Some(own) = state.pieces.get_mut(piece) else {
            return;
        };
        own.is_done = true;
        let range = own.range.clone();
        if state.unresolved.is_empty() {
            return;
        }
        let within = |index: &u32| range.contains(&(*index as usize));
        state.unresolved.retain(|index| !within(index));
        state.own.retain(|index| !within(index));
    }

    /// Of what was handed over, what can go now (ascending): nothing that it
    /// shares a key with is on its way, or still to go before it.
    pub(crate) fn ready(&self) -> Vec<u32> {
        let state = self.state();
        if state.handed.is_empty() {
            return Vec::new();
        }
        let mut handed: Vec<u32> = state.handed.iter().copied().collect();
        handed.sort_unstable();
        let mut keys = Keys::default();
        for index in &handed {
            keys.add(&self.whole, *index);
        }
        let mut blocked = FxHashSet::default();
        let last = state.pieces.iter().rposition(|piece| piece.is_routed);
        for (at, piece) in state.pieces.iter().enumerate() {
            if piece.is_done {
                continue;
            }
            blocked.extend(handed.iter().filter(|index| piece.holds(**index)));
            // One that was not routed stays behind what was handed over before it.
            if !piece.is_routed && last.is_none_or(|last| at > last) {
                continue;
            }
            for index in piece.range.clone() {
                if !state.handed.contains(&(index as u32)) {
                    keys.crossed(&self.whole, index, |mine| {
                        blocked.insert(mine);
                    });
                }
            }
        }
        let mut behind = Keys::default();
        handed.retain(|index| {
            let mut waits = blocked.contains(index);
            behind.crossed(&self.whole, *index as usize, |_| waits = true);
            if waits {
                behind.add(&self.whole, *index);
            }
            !waits
        });
        handed
    }

    /// These commands have their final outcomes.
    pub(crate) fn settled(&self, indexes: &[u32]) {
        let mut state = self.state();
        for index in indexes {
            state.handed.remove(index);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Plain data: whoever panicked left it whole.
        let lock = self.state.lock();
        lock.unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use slotline_resp::CommandBuffer;

    use super::*;

    /// Pieces of two commands each.
    fn ledger(lines: &[&str]) -> Ledger {
        let mut buffer = CommandBuffer::new();
        for line in lines {
            let mut words = line.split(' ');
            buffer.begin_named(words.next().unwrap_or_default());
            for word in words {
                buffer.arg(word);
            }
        }
        let ledger = Ledger::new(buffer.freeze());
        for start in (0..lines.len()).step_by(2) {
            ledger.begin(start..(start + 2).min(lines.len()));
        }
        ledger
    }

    fn sorted(set: FxHashSet<u32>) -> Vec<u32> {
        let mut all: Vec<u32> = set.into_iter().collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn without_trouble_nothing_stays_behind() {
        let ledger = ledger(&["SET a 1", "SET b 1", "SET a 2", "SET b 2"]);
        assert!(ledger.route(0).is_empty() && ledger.route(1).is_empty());
        ledger.done(1);
        ledger.done(0);
        assert!(ledger.ready().is_empty());
    }

    #[test]
    fn a_later_piece_stays_behind_for_unresolved_keys_only() {
        let ledger = ledger(&[
            "SET a 1", "SET b 1", "MGET a c", "GET b", "SET c 1", "GET a",
        ]);
        ledger.route(0);
        ledger.unresolved([0]);
        assert!(ledger.hand_over(0, &[0]).is_empty(), "nothing in its way");
        assert_eq!(sorted(ledger.route(1)), [2]);
        // And so does what must not pass what stayed.
        assert_eq!(sorted(ledger.route(2)), [4, 5]);
        assert!(ledger.is_handed(2) && !ledger.is_handed(3));
        ledger.done(1);
        assert!(ledger.ready().is_empty(), "SET a is still on its way");
        ledger.done(0);
        assert_eq!(ledger.ready(), [2]);
        ledger.done(2);
        assert_eq!(ledger.ready(), [2, 4, 5]);
        ledger.settled(&[2, 4, 5]);
        assert!(ledger.ready().is_empty());
    }

    #[test]
    fn what_could_cross_another_piece_is_handed_over() {
        let ledger = ledger(&["SET a 1", "GET b", "SET a 2", "GET b", "GET c", "GET d"]);
        (0..3).for_each(|piece| assert!(ledger.route(piece).is_empty()));
        // Both only read b.
        assert_eq!(sorted(ledger.hand_over(0, &[0, 1])), [0]);
        assert_eq!(sorted(ledger.hand_over(1, &[2, 3])), [2]);
        assert!(ledger.hand_over(2, &[4, 5]).is_empty());
        ledger.done(0);
        assert_eq!(
            ledger.ready(),
            [0],
            "the later one may still have a neighbour"
        );
        ledger.done(1);
        assert_eq!(ledger.ready(), [0, 2]);
    }

    #[test]
    fn a_later_command_waits_for_an_earlier_piece_and_not_the_other_way() {
        let ledger = ledger(&["SET a 1", "GET b", "SET a 2", "GET c"]);
        ledger.route(0);
        ledger.route(1);
        assert_eq!(sorted(ledger.hand_over(1, &[2])), [2]);
        ledger.done(1);
        assert!(ledger.ready().is_empty(), "SET a 1 has no outcome yet");
        // The later one has not run, and is not on its way.
        assert!(ledger.hand_over(0, &[0]).is_empty());
        ledger.done(0);
        assert_eq!(ledger.ready(), [2]);
    }

    #[test]
    fn a_piece_that_was_overtaken_is_not_passed() {
        let ledger = ledger(&["SET a 1", "GET b", "SET a 2", "GET c"]);
        assert_eq!(sorted(ledger.route(1)), [2]);
        assert!(ledger.route(0).is_empty());
        ledger.done(1);
        assert!(ledger.ready().is_empty());
        ledger.done(0);
        assert_eq!(ledger.ready(), [2]);
    }
}
