//! What a test makes a node do.

use std::time::Duration;

use super::{Fake, HostForm};

/// A connection is lost in the middle of a part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    /// How many of the part's commands run before.
    pub(crate) runs: usize,
    /// How many of those are still answered.
    pub(crate) answers: usize,
    /// The first command of which no byte was written.
    pub(crate) first_unsent: usize,
}

/// An answer that was agreed on before.
#[derive(Debug)]
pub(super) struct Scripted {
    pub(super) port: u16,
    pub(super) command: String,
    pub(super) reply: String,
    pub(super) left: usize,
    /// Whether the command takes effect all the same.
    pub(super) runs: bool,
}

impl Fake {
    /// The node answers the next `times` commands that begin so with this error.
    pub(crate) fn refuse(&self, port: u16, command: &str, line: &str, times: usize) {
        self.script(port, command, &super::reply::error(line), times, false);
    }

    /// The same, but each command has taken effect before, as a script's may.
    pub(crate) fn run_and_refuse(&self, port: u16, command: &str, line: &str, times: usize) {
        self.script(port, command, &super::reply::error(line), times, true);
    }

    /// The node answers the next `times` such commands with this frame.
    pub(crate) fn answer_with(&self, port: u16, command: &str, frame: &str, times: usize) {
        self.script(port, command, frame, times, false);
    }

    fn script(&self, port: u16, command: &str, reply: &str, times: usize, runs: bool) {
        self.state().scripted.push(Scripted {
            port,
            command: command.to_owned(),
            reply: reply.to_owned(),
            left: times,
            runs,
        });
    }

    /// The connection that carries the node's next part is lost.
    pub(crate) fn cut(&self, port: u16, cut: Cut) {
        self.state().node(port).cuts.push_back(cut);
    }

    /// The node cannot be reached, or can again.
    pub(crate) fn set_away(&self, port: u16, away: bool) {
        self.state().node(port).away = away;
        self.changed.notify_waiters();
    }

    /// The node takes this long for a part.
    pub(crate) fn set_delay(&self, port: u16, delay: Duration) {
        self.state().node(port).delay = delay;
    }

    pub(crate) fn set_host_form(&self, port: u16, form: HostForm) {
        self.state().node(port).host = form;
    }

    /// So many connections for reads, the present one included, have lost their
    /// READONLY.
    pub(crate) fn forget_readonly(&self, port: u16, connections: usize) {
        self.state().node(port).forgets_readonly = connections;
    }

    /// How often the node's connections were replaced.
    pub(crate) fn quarantined(&self, port: u16) -> usize {
        self.state().node(port).quarantined
    }

    /// How often commands were taken back from the node.
    pub(crate) fn given_back(&self, port: u16) -> usize {
        self.state().node(port).given_back
    }
}
