//! What a test does to single nodes and to their connections.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::FakeCluster;

impl FakeCluster {
    /// The node dies: its connections end, it takes no others, and hears of
    /// nothing. Its data stay.
    pub fn kill(&self, port: u16) {
        self.change(|state| {
            state.world.isolate(port);
            state.lines.set_down(port, true);
            state.lines.cut(port);
        });
    }

    /// The node is there again, and believes what it did when it died, until it
    /// is [told](Self::tell).
    pub fn start(&self, port: u16) {
        self.change(|state| state.lines.set_down(port, false));
    }

    /// Whether the node is dead.
    #[must_use]
    pub fn is_down(&self, port: u16) -> bool {
        self.state().lines.is_down(port)
    }

    /// The node stands still, as by SIGSTOP: it takes connections, and whatever
    /// arrives waits.
    pub fn pause(&self, port: u16) {
        self.change(|state| {
            state.lines.set_paused(port, true);
            state.world.count("paused");
        });
    }

    /// The node goes on.
    pub fn resume(&self, port: u16) {
        self.change(|state| state.lines.set_paused(port, false));
    }

    /// Ends all connections of the node; returns how many there were.
    pub fn cut(&self, port: u16) -> usize {
        self.change(|state| state.lines.cut(port))
    }

    /// Each open connection of the node ends when it has taken in so many more
    /// bytes of commands. Commands that have arrived whole run, and their replies
    /// are lost.
    pub fn cut_commands_after(&self, port: u16, bytes: usize) {
        self.change(|state| state.lines.cut_commands_after(port, bytes));
    }

    /// Each open connection of the node ends behind so many more bytes of replies.
    pub fn cut_replies_after(&self, port: u16, bytes: usize) {
        self.change(|state| state.lines.cut_replies_after(port, bytes));
    }

    /// No reply comes any more over the open connections of the node, which
    /// nobody closes.
    pub fn swallow_replies(&self, port: u16) {
        self.change(|state| state.lines.set_swallowing(port));
    }

    /// The node refuses new connections, or takes them again.
    pub fn refuse_connections(&self, port: u16, refuses: bool) {
        self.change(|state| state.lines.set_refusing(port, refuses));
    }

    /// The node takes this long for what it has read; `None`: as long as the
    /// others.
    pub fn set_latency(&self, port: u16, latency: Option<RangeInclusive<Duration>>) {
        self.change(|state| state.lines.set_slow(port, latency));
    }

    /// Bytes that nobody has asked for, on every open connection of the node, as
    /// soon as no command there waits for its reply.
    pub fn inject(&self, port: u16, bytes: &[u8]) {
        self.change(|state| state.lines.inject(port, bytes));
    }

    /// The type byte of the next reply on every open connection of the node is
    /// not what it should be.
    pub fn damage_reply(&self, port: u16) {
        self.change(|state| state.lines.flip(port));
    }

    /// The node answers the next `times` commands that begin so with this error,
    /// such as `LOADING …`, instead of running them.
    pub fn refuse(&self, port: u16, command: &str, error: &str, times: usize) {
        let mut state = self.state();
        state.world.script(port, command, error, times, false);
    }

    /// The same, but each command has taken effect, as a script's may have.
    pub fn run_and_refuse(&self, port: u16, command: &str, error: &str, times: usize) {
        let mut state = self.state();
        state.world.script(port, command, error, times, true);
    }

    /// Whatever was agreed on for the node's next commands is forgotten.
    pub fn answer_again(&self, port: u16) {
        self.state().world.unscript(port);
    }

    /// The node answers every command that has keys with this error; `None`: as
    /// it should.
    pub fn refuse_keys(&self, port: u16, error: Option<&str>) {
        let error = error.map(str::to_owned);
        self.state().world.refuse_keys(port, error);
    }
}
