//! What has been done with leased connections so far.

/// The counters of a pool's leased connections at one moment. Counts without a
/// `now` are since the pool was built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeaseStatistics {
    /// Connections that somebody has now.
    pub in_use: usize,
    /// Connections that are ready for the next one now.
    pub idle: usize,
    /// Connections that are being made now, or wait for their turn to be.
    pub dialling: usize,
    /// Connections whose transaction is being brought to its end now.
    pub tidying: usize,
    /// Callers that wait for a connection now.
    pub waiting: usize,
    /// Leases that were given out.
    pub lent: u64,
    /// Dials that were begun.
    pub dials: u64,
    /// Dials that did not end with a connection ready for use.
    pub failed_dials: u64,
    /// Connections that came back as what their recipe had made them.
    pub returned: u64,
    /// Connections that were closed when they came back, since they might have
    /// been something else.
    pub discarded: u64,
    /// Connections that broke, or were closed by the other side: in use or idle.
    pub lost: u64,
    /// Connections that were closed because they had been idle, or had lived, for
    /// long enough.
    pub retired: u64,
}
