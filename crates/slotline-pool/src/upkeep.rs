//! What a line does for its connection without being asked by a caller.

use slotline_resp::{CommandBuffer, known};
use tokio::time::Instant;

use crate::config::{Config, LONGEST};
use crate::credentials::redacted;
use crate::error::{Error, Nature, UNANSWERED};
use crate::events::EventKind;
use crate::ping::{Ping, Step};
use crate::protocol::Ticket;
use crate::reauth::Reauth;
use crate::shared::{State, earlier};

/// The pool's own commands on the present connection.
#[derive(Debug, Default)]
pub(crate) struct Upkeep {
    ping: Ping,
    /// The ping that is on its way.
    pinged: Option<Ticket>,
    pub(crate) reauth: Reauth,
}

impl State {
    /// Sends what is due, and looks at what came back; what there is to tell goes
    /// to `events`. Tells whether the connection comes to rest: nothing has gone over it
    /// for so long that what many requests have needed is let go of.
    ///
    /// # Errors
    /// How the connection is lost.
    pub(crate) fn look_after(
        &mut self,
        now: Instant,
        config: &Config,
        events: &mut Vec<EventKind>,
    ) -> Result<bool, &'static str> {
        if let Some(pinged) = self.upkeep.pinged {
            self.take_pong(pinged);
        }
        if !self.upkeep.reauth.is_settled() {
            events.extend(self.take_verdict(now, config));
            self.authenticate(now);
        }
        self.ping(now, config)
    }

    /// Asks for a sign of life if that is due; whether it was.
    fn ping(&mut self, now: Instant, config: &Config) -> Result<bool, &'static str> {
        let Some(rule) = config.ping else {
            return Ok(false);
        };
        let (heard, is_idle) = (self.heard, self.is_idle());
        match self.upkeep.ping.step(rule, heard, is_idle, now) {
            Step::Nothing => Ok(false),
            Step::GiveUp => Err(UNANSWERED),
            Step::Ask => {
                self.protocol.rest();
                let mut buffer = CommandBuffer::new();
                buffer.begin(&known::PING, 0);
                let ticket = self.protocol.submit_own(&buffer.freeze(), now + LONGEST);
                self.upkeep.pinged = ticket;
                self.statistics.pings += 1;
                self.statistics.commands += 1;
                Ok(true)
            }
        }
    }

    /// Sends AUTH if it is due and nothing is on its way.
    fn authenticate(&mut self, now: Instant) {
        let Some(credentials) = self.upkeep.reauth.due() else {
            return;
        };
        let ticket = self.protocol.submit_own(&credentials.auth(), now + LONGEST);
        if let Some(ticket) = ticket {
            self.upkeep.reauth.sent(ticket);
            self.statistics.commands += 1;
        }
    }

    /// What the server says to AUTH.
    fn take_verdict(&mut self, now: Instant, config: &Config) -> Option<EventKind> {
        let reauth = &mut self.upkeep.reauth;
        let outcome = self.protocol.take_own(reauth.ticket()?)?;
        if outcome.loss.is_some() {
            reauth.unsent();
            return None;
        }
        let Some(line) = outcome.replies.error_line(0) else {
            reauth.accepted();
            self.statistics.reauthentications += 1;
            return Some(EventKind::Reauthenticated);
        };
        let line = redacted(line, reauth.rejected(now, &config.random).as_ref());
        let source = slotline_resp::Error::server(line);
        let error = Error::dial(&config.address, "AUTH", Nature::Refusal, source);
        Some(EventKind::NotReauthenticated(error))
    }

    /// When there is something to look after.
    pub(crate) fn upkeep_due(&self, config: &Config) -> Option<Instant> {
        self.connection.as_ref()?;
        let ping = config.ping.and_then(|rule| {
            let ping = &self.upkeep.ping;
            ping.due(rule, self.heard, self.is_idle())
        });
        earlier(ping, self.upkeep.reauth.next())
    }

    /// The connection is gone, and with it what was the pool's own on it.
    pub(crate) fn end_upkeep(&mut self) {
        let upkeep = std::mem::take(&mut self.upkeep);
        for ticket in upkeep.pinged.into_iter().chain(upkeep.reauth.ticket()) {
            self.protocol.abandon(ticket);
        }
    }

    /// Its answer, whatever it is, proves no more than that something came (E4).
    fn take_pong(&mut self, pinged: Ticket) {
        let Some(outcome) = self.protocol.take_own(pinged) else {
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
        let is_busy = !self.protocol.is_quiet() || self.protocol.has_unwritten();
        !is_busy && self.connection.is_some() && !self.is_quarantined
    }
}
