use std::fmt;
use std::sync::Arc;

use slotline_commands::Batch;
use slotline_resp::{CommandBuffer, CommandInfo, Commands, ToArg, known};

/// A script or a function with the keys and arguments that it is to run with. It is run by
/// [`Client::invoke`](crate::Client::invoke), or [queued](Invocation::queue) in a pipeline or
/// a transaction.
#[derive(Clone)]
#[must_use = "an invocation does nothing until it is run"]
pub struct Invocation {
    pub(super) program: Program,
    is_read_only: bool,
    keys: Vec<Vec<u8>>,
    args: Vec<Vec<u8>>,
}

/// What is run.
#[derive(Clone)]
pub(super) enum Program {
    Script { source: Arc<str>, sha1: Arc<str> },
    Function { name: Arc<str>, code: Arc<str> },
}

impl Invocation {
    pub(super) fn new(program: Program, is_read_only: bool) -> Invocation {
        Invocation {
            program,
            is_read_only,
            keys: Vec::new(),
            args: Vec::new(),
        }
    }

    /// The next key, which the program has in `KEYS`. On a cluster all must be of one
    /// slot, and the program must use no others.
    pub fn key(mut self, key: impl ToArg) -> Invocation {
        self.keys.push(key.with_bytes(<[u8]>::to_vec));
        self
    }

    /// The next argument, which the program has in `ARGV`.
    pub fn arg(mut self, arg: impl ToArg) -> Invocation {
        self.args.push(arg.with_bytes(<[u8]>::to_vec));
        self
    }

    /// Adds it to a pipeline or a transaction. A script goes with its whole source, as
    /// EVAL: a server that did not know its name would refuse it in the middle of what
    /// must stay in order, or of what must run whole. A function has to be
    /// [loaded](crate::Client::load_library) before.
    ///
    /// ```no_run
    /// # async fn example(client: slotline::Client) -> slotline::Result<()> {
    /// use slotline::Script;
    ///
    /// let add = Script::new("return redis.call('INCRBY', KEYS[1], ARGV[1])");
    /// let mut pipe = client.pipeline();
    /// add.key("n").arg(5).queue(&mut pipe);
    /// pipe.get("n");
    /// let (sum, n): (i64, i64) = pipe.send().await?.decode_all()?;
    /// # let _ = (sum, n); Ok(()) }
    /// ```
    pub fn queue(&self, batch: &mut Batch) {
        let (info, program) = self.said(true);
        let mut command = batch.command(info.name).arg(program).arg(self.keys.len());
        for key in &self.keys {
            command = command.key(key);
        }
        for arg in &self.args {
            command = command.arg(arg);
        }
    }

    /// As it is sent at first: by its name.
    pub(super) fn by_name(&self) -> (&'static CommandInfo, Commands) {
        self.encode(false)
    }

    /// A script with its source; a function has a name only.
    pub(super) fn with_source(&self) -> (&'static CommandInfo, Commands) {
        self.encode(true)
    }

    /// The command, and what it is given to run.
    fn said(&self, with_source: bool) -> (&'static CommandInfo, &str) {
        match (&self.program, with_source, self.is_read_only) {
            (Program::Script { sha1, .. }, false, false) => (&known::EVALSHA, sha1),
            (Program::Script { sha1, .. }, false, true) => (&known::EVALSHA_RO, sha1),
            (Program::Script { source, .. }, true, false) => (&known::EVAL, source),
            (Program::Script { source, .. }, true, true) => (&known::EVAL_RO, source),
            (Program::Function { name, .. }, _, false) => (&known::FCALL, name),
            (Program::Function { name, .. }, _, true) => (&known::FCALL_RO, name),
        }
    }

    fn encode(&self, with_source: bool) -> (&'static CommandInfo, Commands) {
        let (info, program) = self.said(with_source);
        let mut buffer = CommandBuffer::new();
        let count = 2 + self.keys.len() + self.args.len();
        buffer
            .begin(info, count)
            .arg(program)
            .counted_keys(&self.keys)
            .args(&self.args);
        (info, buffer.freeze())
    }
}

impl fmt::Debug for Invocation {
    /// Without keys and arguments, which are the user's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (info, _) = self.said(false);
        f.debug_struct("Invocation")
            .field("command", &info.name)
            .field("keys", &self.keys.len())
            .field("args", &self.args.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripts::Script;

    #[test]
    fn keys_come_before_arguments_and_are_marked() {
        let script = Script::new("return 1");
        let invocation = script.arg("a").key("k").arg(7).key("l");
        let check = |(info, commands): (&CommandInfo, Commands), program: &str| {
            let command = commands.get(0).expect("a command");
            let args: Vec<&[u8]> = command.args().collect();
            let all = [info.name, program, "2", "k", "l", "a", "7"];
            assert_eq!(args, all.map(str::as_bytes));
            let keys: Vec<&[u8]> = command.keys().collect();
            assert_eq!(keys, [b"k", b"l"]);
        };
        check(invocation.by_name(), script.sha1());
        check(invocation.with_source(), script.source());
        let mut batch = Batch::new();
        invocation.queue(&mut batch);
        check((&known::EVAL, batch.freeze().0), script.source());
    }

    #[test]
    fn no_key_and_no_argument_is_shown() {
        let secret = Script::new("return 1").key("hunter2").arg("hunter2");
        let shown = format!("{secret:?}");
        assert!(
            shown.contains("EVALSHA") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
