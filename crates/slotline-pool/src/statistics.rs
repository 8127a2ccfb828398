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
    /// How many commands each of these writes began.
    pub commands_per_write: CommandsPerWrite,
    /// Bytes that the socket took, handshakes aside.
    pub bytes_written: u64,
    /// Bytes that were read, handshakes aside.
    pub bytes_read: u64,
    /// Commands that were accepted, the pool's own among them.
    pub commands: u64,
    /// Replies that were read, those included whose caller had gone.
    pub replies: u64,
    /// Requests that failed at once because the node could not be reached.
    pub failed_fast: u64,
    /// PINGs that were sent because a connection was idle.
    pub pings: u64,
    /// Times that a connection in use was authenticated anew.
    pub reauthentications: u64,
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
            commands_per_write: self.commands_per_write.with(other.commands_per_write),
            bytes_written: self.bytes_written + other.bytes_written,
            bytes_read: self.bytes_read + other.bytes_read,
            commands: self.commands + other.commands,
            replies: self.replies + other.replies,
            failed_fast: self.failed_fast + other.failed_fast,
            pings: self.pings + other.pings,
            reauthentications: self.reauthentications + other.reauthentications,
            leases: self.leases,
        }
    }
}

/// A histogram over the numbers of commands that writes began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CommandsPerWrite {
    /// Writes that began none; one; 2 and 3; 4 to 7; and so on.
    writes: [u64; CommandsPerWrite::BUCKETS],
}

impl CommandsPerWrite {
    const BUCKETS: usize = 18;

    pub(crate) fn count(&mut self, commands: usize) {
        let bucket = (usize::BITS - commands.leading_zeros()) as usize;
        let last = Self::BUCKETS - 1;
        if let Some(writes) = self.writes.get_mut(bucket.min(last)) {
            *writes += 1;
        }
    }

    /// The least number of commands of each class, and how many writes began as
    /// many: none, 1, 2 and 3, 4 to 7, and so on to 65,536 and more.
    pub fn iter(&self) -> impl Iterator<Item = (usize, u64)> {
        let least = |bucket: usize| bucket.checked_sub(1).map_or(0, |power| 1 << power);
        let each = self.writes.iter().enumerate();
        each.map(move |(bucket, writes)| (least(bucket), *writes))
    }

    fn with(mut self, other: CommandsPerWrite) -> CommandsPerWrite {
        for (here, more) in self.writes.iter_mut().zip(other.writes) {
            *here += more;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_counted_by_powers_of_two() {
        let mut histogram = CommandsPerWrite::default();
        for commands in [0, 1, 1, 2, 3, 4, 7, 8, 65_535, 65_536, usize::MAX] {
            histogram.count(commands);
        }
        let found: Vec<_> = histogram.iter().filter(|(_, writes)| *writes > 0).collect();
        let expected = [
            (0, 1),
            (1, 2),
            (2, 2),
            (4, 2),
            (8, 1),
            (32_768, 1),
            (65_536, 2),
        ];
        assert_eq!(found, expected);
    }
}
