//! Where a scan is, as text.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use slotline_topology::{Slot, SlotSet};

use super::plan::{Pass, Plan};
use crate::error::Error;

/// The first part of the text: what the others mean.
const FORM: &str = "1";
/// In the place of a cursor, once a node has come to its end.
const END: &str = "end";

/// Where a scan is: which slots are done, and how far each node has come that is being
/// gone through. It is printed, kept, read, and given to [`Scan::resume`], be it another
/// program's. It holds no key. Its text is a few hundred bytes at most in a cluster whose
/// slots lie together; the form may change from one version of this crate to the next.
///
/// What was asked for ([`matching`](super::Scan::matching) and the like) is not in it:
/// whoever resumes says the same again.
///
/// [`Scan::resume`]: super::Scan::resume
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScanCursor {
    done: SlotSet,
    passes: Vec<Pass>,
}

impl ScanCursor {
    /// Whether all is done: there is nothing to resume.
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.done.len() == usize::from(Slot::COUNT)
    }

    pub(super) fn plan(&self) -> Plan {
        Plan::new(self.done.clone(), self.passes.clone())
    }

    /// A node has come so far, for all that was handed out. Only slots that were its own
    /// can be gone on with by somebody who has not seen the others' keys.
    pub(super) fn has_come(&mut self, pass: &Pass) {
        self.forget(&pass.who);
        if !pass.settled.is_empty() {
            let (who, settled) = (pass.who.clone(), pass.settled.clone());
            self.passes
                .push(Pass::resumed(who, pass.epoch, pass.cursor, settled));
        }
    }

    /// A node has come to its end, and these slots are done.
    pub(super) fn finished(&mut self, who: &str, done: &SlotSet) {
        self.forget(who);
        self.done.union(done);
    }

    fn forget(&mut self, who: &str) {
        self.passes.retain(|pass| pass.who != who);
    }
}

impl fmt::Display for ScanCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{FORM}/")?;
        write_slots(f, &self.done)?;
        for pass in &self.passes {
            write!(f, "/{}.{}.", pass.who, pass.epoch)?;
            match pass.cursor {
                Some(cursor) => write!(f, "{cursor}.")?,
                None => write!(f, "{END}.")?,
            }
            write_slots(f, &pass.settled)?;
        }
        Ok(())
    }
}

impl FromStr for ScanCursor {
    type Err = Error;

    /// Reads what was printed.
    ///
    /// # Errors
    /// It is something else.
    fn from_str(text: &str) -> Result<ScanCursor, Error> {
        read(text).ok_or_else(|| Error::config("this is no cursor of a scan"))
    }
}

fn read(text: &str) -> Option<ScanCursor> {
    let mut parts = text.split('/');
    if parts.next()? != FORM {
        return None;
    }
    let mut cursor = ScanCursor {
        done: read_slots(parts.next()?)?,
        passes: Vec::new(),
    };
    for part in parts {
        let mut words = part.split('.');
        let who = format!("{}.{}", words.next()?, words.next()?);
        let epoch = words.next()?.parse().ok()?;
        let at = match words.next()? {
            END => None,
            number => Some(number.parse().ok()?),
        };
        let settled = read_slots(words.next()?)?;
        if words.next().is_some() || settled.is_empty() {
            return None;
        }
        cursor.has_come(&Pass::resumed(who, epoch, at, settled));
    }
    Some(cursor)
}

/// The runs of neighbours in a set, in order.
fn runs(slots: &SlotSet) -> Vec<RangeInclusive<u16>> {
    let mut runs: Vec<RangeInclusive<u16>> = Vec::new();
    for slot in slots.iter().map(Slot::get) {
        match runs.last_mut() {
            Some(run) if run.end() + 1 == slot => *run = *run.start()..=slot,
            _ => runs.push(slot..=slot),
        }
    }
    runs
}

fn write_slots(f: &mut fmt::Formatter<'_>, slots: &SlotSet) -> fmt::Result {
    for (at, run) in runs(slots).iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        write!(f, "{comma}{}", run.start())?;
        if run.start() != run.end() {
            write!(f, "-{}", run.end())?;
        }
    }
    Ok(())
}

fn read_slots(text: &str) -> Option<SlotSet> {
    let mut slots = SlotSet::new();
    for run in text.split(',').filter(|run| !run.is_empty()) {
        let (first, last) = run.split_once('-').unwrap_or((run, run));
        let first = Slot::new(first.parse().ok()?)?;
        let last = Slot::new(last.parse().ok()?)?;
        if first > last {
            return None;
        }
        slots.extend((first.get()..=last.get()).filter_map(Slot::new));
    }
    Some(slots)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_slots(least: usize) -> impl Strategy<Value = SlotSet> {
        let run = (0..Slot::COUNT, 0..400_u16);
        let runs = prop::collection::vec(run, least..6);
        runs.prop_map(|runs| {
            let slots = runs.into_iter().flat_map(|(from, len)| from..=from + len);
            slots.filter_map(Slot::new).collect()
        })
    }

    fn any_pass() -> impl Strategy<Value = Pass> {
        let who = "[0-9a-f]{0,12}\\.[0-9a-f]{0,12}";
        let cursor = prop::option::of(any::<u64>());
        (who, any::<u64>(), cursor, any_slots(1))
            .prop_map(|(who, epoch, cursor, slots)| Pass::resumed(who, epoch, cursor, slots))
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read(
            done in any_slots(0),
            passes in prop::collection::vec(any_pass(), 0..4),
        ) {
            let mut cursor = ScanCursor { done, passes: Vec::new() };
            passes.iter().for_each(|pass| cursor.has_come(pass));
            let text = cursor.to_string();
            prop_assert_eq!(text.parse::<ScanCursor>().ok(), Some(cursor));
        }

        #[test]
        fn any_text_is_a_cursor_or_an_error(text in "[0-9a-f.,/end-]{0,60}|\\PC{0,20}") {
            if let Ok(cursor) = text.parse::<ScanCursor>() {
                prop_assert_eq!(cursor.to_string().parse::<ScanCursor>().ok(), Some(cursor));
            }
        }
    }

    #[test]
    fn a_cursor_is_short_and_holds_slots_and_nodes() {
        let check = |text: &str, is_end| {
            let cursor: ScanCursor = text.parse().expect(text);
            assert_eq!(
                (cursor.to_string().as_str(), cursor.is_end()),
                (text, is_end)
            );
        };
        check("1/", false);
        check("1/0-16383", true);
        check("1/0-99,200/aa.bb.3.17.300-400,402/cc.dd.0.end.500", false);
        check("1//.0123456789ab.0.9.0-16383", false);
        for text in [
            "",
            "1",
            "2/",
            "1/5-3",
            "1/16384",
            "1/x",
            "1//a.b.1.2",
            "1//a.b.1.x.3",
            "1//a.b.1.2.",
        ] {
            let error = text.parse::<ScanCursor>().expect_err(text);
            assert!(error.is_config(), "{text}");
        }
    }
}
