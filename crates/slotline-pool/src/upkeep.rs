//! What a line does for its connection without being asked by a caller.

use slotline_resp::{CommandBuffer, known};
use tokio::time::Instant;

use crate::config::{Config, LONGEST};
use crate::error::UNANSWERED;
use crate::ping::{Ping, Step};
use crate::protocol::Ticket;
use crate::shared::State;

/// The pool's own commands on the present connection.
#[derive(Debug, Default)]
pub(crate) struct Upkeep {
    ping: Ping,
    /// The ping that is on its way.
    pinged: Option<Ticket>,
}

impl State {
    /// Sends what is due, and looks at what came back.
    ///
    /// # Errors
    /// How the connection is lost.
    pub(crate) fn look_after(&mut self, now: Instant, config: &Config) -> Result<(), &'static str> {
        self.take_pong();
        let Some(rule) = config.ping else {
            return Ok(());
        };
        let (heard, is_idle) = (self.heard, self.is_idle());
        match self.upkeep.ping.step(rule, heard, is_idle, now) {
            Step::Nothing => Ok(()),
            Step::GiveUp => Err(UNANSWERED),
            Step::Ask => {
                let mut buffer = CommandBuffer::new();
                buffer.begin(&known::PING, 0);
                let ticket = self.protocol.submit_own(&buffer.freeze(), now + LONGEST);
                self.upkeep.pinged = ticket;
                self.statistics.pings += 1;
                self.statistics.commands += 1;
                Ok(())
            }
        }
    }

    /// When there is something to look after.
    pub(crate) fn upkeep_due(&self, config: &Config) -> Option<Instant> {
        let rule = config.ping.filter(|_| self.connection.is_some())?;
        self.upkeep.ping.due(rule, self.heard, self.is_idle())
    }

    /// The connection is gone, and with it what was the pool's own on it.
    pub(crate) fn end_upkeep(&mut self) {
        let upkeep = std::mem::take(&mut self.upkeep);
        if let Some(ticket) = upkeep.pinged {
            self.protocol.abandon(ticket);
        }
    }

    /// Its answer, whatever it is, proves no more than that something came (E4).
    fn take_pong(&mut self) {
        let pinged = self.upkeep.pinged;
        let Some(outcome) = pinged.and_then(|ticket| self.protocol.take_own(ticket)) else {
            return;
        };
        self.upkeep.pinged = None;
        if outcome.loss.is_some() {
            // It was given back unsent: nothing has been asked.
            self.upkeep.ping = Ping::default();
        }
    }

    /// Whether the connection has nothing to do.
    fn is_idle(&self) -> bool {
        let is_busy = self.protocol.has_unwritten() || !self.protocol.is_quiet();
        self.connection.is_some() && !is_busy && !self.is_quarantined
    }
}
