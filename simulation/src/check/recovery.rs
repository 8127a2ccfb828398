//! A new owner is found soon (9).

use std::time::Duration;

use slotline_testkit::FaultKind;

use super::{Facts, Found};
use crate::history::{Fault, History};
use crate::plan::Who;

/// The longest that a write may look for the new owner of its slot.
const SOON: Duration = Duration::from_secs(1);

/// What makes a takeover, rather than holding up whoever looks for it.
fn takes_over(fault: &Fault) -> bool {
    matches!(
        fault.fault.kind,
        FaultKind::Failover | FaultKind::Crash | FaultKind::Partition
    )
}

pub(super) fn check(history: &History, facts: &Facts<'_>, found: &mut Found) {
    let writes = history.operations.iter();
    for write in writes.filter(|write| write.who == Who::Primary) {
        let token = write.token();
        let [run] = facts.runs(&token) else {
            continue;
        };
        let Some(entry) = facts.entry(*run) else {
            continue;
        };
        // The last of all: an earlier one may have been undone meanwhile.
        let mut takeovers = history.takeovers.iter().rev();
        let last = takeovers.find(|takeover| takeover.at <= entry.at);
        let Some(takeover) = last.filter(|takeover| takeover.to == entry.node) else {
            continue;
        };
        let since = takeover.at.max(write.invoked);
        let took = entry.at.saturating_sub(since);
        let others = |fault: &Fault| !takes_over(fault);
        if took > SOON && !history.within(takeover.at, entry.at, others) {
            let node = entry.node;
            found.add("9", format!("{token} took {took:?} to find {node}"));
        }
    }
}
