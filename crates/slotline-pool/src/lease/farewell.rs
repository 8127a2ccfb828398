//! What is told of a leased connection when it begins to be used, and when it is
//! gone.

use std::sync::Arc;

use tokio::time::Instant;

use crate::config::Config;
use crate::dial::Greeting;
use crate::error::Error;
use crate::events::EventKind;
use crate::observers::{Closed, Lent};

/// Goes with its connection, and is told when it is dropped: after the socket is
/// closed, if it is the last of its fields.
pub(super) struct Farewell {
    config: Arc<Config>,
    made: Instant,
    is_lent: bool,
    /// How it was lost; nothing if we close it.
    pub(super) reason: Option<Error>,
}

impl Farewell {
    /// A connection that is ready.
    pub(super) fn new(config: Arc<Config>, greeting: &Greeting) -> Farewell {
        config.tell(None, EventKind::Connected(greeting.clone()));
        Farewell {
            config,
            made: Instant::now(),
            is_lent: false,
            reason: None,
        }
    }

    /// It is given to somebody.
    pub(super) fn lent(&mut self, greeting: &Greeting) {
        self.is_lent = true;
        self.config.observers.lent(&Lent {
            address: &self.config.address,
            intent: self.config.intent,
            connection: None,
            greeting,
        });
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        let lost = self.reason.take();
        if self.is_lent {
            let retired = || Error::lost(&self.config.address, "no longer needed", None);
            self.config.observers.closed(&Closed {
                address: &self.config.address,
                intent: self.config.intent,
                connection: None,
                lived: self.made.elapsed(),
                reason: &lost.clone().unwrap_or_else(retired),
            });
        }
        let kind = lost.map_or(EventKind::Closed, EventKind::Lost);
        self.config.tell(None, kind);
    }
}
