//! Which answer to a transaction says that it did not run, and why.

use slotline_resp::CommandRef;

use crate::node::Asked;
use crate::request::Target;
use crate::resend::Resend;
use crate::response::Trouble;

/// The answer that turned a transaction away, and a command that it holds for.
pub(super) struct TurnedWhole<'a> {
    pub(super) line: &'a str,
    pub(super) asked: Option<&'a Asked>,
    pub(super) command: CommandRef<'a>,
    pub(super) target: Target,
}

/// How EXEC's error begins where EXEC itself was refused; the refusal follows.
const BECAUSE: &str = "EXECABORT Transaction discarded because of: ";

/// `None` if EXEC was answered, or not answered: only its own error says that
/// nothing has run. If a command was refused when it was queued, EXEC answers
/// EXECABORT, and the first refusal says why; otherwise EXEC's error does.
/// A server whose state changed in between has queued all and refuses EXEC alone.
pub(super) fn turned_whole<S: Clone>(resend: &Resend<S>) -> Option<TurnedWhole<'_>> {
    let commands = resend.commands();
    let exec = commands.len().checked_sub(1)? as u32;
    let troubles = resend.troubles();
    let error_of = |wanted: &dyn Fn(u32) -> bool| {
        let mut found = troubles.iter().filter(|(index, ..)| wanted(*index));
        found.find_map(|(index, target, trouble)| match trouble {
            Trouble::Error(line, asked) => Some((*index, target.clone(), *line, *asked)),
            Trouble::Failed(_) => None,
        })
    };
    let (index, target, line, asked) = match error_of(&|index| index == exec)? {
        (index, target, line, asked) if line.starts_with("EXECABORT") => {
            let queued = error_of(&|index| index < exec);
            let own = line.strip_prefix(BECAUSE);
            queued.or_else(|| Some((index, target, own?, asked)))?
        }
        own => own,
    };
    let keyed = commands
        .iter()
        .find(|command| command.keys().next().is_some());
    let refused = commands.get(index as usize);
    let refused = refused.filter(|command| command.keys().next().is_some());
    Some(TurnedWhole {
        line,
        asked,
        command: refused.or(keyed).or(commands.get(0))?,
        target,
    })
}
