//! The order of commands that share a key (O1).

use rustc_hash::{FxHashMap, FxHashSet};
use slotline_resp::Commands;

/// Of the commands that would go again (their indexes, ascending), those that
/// may not: a later command that shares a key with them has run or may have run,
/// and not both only read.
///
/// `may_have_run` tells of a command as far as it has come. A read that goes again
/// has not been seen by anybody, and does not count.
pub(crate) fn forbidden(
    commands: &Commands,
    again: &[u32],
    may_have_run: impl Fn(usize) -> bool,
) -> FxHashSet<u32> {
    let mut forbidden = FxHashSet::default();
    let Some(first) = again.first() else {
        return forbidden;
    };
    let goes_again: FxHashSet<u32> = again.iter().copied().collect();
    // From the last command to the first: what has run behind the one looked at.
    let mut ran: FxHashMap<&[u8], Ran> = FxHashMap::default();
    for index in (*first as usize..commands.len()).rev() {
        let Some(command) = commands.get(index) else {
            continue;
        };
        let reads = command.info().is_readonly();
        let at = index as u32;
        let runs = if goes_again.contains(&at) {
            let conflict = command.keys().any(|key| match ran.get(key) {
                Some(Ran::Write) => true,
                Some(Ran::Read) => !reads,
                None => false,
            });
            if conflict {
                forbidden.insert(at);
            }
            !reads && may_have_run(index)
        } else {
            may_have_run(index)
        };
        if runs {
            for key in command.keys() {
                let entry = ran.entry(key).or_insert(Ran::Read);
                if !reads {
                    *entry = Ran::Write;
                }
            }
        }
    }
    forbidden
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ran {
    Read,
    Write,
}

/// Commands, by their indexes, and where they go: now, and after those.
#[derive(Debug)]
pub(crate) struct Waves<T> {
    pub(crate) now: Vec<(u32, T)>,
    pub(crate) later: Vec<(u32, T)>,
}

/// Splits what goes again into what may go now and what has to wait for it:
/// commands that share a key travel together or one after the other, so where
/// two of them have different targets the later one waits.
pub(crate) fn together<T: PartialEq>(commands: &Commands, again: Vec<(u32, T)>) -> Waves<T> {
    let mut now: Vec<(u32, T)> = Vec::with_capacity(again.len());
    let mut later = Vec::new();
    // For each key the place in `now` of its last command, or that it waits.
    let mut keys: FxHashMap<&[u8], Option<usize>> = FxHashMap::default();
    for (index, target) in again {
        let Some(command) = commands.get(index as usize) else {
            continue;
        };
        let waits = command.keys().any(|key| match keys.get(key) {
            Some(Some(place)) => now.get(*place).is_none_or(|(_, other)| *other != target),
            Some(None) => true,
            None => false,
        });
        let place = (!waits).then_some(now.len());
        for key in command.keys() {
            keys.insert(key, place);
        }
        if waits {
            later.push((index, target));
        } else {
            now.push((index, target));
        }
    }
    Waves { now, later }
}

#[cfg(test)]
mod tests {
    use slotline_resp::CommandBuffer;

    use super::*;

    fn commands(lines: &[&str]) -> Commands {
        let mut buffer = CommandBuffer::new();
        for line in lines {
            let mut words = line.split(' ');
            buffer.begin_named(words.next().unwrap());
            for word in words {
                buffer.arg(word);
            }
        }
        buffer.freeze()
    }

    fn check(lines: &[&str], again: &[u32], ran: &[usize], expected: &[u32]) {
        let found = forbidden(&commands(lines), again, |index| ran.contains(&index));
        let mut found: Vec<u32> = found.into_iter().collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{lines:?}, again {again:?}, ran {ran:?}");
    }

    #[test]
    fn a_command_goes_again_unless_a_later_one_for_its_key_has_run() {
        check(&["SET k 1", "GET k"], &[0], &[1], &[0]);
        check(&["SET k 1", "GET k"], &[0, 1], &[], &[]);
        check(&["SET k 1", "GET k"], &[1], &[0], &[]);
        check(&["SET k 1", "GET other"], &[0], &[1], &[]);
        check(&["GET k", "GET k"], &[0], &[1], &[]);
        check(&["GET k", "SET k 1"], &[0], &[1], &[0]);
        check(&["MGET a b", "SET b 1"], &[0], &[1], &[0]);
        check(&["SET k 1", "GET k", "GET k"], &[0], &[2], &[0]);
        // Going again, and perhaps for the second time.
        check(&["SET k 1", "INCR k"], &[0, 1], &[1], &[0]);
        check(&["GET k", "INCR k"], &[0, 1], &[1], &[0]);
        check(&["SET k 1", "GET k"], &[0, 1], &[1], &[]);
        // Refused and not going again: it did not run, so it forbids nothing.
        check(&["SET k 1", "GET k"], &[0], &[], &[]);
    }

    #[test]
    fn commands_that_share_a_key_and_not_a_target_go_one_after_the_other() {
        let all = commands(&["SET a 1", "SET b 1", "GET a", "GET a", "GET b"]);
        let again = vec![(0, 'x'), (1, 'x'), (2, 'y'), (3, 'x'), (4, 'x')];
        let Waves { now, later } = together(&all, again);
        assert_eq!(now, [(0, 'x'), (1, 'x'), (4, 'x')]);
        assert_eq!(later, [(2, 'y'), (3, 'x')]);
    }
}
