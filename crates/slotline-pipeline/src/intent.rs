//! What a pipeline means to do with each slot: a slot that it writes to goes to
//! its primary as a whole, reads too (O3).

use slotline_resp::Commands;
use slotline_topology::{SlotSet, slot_of};

/// The slots that some command may write to.
pub(crate) fn write_slots(commands: &Commands) -> SlotSet {
    let mut slots = SlotSet::new();
    for command in commands
        .iter()
        .filter(|command| !command.info().is_readonly())
    {
        for key in command.keys() {
            slots.insert(slot_of(key));
        }
    }
    slots
}
