//! What became of a transaction, out of the outcomes of its commands.

use slotline_resp::{Replies, ReplyKind};

use crate::error::Error;
use crate::response::{Response, Trouble};

/// What became of a [transaction](crate::Request::transaction) as a whole.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Executed {
    /// It ran, all of it: an outcome for each command between MULTI and EXEC. One of
    /// them may be an error; the others have run all the same.
    Ran(Response),
    /// A key that was watched had changed: EXEC was answered with null, and nothing
    /// has run.
    Conflict,
    /// EXEC was answered with an error: EXECABORT if a command was refused when it
    /// was queued. Nothing has run, unless MULTI was refused too.
    Refused,
    /// EXEC was not answered, or not sent: all of it may have run, or nothing has, as
    /// the error says.
    Failed(Error),
}

impl Response {
    /// Reads the outcomes of a transaction, from MULTI to EXEC.
    ///
    /// Source: [EXEC](https://redis.io/docs/latest/commands/exec/), "Return
    /// information".
    #[must_use]
    pub fn executed(&self) -> Executed {
        let exec = self.len().saturating_sub(1);
        if let Some(Trouble::Error(..)) = self.trouble(exec) {
            return Executed::Refused;
        }
        let at = match self.outcome(exec) {
            Ok(at) => at,
            Err(error) => return Executed::Failed(error),
        };
        let commands = exec.saturating_sub(1);
        let mut replies = Replies::with_capacity(commands);
        if replies.push_elements(self.replies(), at) == Some(commands) {
            return Executed::Ran(Response::new(replies));
        }
        let reply = self.replies().get(at);
        match reply.map(|reply| reply.kind()) {
            Some(ReplyKind::Null) => Executed::Conflict,
            _ => Executed::Failed(Error::of_layer(
                "EXEC was answered with something else than a reply for each command",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    /// What EXEC's answer says of a transaction of two commands.
    fn check(exec: &str, expected: impl Fn(&Executed) -> bool) {
        let frames = ["+OK\r\n", "+QUEUED\r\n", "+QUEUED\r\n", exec];
        let mut end = 0;
        let ends: Vec<usize> = frames
            .iter()
            .map(|frame| {
                end += frame.len();
                end
            })
            .collect();
        let mut replies = Replies::new();
        replies.push_segment(Bytes::from(frames.concat()), ends);
        let executed = Response::new(replies).executed();
        assert!(expected(&executed), "{exec:?}: {executed:?}");
    }

    #[test]
    fn what_exec_is_answered_with_is_told_apart() {
        check("*2\r\n:1\r\n$1\r\na\r\n", |executed| {
            matches!(executed, Executed::Ran(response)
                if response.len() == 2 && response.troubles().count() == 0)
        });
        check("*2\r\n-ERR x\r\n:1\r\n", |executed| {
            matches!(executed, Executed::Ran(response)
                if response.len() == 2
                    && matches!(response.trouble(0), Some(Trouble::Error("ERR x", None)))
                    && response.trouble(1).is_none())
        });
        for null in ["*-1\r\n", "_\r\n"] {
            check(null, |executed| matches!(executed, Executed::Conflict));
        }
        for error in ["-EXECABORT x\r\n", "!5\r\nERR x\r\n"] {
            check(error, |executed| matches!(executed, Executed::Refused));
        }
        for nonsense in ["*1\r\n:1\r\n", "*3\r\n_\r\n_\r\n_\r\n", "+OK\r\n"] {
            check(
                nonsense,
                |executed| matches!(executed, Executed::Failed(error) if error.is_layer()),
            );
        }
    }
}
