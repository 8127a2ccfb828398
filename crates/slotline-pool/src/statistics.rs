//! What a pool has done so far.

use crate::lease::LeaseStatistics;

/// A pool's counters at one moment. Counts are since the pool was built, and of the
/// connections that are shared: [`leases`](Self::leases) has those of the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Dials that were begun.
    pub dials: u64,
    /// Dials that did not end with a connection ready for use.
    pub failed_dials: u64,
    /// Connections that were ready for use and are gone.
    pub connections_lost: u64,
    /// Those among them that were ended by [`Pool::quarantine`](crate::Pool::quarantine).
    pub quarantined: u64,
    /// Whether there is a connection now.
    pub connected: bool,
    /// Commands that hold a place now, written or not.
    pub in_flight: usize,
    /// Bytes that wait for being written now.
    pub queued_bytes: usize,
    /// Requests that wait for room now.
    pub waiting: usize,
    /// Writes that the socket took at least a byte of.
    pub writes: u64,
    /// Bytes that the socket took, handshakes aside.
    pub bytes_written: u64,
    /// Bytes that were read, handshakes aside.
    pub bytes_read: u64,
    /// Commands that were accepted.
    pub commands: u64,
    /// Replies that were read, those included whose caller had gone.
    pub replies: u64,
    /// Of the leased connections.
    pub leases: LeaseStatistics,
}

impl Statistics {
    /// Those of two connections together.
    pub(crate) fn with(self, other: Statistics) -> Statistics {
        Statistics {
            dials: self.dials + other.dials,
            failed_dials: self.failed_dials + other.failed_dials,
            connections_lost: self.connections_lost + other.connections_lost,
            quarantined: self.quarantined + other.quarantined,
            connected: self.connected || other.connected,
            in_flight: self.in_flight + other.in_flight,
            queued_bytes: self.queued_bytes + other.queued_bytes,
            waiting: self.waiting + other.waiting,
            writes: self.writes + other.writes,
            bytes_written: self.bytes_written + other.bytes_written,
            bytes_read: self.bytes_read + other.bytes_read,
            commands: self.commands + other.commands,
            replies: self.replies + other.replies,
            leases: self.leases,
        }
    }
}
