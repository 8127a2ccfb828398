//! Authenticating a connection anew while it is in use: plain state, the time an
//! argument.
//!
//! A server of version 7.2 or later says nothing of a rejected AUTH while other
//! replies to the same client are pending, so that every reply behind it would be
//! taken for the one before. So AUTH goes when nothing is on its way, and nothing
//! follows it before its answer: who comes meanwhile waits for a round trip.

use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::credentials::Credentials;
use crate::protocol::Ticket;
use crate::random::Random;

/// The pauses after a rejection: every one leaves a line in the server's log.
fn backoff() -> Backoff {
    Backoff::new(Duration::from_millis(100), Duration::from_secs(30))
}

#[derive(Debug, Default)]
enum Stage {
    /// The connection is whom it is to be.
    #[default]
    Settled,
    /// The provider is to be asked.
    Ask,
    /// It has been asked.
    Asking,
    /// AUTH goes as soon as nothing is on its way.
    Due(Credentials),
    Sent(Ticket, Credentials),
    /// It came to nothing; the next attempt is not to begin earlier.
    Rejected(Instant),
}

/// The state of one connection.
#[derive(Debug, Default)]
pub(crate) struct Reauth {
    stage: Stage,
    /// It was asked for once more after the provider had been asked.
    again: bool,
    /// Attempts in a row that came to nothing.
    failures: u32,
}

impl Reauth {
    /// There may be new credentials.
    pub(crate) fn request(&mut self) {
        match self.stage {
            Stage::Asking | Stage::Sent(..) => self.again = true,
            _ => self.stage = Stage::Ask,
        }
    }

    /// Whether the provider is to be asked now; it is told once.
    pub(crate) fn asks(&mut self, now: Instant) -> bool {
        let asks = match self.stage {
            Stage::Ask => true,
            Stage::Rejected(until) => until <= now,
            _ => false,
        };
        if asks {
            self.stage = Stage::Asking;
        }
        asks
    }

    /// The provider has given these.
    pub(crate) fn provided(&mut self, credentials: Credentials) {
        self.settle(Stage::Due(credentials));
    }

    /// The credentials to send now, if something is due; see
    /// [`sent`](Self::sent).
    pub(crate) fn due(&self) -> Option<&Credentials> {
        match &self.stage {
            Stage::Due(credentials) => Some(credentials),
            _ => None,
        }
    }

    pub(crate) fn sent(&mut self, ticket: Ticket) {
        self.stage = match std::mem::take(&mut self.stage) {
            Stage::Due(credentials) => Stage::Sent(ticket, credentials),
            other => other,
        };
    }

    /// Whether nothing is to be done.
    pub(crate) fn is_settled(&self) -> bool {
        matches!(self.stage, Stage::Settled)
    }

    /// What is on its way.
    pub(crate) fn ticket(&self) -> Option<Ticket> {
        match self.stage {
            Stage::Sent(ticket, _) => Some(ticket),
            _ => None,
        }
    }

    /// It was not sent after all. Gives nothing up.
    pub(crate) fn unsent(&mut self) {
        self.stage = match std::mem::take(&mut self.stage) {
            Stage::Sent(_, credentials) => Stage::Due(credentials),
            other => other,
        };
    }

    pub(crate) fn accepted(&mut self) {
        self.failures = 0;
        self.settle(Stage::Settled);
    }

    /// The server said no, or the provider did. Gives the credentials that were
    /// sent.
    pub(crate) fn rejected(&mut self, now: Instant, random: &Random) -> Option<Credentials> {
        let sent = match std::mem::take(&mut self.stage) {
            Stage::Sent(_, credentials) => Some(credentials),
            _ => None,
        };
        let pause = backoff().pause(self.failures, random);
        self.failures = self.failures.saturating_add(1);
        self.settle(Stage::Rejected(now + pause));
        sent
    }

    /// When there is something to do, whatever else happens.
    pub(crate) fn next(&self) -> Option<Instant> {
        match self.stage {
            Stage::Rejected(until) => Some(until),
            _ => None,
        }
    }

    /// Whether others are to wait: for AUTH to go, or for its answer, `owed`
    /// being the replies that are to come.
    pub(crate) fn holds_back(&self, owed: usize) -> bool {
        match self.stage {
            Stage::Due(_) => true,
            Stage::Sent(..) => owed > 0,
            _ => false,
        }
    }

    /// The end of a stage, unless it has been overtaken.
    fn settle(&mut self, stage: Stage) {
        let overtaken = std::mem::take(&mut self.again);
        self.stage = if overtaken { Stage::Ask } else { stage };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Ticket;

    fn credentials(password: &str) -> Credentials {
        Credentials::new(None, password)
    }

    /// Provided and sent.
    fn under_way(reauth: &mut Reauth, now: Instant) {
        assert!(reauth.asks(now) && !reauth.asks(now), "told once");
        reauth.provided(credentials("new"));
        assert!(reauth.holds_back(0));
        assert_eq!(reauth.due(), Some(&credentials("new")));
        reauth.sent(Ticket::made_up(1));
        assert_eq!(reauth.ticket(), Some(Ticket::made_up(1)));
        // Before it is written nothing but it is to be; then nothing at all.
        assert!(!reauth.holds_back(0) && reauth.holds_back(1));
    }

    #[test]
    fn a_request_asks_sends_and_settles() {
        let (mut reauth, now) = (Reauth::default(), Instant::now());
        assert!(!reauth.asks(now) && !reauth.holds_back(9));
        reauth.request();
        reauth.request();
        under_way(&mut reauth, now);
        reauth.unsent();
        assert!(reauth.due().is_some());
        reauth.sent(Ticket::made_up(1));
        reauth.accepted();
        assert!(!reauth.asks(now) && !reauth.holds_back(9) && reauth.next().is_none());
    }

    #[test]
    fn a_rejection_is_retried_later_and_holds_nobody_back() {
        let (mut reauth, mut now) = (Reauth::default(), Instant::now());
        reauth.request();
        for failures in 0..20 {
            under_way(&mut reauth, now);
            assert_eq!(
                reauth.rejected(now, &Random::default()),
                Some(credentials("new"))
            );
            assert!(!reauth.holds_back(9));
            let next = reauth.next().unwrap();
            let most = Duration::from_millis(100) * 2_u32.pow(failures);
            assert!(next - now <= most.min(Duration::from_secs(30)));
            assert!(next == now || !reauth.asks(now));
            now = next;
        }
        // A new password does not wait for the pause.
        under_way(&mut reauth, now);
        reauth.rejected(now, &Random::default());
        reauth.request();
        under_way(&mut reauth, now);
        reauth.accepted();
        assert_eq!(reauth.failures, 0);
    }

    #[test]
    fn what_changes_meanwhile_is_asked_for_once_more() {
        let now = Instant::now();
        let mut reauth = Reauth::default();
        reauth.request();
        assert!(reauth.asks(now));
        reauth.request();
        reauth.provided(credentials("old"));
        assert!(reauth.due().is_none(), "these are out of date");
        under_way(&mut reauth, now);
        reauth.request();
        reauth.accepted();
        under_way(&mut reauth, now);
        reauth.request();
        reauth.rejected(now, &Random::default());
        under_way(&mut reauth, now);
        reauth.accepted();
        assert!(!reauth.asks(now));
        // Before it was sent, the newer ones take its place.
        reauth.request();
        assert!(reauth.asks(now));
        reauth.provided(credentials("old"));
        reauth.request();
        under_way(&mut reauth, now);
    }

    #[test]
    fn a_provider_that_fails_is_asked_again_later() {
        let (mut reauth, now) = (Reauth::default(), Instant::now());
        reauth.request();
        assert!(reauth.asks(now));
        assert_eq!(reauth.rejected(now, &Random::default()), None);
        assert!(reauth.asks(reauth.next().unwrap()));
    }
}
