//! How many leased connections there may be, and for how long.

use std::time::Duration;

/// What a pool allows its leased connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LeaseLimits {
    /// Connections, those included that are in the making.
    pub(crate) most: usize,
    /// Idle ones that are kept ready.
    pub(crate) min_idle: usize,
    pub(crate) idle: Duration,
    pub(crate) lifetime: Duration,
}

impl Default for LeaseLimits {
    fn default() -> LeaseLimits {
        LeaseLimits {
            most: 64,
            min_idle: 0,
            idle: Duration::from_secs(5 * 60),
            lifetime: Duration::from_secs(30 * 60),
        }
    }
}
