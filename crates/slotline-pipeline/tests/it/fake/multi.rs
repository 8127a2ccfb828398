//! Transactions, as the server has them: refusals come when a command is queued, and
//! end the whole at EXEC.

use slotline_resp::CommandRef;

use super::State;
use super::execute::{Answer, Session, words};
use super::reply::{array, error, ok};

/// What is queued.
#[derive(Default)]
pub(super) struct Multi {
    queued: Vec<Vec<String>>,
    is_refused: bool,
}

impl State {
    /// The same as `answer`, on a connection that may be in a transaction.
    pub(super) fn answer_in(
        &mut self,
        multi: &mut Option<Multi>,
        session: Session,
        command: CommandRef<'_>,
    ) -> Answer {
        let name = command.name().to_owned();
        let Some(open) = multi else {
            if name == "MULTI" {
                *multi = Some(Multi::default());
                return (ok(), false);
            }
            return self.answer(session, command);
        };
        let args = words(command);
        if let Some((reply, ran)) = self.refusal(session, command, &args) {
            open.is_refused = true;
            if name == "EXEC" {
                *multi = None;
            }
            return (reply, ran);
        }
        if name != "EXEC" {
            open.queued.push(args);
            return ("+QUEUED\r\n".to_owned(), false);
        }
        let Multi { queued, is_refused } = std::mem::take(open);
        *multi = None;
        if is_refused {
            let line = "EXECABORT Transaction discarded because of previous errors.";
            return (error(line), false);
        }
        let replies: Vec<String> = queued
            .iter()
            .map(|args| self.run(session.port, args))
            .collect();
        (array(&replies), true)
    }
}
