//! Connections that one holder at a time has alone.
//!
//! The [`Store`](store::Store) says who has one, who waits and what lies ready. A
//! [`Place`](place) is one who waits. The [tender](tender) makes connections and
//! looks after those that nobody has. A [`Lease`] moves the bytes of its own on its
//! holder's task, by the [`Connection`](connection::Connection) in it, whose
//! [`Session`](session::Session) knows whether it may go back.

mod call;
mod connection;
mod farewell;
mod handle;
mod limits;
mod place;
mod refusal;
mod session;
mod statistics;
mod store;
mod subscriptions;
mod tender;

pub use call::Call;
pub use handle::Lease;
pub(crate) use limits::LeaseLimits;
pub use statistics::LeaseStatistics;

use std::sync::{Arc, Weak};

use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::config::Config;
use crate::error::Error;
use crate::pool::Owner;
use store::Store;

/// The leased connections of one pool. Dropping it ends them.
pub(crate) struct Leases {
    store: Arc<Store>,
}

impl Drop for Leases {
    fn drop(&mut self) {
        self.store.close();
    }
}

impl Leases {
    pub(crate) fn new(config: Arc<Config>, owner: Weak<Owner>) -> Leases {
        Leases {
            store: Arc::new(Store::new(config, owner)),
        }
    }

    /// See [`Pool::lease`](crate::Pool::lease).
    pub(crate) async fn lease(&self, deadline: Instant) -> Result<Lease, Error> {
        place::wait(&self.store, deadline).await
    }

    /// Begins to make as many connections as are to lie ready.
    pub(crate) fn make_ready(&self) {
        if self.store.limits().min_idle == 0 {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let start = self.store.with(|state| {
            state.last_used = Some(Instant::now());
            !state.is_closed && !std::mem::replace(&mut state.is_tended, true)
        });
        if start {
            tender::start(&self.store, &runtime);
        }
    }

    /// See [`Pool::give_back`](crate::Pool::give_back).
    pub(crate) fn give_back(&self) {
        self.store.give_back();
    }

    /// Lends no more, and ends those that nobody has.
    pub(crate) fn begin_to_drain(&self) {
        self.store.begin_to_drain();
    }

    /// Waits until every lease has come back, or there is no more time, and closes.
    pub(crate) async fn drained(&self, deadline: Instant) {
        self.store.drained(deadline).await;
    }

    pub(crate) fn close(&self) {
        self.store.close();
    }

    pub(crate) fn statistics(&self) -> LeaseStatistics {
        self.store.statistics()
    }
}
