//! How many connections to one node are in the making at once.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};

/// How many connections may be in the making at once, over all pools that share it,
/// leased connections included. Clones are the same limit.
///
/// For pools of one node that are for different intents: it is the node that is not
/// to be stormed when all its clients come back at the same time.
///
/// ```
/// use slotline_pool::{DialLimit, Intent, Pool};
///
/// let limit = DialLimit::new(2);
/// let pool = |intent| {
///     let builder = Pool::builder("localhost:6379".parse()?);
///     let builder = builder.intent(intent).dial_limit(limit.clone());
///     Ok::<_, slotline_pool::Error>(builder.build())
/// };
/// let (writes, reads) = (pool(Intent::ReadWrite)?, pool(Intent::ReadOnly)?);
/// # let _ = (writes, reads);
/// # Ok::<(), slotline_pool::Error>(())
/// ```
#[derive(Clone)]
pub struct DialLimit(Arc<Turns>);

struct Turns {
    /// As many permits as there may be dials at once; never closed.
    free: Semaphore,
    most: usize,
}

/// The right to make a connection, until it is dropped.
pub(crate) struct Turn<'a> {
    /// `None` would be that of a semaphore that is closed.
    _permit: Option<SemaphorePermit<'a>>,
}

impl DialLimit {
    /// A limit of so many dials at once; at least 1.
    #[must_use]
    pub fn new(dials: usize) -> DialLimit {
        let most = dials.clamp(1, Semaphore::MAX_PERMITS);
        DialLimit(Arc::new(Turns {
            free: Semaphore::new(most),
            most,
        }))
    }

    /// How many there may be at once.
    #[must_use]
    pub fn max_dials(&self) -> usize {
        self.0.most
    }

    /// How many there are just now.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.0.most.saturating_sub(self.0.free.available_permits())
    }

    /// Waits for a turn, in the order of those who wait. Dropping the future gives
    /// up the place, and dropping the turn passes it on.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        Turn {
            _permit: self.0.free.acquire().await.ok(),
        }
    }
}

/// Two at once.
impl Default for DialLimit {
    fn default() -> DialLimit {
        DialLimit::new(2)
    }
}

impl fmt::Debug for DialLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DialLimit")
            .field("max_dials", &self.max_dials())
            .field("under_way", &self.under_way())
            .finish()
    }
}
