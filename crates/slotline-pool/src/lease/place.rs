//! Waiting for a lease.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use super::handle::Lease;
use super::store::{Found, Store};
use super::tender;
use crate::error::{Error, Waiting};

/// One who waits. Dropping it leaves nothing behind (A8): what it had been granted
/// goes to the next.
struct Place<'a> {
    store: &'a Arc<Store>,
    runtime: Handle,
    ticket: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.store.hand_in(self.ticket);
    }
}

/// See [`Pool::lease`](crate::Pool::lease).
pub(super) async fn wait(store: &Arc<Store>, deadline: Instant) -> Result<Lease, Error> {
    let address = &store.config.address;
    let Ok(runtime) = Handle::try_current() else {
        return Err(Error::stopped(address, "there is no tokio runtime here"));
    };
    if deadline <= Instant::now() {
        return Err(Error::deadline(address, Waiting::Connection, None));
    }
    let place = Place {
        store,
        runtime,
        ticket: store.ticket(),
    };
    match timeout_at(deadline, poll_fn(|cx| place.poll(cx))).await {
        Ok(outcome) => outcome,
        Err(_) => Err(store.late()),
    }
}

impl Place<'_> {
    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<Lease, Error>> {
        loop {
            let connection = match self.store.find(self.ticket, cx.waker()) {
                Found::Granted(Ok(connection)) => connection,
                Found::Granted(Err(error)) => return Poll::Ready(Err(error)),
                Found::Idle(idle) => idle.connection,
                Found::Wait(start) => {
                    if start {
                        tender::start(self.store, &self.runtime);
                    }
                    return Poll::Pending;
                }
            };
            let is_expired = connection.expires <= Instant::now();
            let mut lease = Lease::new(Arc::clone(self.store), connection);
            if is_expired {
                lease.lose_as(|counts| counts.retired += 1);
            } else if lease.is_quiet() {
                self.store.with(|state| state.counts.lent += 1);
                return Poll::Ready(Ok(lease));
            } else {
                // Its peer is gone. The ticket is as good as before (E6).
                lease.lose_as(|counts| counts.lost += 1);
            }
        }
    }
}
