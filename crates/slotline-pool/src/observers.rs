//! The user's observers: called when a connection begins to be used, and when it
//! is gone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::address::Address;
use crate::config::Intent;
use crate::dial::Greeting;
use crate::error::Error;

/// A connection that is about to be used; see
/// [`on_lend`](crate::PoolBuilder::on_lend).
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Lent<'a> {
    /// The node.
    pub address: &'a Address,
    /// What the connection is for.
    pub intent: Intent,
    /// Which of the pool's connections it is, counted from 0.
    pub connection: usize,
    /// What the server said of itself.
    pub greeting: &'a Greeting,
}

/// A connection that had been lent and is gone; see
/// [`on_close`](crate::PoolBuilder::on_close).
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Closed<'a> {
    /// The node.
    pub address: &'a Address,
    /// What the connection was for.
    pub intent: Intent,
    /// Which of the pool's connections it was, counted from 0.
    pub connection: usize,
    /// How long it was there.
    pub lived: Duration,
    /// Why it is gone.
    pub reason: &'a Error,
}

type OnLend = Arc<dyn Fn(&Lent<'_>) + Send + Sync>;
type OnClose = Arc<dyn Fn(&Closed<'_>) + Send + Sync>;

/// All that were given, in their order.
#[derive(Clone, Default)]
pub(crate) struct Observers {
    pub(crate) on_lend: Vec<OnLend>,
    pub(crate) on_close: Vec<OnClose>,
}

impl Observers {
    pub(crate) fn lent(&self, lent: &Lent<'_>) {
        for observer in &self.on_lend {
            observer(lent);
        }
    }

    /// Also called while a panic is on its way, to which another must not come.
    pub(crate) fn closed(&self, closed: &Closed<'_>) {
        for observer in &self.on_close {
            let _ = catch_unwind(AssertUnwindSafe(|| observer(closed)));
        }
    }
}
