//! What happens to a pool's connections, told to whoever wants to know: never
//! anything per command.

use std::fmt;
use std::sync::OnceLock;

use tokio::sync::broadcast::{self, error::RecvError};

use crate::address::Address;
use crate::config::Intent;
use crate::dial::Greeting;
use crate::error::Error;
use crate::pushes::{PushSender, Pushes};
use crate::trace;

/// So many events are kept for a receiver that does not read.
const KEPT: usize = 256;

/// Something that happened to one of a pool's connections. It shows no password,
/// key or value.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Event {
    /// The node.
    pub address: Address,
    /// What the pool's connections are for.
    pub intent: Intent,
    /// Which of the pool's [`connections`](crate::PoolBuilder::connections) it is
    /// about, counted from 0. It keeps its number when it is made anew. `None`: one
    /// that is [leased](crate::Pool::lease).
    pub connection: Option<usize>,
    /// What happened.
    pub kind: EventKind,
}

/// What happened to a connection.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum EventKind {
    /// A dial has begun.
    Dialling {
        /// How many dials before it have come to nothing in a row.
        attempt: u32,
    },
    /// A dial has failed; [`Error::step`] says where.
    DialFailed(Error),
    /// So many dials have failed in a row that requests do not wait any more: see
    /// [`fail_fast_after`](crate::PoolBuilder::fail_fast_after).
    FailingFast(Error),
    /// The connection is ready, and requests can go over it.
    Connected(Greeting),
    /// The connection is gone, and why.
    Lost(Error),
    /// The connection begins no more requests and will be replaced: see
    /// [`Pool::quarantine`](crate::Pool::quarantine).
    Quarantined,
    /// The connection has been authenticated anew, with what the provider of the
    /// credentials gave.
    Reauthenticated,
    /// It has not been: the server or the provider said no. It goes on as whom it
    /// was, and there will be another attempt.
    NotReauthenticated(Error),
    /// The pool was closed, and the connection with it; or, if it is a leased one,
    /// it was closed because nobody needed it any longer.
    Closed,
}

/// A receiver did not keep up: this many events are lost to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed(pub u64);

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} were missed", self.0)
    }
}

impl std::error::Error for Missed {}

/// Receives what happens from [`Pool::events`](crate::Pool::events) on.
#[derive(Debug)]
pub struct Events(broadcast::Receiver<Event>);

impl Events {
    /// The next event, as soon as there is one; `None` when the pool is gone and
    /// all have been read. 256 are kept for a receiver that does not read; it is
    /// told how many it then missed, the oldest.
    ///
    /// # Cancel safety
    /// If it is dropped, no event is lost.
    pub async fn next(&mut self) -> Option<Result<Event, Missed>> {
        received(self.0.recv().await)
    }
}

/// What a receiver says, as ours say it.
pub(crate) fn received<T>(outcome: Result<T, RecvError>) -> Option<Result<T, Missed>> {
    match outcome {
        Ok(item) => Some(Ok(item)),
        Err(RecvError::Lagged(missed)) => Some(Err(Missed(missed))),
        Err(RecvError::Closed) => None,
    }
}

/// The other end, made when someone first listens.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    events: OnceLock<broadcast::Sender<Event>>,
    pushes: OnceLock<PushSender>,
}

impl Listeners {
    pub(crate) fn events(&self) -> Events {
        let sender = self.events.get_or_init(|| broadcast::Sender::new(KEPT));
        Events(sender.subscribe())
    }

    /// A receiver of pushes, so many of which are kept for it if it does not read:
    /// the first call says how many.
    pub(crate) fn pushes(&self, kept: usize) -> Pushes {
        self.pushes.get_or_init(|| PushSender::new(kept)).receiver()
    }

    /// Whom pushes go to, if to anybody.
    pub(crate) fn push_sender(&self) -> Option<&PushSender> {
        self.pushes.get().filter(|sender| sender.has_receivers())
    }

    pub(crate) fn tell(&self, event: Event) {
        trace::event(&event);
        if let Some(sender) = self.events.get() {
            // Nobody listens any more: that is no error.
            let _ = sender.send(event);
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EventKind::Dialling { attempt: 0 } => f.write_str("dialling"),
            EventKind::Dialling { attempt } => write!(f, "dialling, after {attempt} in vain"),
            EventKind::DialFailed(error) => write!(f, "the dial failed: {error}"),
            EventKind::FailingFast(error) => write!(f, "nobody waits any more: {error}"),
            EventKind::Connected(_) => f.write_str("connected"),
            EventKind::Lost(error) => write!(f, "{error}"),
            EventKind::Quarantined => f.write_str("the connection is to be replaced"),
            EventKind::Reauthenticated => f.write_str("authenticated anew"),
            EventKind::NotReauthenticated(error) => write!(f, "not authenticated anew: {error}"),
            EventKind::Closed => f.write_str("closed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(attempt: u32) -> Event {
        Event {
            address: Address::new("node", 1),
            intent: Intent::ReadWrite,
            connection: Some(0),
            kind: EventKind::Dialling { attempt },
        }
    }

    #[tokio::test]
    async fn a_receiver_that_does_not_read_is_told_how_many_it_missed() {
        let listeners = Listeners::default();
        // Nobody listens yet.
        listeners.tell(event(u32::MAX));
        let (mut slow, mut quick) = (listeners.events(), listeners.events());
        for attempt in 0..300 {
            listeners.tell(event(attempt));
            assert!(matches!(quick.next().await, Some(Ok(_))));
        }
        assert_eq!(slow.next().await.unwrap().unwrap_err(), Missed(44));
        for expected in 44..300 {
            let kind = slow.next().await.unwrap().unwrap().kind;
            assert!(matches!(kind, EventKind::Dialling { attempt } if attempt == expected));
        }
        drop(listeners);
        assert!(slow.next().await.is_none() && quick.next().await.is_none());
    }
}
