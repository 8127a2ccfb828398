//! Writes that have not been answered.

use std::collections::VecDeque;

use super::Protocol;

/// So many bytes fill a record of TLS: to wait for more spares nothing.
///
/// Source: RFC 8446, section 5.1.
const RECORD: usize = 16 << 10;

/// The writes whose commands have not all been answered.
#[derive(Debug, Default)]
pub(super) struct Writes {
    /// How many commands each began that have no reply yet, the oldest first.
    commands: VecDeque<usize>,
}

impl Writes {
    fn push(&mut self, commands: usize) {
        if commands > 0 {
            self.commands.push_back(commands);
        }
    }

    fn answer(&mut self, mut replies: usize) {
        while let Some(oldest) = self.commands.front_mut().filter(|_| replies > 0) {
            let own = replies.min(*oldest);
            *oldest -= own;
            replies -= own;
            if *oldest == 0 {
                self.commands.pop_front();
            }
        }
    }
}

impl Protocol {
    /// A write began so many commands.
    pub(super) fn count_write(&mut self, begun: usize) {
        if self.bounds.writes.is_some() {
            self.writes.push(begun);
        }
    }

    /// So many replies have come.
    pub(super) fn count_replies(&mut self, replies: usize) {
        if self.bounds.writes.is_some() {
            self.writes.answer(replies);
        }
    }

    /// The connection is gone.
    pub(super) fn forget_writes(&mut self) {
        self.writes = Writes::default();
    }

    /// Whether what is to be written had better wait for the next reply, and go out
    /// together with what comes until then. A server that is busy with the writes before
    /// it would have let it wait anyway.
    ///
    /// A peer decrypts record by record, and an encrypted command costs it many times what
    /// a plain one does. If each went out by itself it would answer each by itself, of
    /// which each would bring about one command more: without this, that goes on for ever
    /// once a server has become the slower side.
    pub(crate) fn gathers(&self) -> bool {
        let most = self.bounds.writes;
        most.is_some_and(|most| self.writes.commands.len() >= most) && self.used.bytes < RECORD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_answered_when_its_last_command_is() {
        let mut writes = Writes::default();
        for commands in [3, 0, 1, 2] {
            writes.push(commands);
        }
        let mut left = |replies| {
            writes.answer(replies);
            writes.commands.len()
        };
        assert_eq!(
            [left(2), left(0), left(2), left(1), left(5)],
            [3, 3, 1, 1, 0]
        );
    }
}
