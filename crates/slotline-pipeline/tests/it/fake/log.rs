//! What the nodes were asked, in the order in which they answered.

use slotline_pipeline::Intent;
use tokio::time::Instant;

use super::Fake;

/// One command that reached a node.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) at: Instant,
    pub(crate) port: u16,
    pub(crate) intent: Intent,
    /// Commands with the same number came in one part.
    pub(crate) part: usize,
    /// Its arguments with a space between.
    pub(crate) command: String,
    /// Whether it took effect.
    pub(crate) ran: bool,
    pub(crate) reply: String,
}

impl Fake {
    pub(crate) fn log(&self) -> Vec<Entry> {
        self.state().log.clone()
    }

    /// The log as `7000 GET k`, with `r` behind the port on a read-only
    /// connection.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |entry: &Entry| {
            let mark = match entry.intent {
                Intent::ReadOnly => "r",
                Intent::ReadWrite => "",
            };
            format!("{}{mark} {}", entry.port, entry.command)
        };
        self.state().log.iter().map(line).collect()
    }

    /// What has been asked so far is forgotten.
    pub(crate) fn forget_log(&self) {
        self.state().log.clear();
    }

    /// How often commands that begin like this took effect, on any node.
    pub(crate) fn ran(&self, command: &str) -> usize {
        let state = self.state();
        let ran = state.log.iter().filter(|entry| entry.ran);
        ran.filter(|entry| entry.command.starts_with(command))
            .count()
    }

    /// How many replies began like this: a fault that a test rests on took place.
    pub(crate) fn answered(&self, reply: &str) -> usize {
        let state = self.state();
        let all = state.log.iter();
        all.filter(|entry| entry.reply.starts_with(reply)).count()
    }
}
