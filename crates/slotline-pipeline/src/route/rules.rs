//! What a command may do by what is known of it.

use slotline_resp::{CommandRef, Commands, Flags, KeySpec, RequestPolicy};
use slotline_topology::{Slot, slot_of};

use crate::error::Error;

/// Why this one command may not run on a connection that is shared.
pub(super) fn refusal(commands: &Commands, index: usize) -> Option<Error> {
    let alone = commands.pick(&[index as u32]);
    let (command, advice) = alone.refused_when_shared()?;
    Some(Error::refused_when_shared(command.name(), advice))
}

/// Whether what comes behind the command may count on what it sets: a FLUSHDB
/// behind a SELECT that was refused would empty another database.
pub(crate) fn changes_session(command: CommandRef<'_>) -> bool {
    command.info().flags.contains(Flags::SESSION)
}

pub(super) fn has_writes(commands: &Commands) -> bool {
    !commands.are_known_to_read() && commands.iter().any(|command| !command.info().is_readonly())
}

/// The slot of a command's keys, which must be one; `None` if it has no key.
pub(super) fn one_slot(command: CommandRef<'_>) -> Result<Option<Slot>, Error> {
    if let Some(key) = command.lone_key() {
        return Ok(Some(slot_of(key)));
    }
    let mut keys = command.keys();
    let Some(slot) = keys.next().map(slot_of) else {
        return Ok(None);
    };
    if keys.any(|key| slot_of(key) != slot) {
        return Err(Error::cross_slot(command.name()));
    }
    Ok(Some(slot))
}

/// A keyless command that one node answers only for itself would give a part of
/// the truth; and one whose keys nobody marked would go anywhere.
pub(super) fn refuse_partial_answers(command: CommandRef<'_>) -> Result<(), Error> {
    let info = command.info();
    if info.keys == KeySpec::Unknown {
        let advice = "say which arguments are keys with `.key(…)`, or send it to one node \
                      with `for_each_primary` or `for_each_node`";
        return Err(Error::not_routable(command.name(), advice));
    }
    if info.flags.contains(Flags::SESSION) {
        // The connection refuses it, and says why.
        return Ok(());
    }
    let advice = match info.request {
        RequestPolicy::AllShards => "each primary answers for its own part; use `for_each_primary`",
        RequestPolicy::AllNodes => "each node answers for itself; use `for_each_node`",
        RequestPolicy::MultiShard => "it has no key",
        RequestPolicy::Special => {
            "what it answers goes on at the same node only; use `scan_stream`, or a node of \
             `for_each_primary`"
        }
        _ => return Ok(()),
    };
    Err(Error::not_routable(command.name(), advice))
}
