//! What the commands of a spread request are parts of.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashMap;
use slotline_resp::CommandInfo;
use slotline_topology::{Endpoint, Slot};

/// The commands that were spread, and where their parts are. Commands go by their
/// indexes in the spread request, unless it says *given*: then in the caller's.
#[derive(Debug)]
pub(crate) struct Parts {
    /// Ascending.
    spread: Vec<SpreadCommand>,
    homes: FxHashMap<u32, Home>,
    /// Who was asked in the place of a node that had failed.
    heirs: Mutex<FxHashMap<u32, Endpoint>>,
    /// How many commands the caller gave.
    given: usize,
}

/// One command that became several.
#[derive(Debug)]
pub(super) struct SpreadCommand {
    /// Which of those given.
    pub(super) at: u32,
    pub(super) parts: Range<u32>,
    pub(super) info: &'static CommandInfo,
    pub(super) how: How,
    /// Parts without an outcome.
    left: AtomicUsize,
}

/// How a command became several.
#[derive(Debug)]
pub(super) enum How {
    /// By the slots of its keys: for each key the number of its part.
    Keys(Vec<u32>),
    /// Every shard or every node is asked.
    Nodes,
}

/// The node that a part is for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// The primary of the shard that had this primary and this slot.
    Shard {
        slot: Slot,
        primary: Endpoint,
    },
    /// A primary without slots, as long as it is a primary.
    Slotless(Endpoint),
    Node(Endpoint),
}

impl Home {
    fn node(&self) -> &Endpoint {
        match self {
            Home::Shard { primary, .. } => primary,
            Home::Slotless(node) | Home::Node(node) => node,
        }
    }
}

impl SpreadCommand {
    pub(super) fn new(
        at: u32,
        parts: Range<u32>,
        info: &'static CommandInfo,
        how: How,
    ) -> SpreadCommand {
        SpreadCommand {
            at,
            left: AtomicUsize::new(parts.len()),
            parts,
            info,
            how,
        }
    }
}

impl Parts {
    pub(super) fn new(
        given: usize,
        spread: Vec<SpreadCommand>,
        homes: FxHashMap<u32, Home>,
    ) -> Parts {
        Parts {
            spread,
            homes,
            heirs: Mutex::default(),
            given,
        }
    }

    pub(super) fn all(&self) -> &[SpreadCommand] {
        &self.spread
    }

    pub(super) fn given_len(&self) -> usize {
        self.given
    }

    /// The command that the one at `index` is a part of, or the last before it that
    /// was spread.
    fn before(&self, index: u32) -> Option<&SpreadCommand> {
        let behind = self
            .spread
            .partition_point(|spread| spread.parts.start <= index);
        self.spread.get(behind.checked_sub(1)?)
    }

    /// Which of the commands given the one at `index` is, or is a part of.
    pub(crate) fn given(&self, index: u32) -> u32 {
        match self.before(index) {
            None => index,
            Some(spread) if spread.parts.contains(&index) => spread.at,
            Some(spread) => spread.at + 1 + (index - spread.parts.end),
        }
    }

    /// The command at `index` has its outcome: whether that given has it too.
    pub(crate) fn is_last(&self, index: u32) -> bool {
        match self.before(index) {
            Some(spread) if spread.parts.contains(&index) => {
                spread.left.fetch_sub(1, Ordering::Relaxed) == 1
            }
            _ => true,
        }
    }

    pub(crate) fn have_homes(&self) -> bool {
        !self.homes.is_empty()
    }

    pub(crate) fn home(&self, index: u32) -> Option<&Home> {
        self.homes.get(&index)
    }

    /// The part at `index` goes to a node that has taken another's place.
    pub(crate) fn inherited(&self, index: u32, heir: &Endpoint) {
        let lock = self.heirs.lock();
        let mut heirs = lock.unwrap_or_else(PoisonError::into_inner);
        heirs.insert(index, heir.clone());
    }

    /// The node that the part at `index` was sent to at last.
    pub(super) fn node(&self, index: u32) -> Option<Endpoint> {
        let lock = self.heirs.lock();
        let heirs = lock.unwrap_or_else(PoisonError::into_inner);
        let home = || self.homes.get(&index).map(Home::node);
        heirs.get(&index).or_else(home).cloned()
    }
}

#[cfg(test)]
mod tests {
    use slotline_resp::known;

    use super::*;

    #[test]
    fn each_part_knows_the_command_that_it_is_of() {
        let spread = |at, parts| SpreadCommand::new(at, parts, &known::DEL, How::Nodes);
        // GET, DEL of three, DEL of two, GET, GET, DEL of two.
        let all = vec![spread(1, 1..4), spread(2, 4..6), spread(5, 8..10)];
        let parts = Parts::new(6, all, FxHashMap::default());
        let given: Vec<u32> = (0..10).map(|index| parts.given(index)).collect();
        assert_eq!(given, [0, 1, 1, 1, 2, 2, 3, 4, 5, 5]);
        let last: Vec<u32> = (0..10).filter(|index| parts.is_last(*index)).collect();
        assert_eq!(last, [0, 3, 5, 6, 7, 9]);
    }
}
