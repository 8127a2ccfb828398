//! What a pool does about connections and nodes that do not answer, and who looks
//! on.

use std::sync::Arc;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::config::{LONGEST, PoolBuilder};
use crate::observers::{Closed, Lent};
use crate::ping::PingRule;
use crate::random::Random;

/// A ping needs some time to be idle for, or it would follow its own answer.
const LEAST_IDLE: Duration = Duration::from_millis(1);

impl PoolBuilder {
    /// When an idle connection is sent a [`PING`](https://redis.io/docs/latest/commands/ping/),
    /// so that a peer that vanished is noticed before the next command is given to
    /// it: nothing has come for `after`, and nothing is due. If then nothing comes
    /// for `deadline`, the connection is closed
    /// ([`Error::is_timeout`](crate::Error::is_timeout)) and the next dial begins.
    /// Any answer proves that the peer is there: also that it is loading, busy, or
    /// wants another password. Default: after 15 seconds, within 10.
    ///
    /// A ping is no use of the pool. A pool that nobody uses keeps the connection
    /// it has, and pings it; once that is lost, and the last use lies 30 seconds
    /// back, it waits for the next request before it dials again.
    pub fn ping_when_idle(mut self, after: Duration, deadline: Duration) -> Self {
        self.config.ping = Some(PingRule {
            after: after.clamp(LEAST_IDLE, LONGEST),
            deadline: deadline.min(LONGEST),
        });
        self
    }

    /// Sends no PING of its own.
    pub fn never_ping(mut self) -> Self {
        self.config.ping = None;
        self
    }

    /// How long the pool waits after a failed dial before the next, which is also
    /// how hard it presses a node that is away: a random time up to `least` after
    /// the first, up to twice as long after every further one in a row, up to
    /// `most` in the end. Of several [`connections`](Self::connections) each
    /// waits by itself, and each dials one at a time. Default: 10 milliseconds, 1
    /// second. Less than a millisecond counts as one.
    pub fn reconnect_pause(mut self, least: Duration, most: Duration) -> Self {
        self.config.backoff = Backoff::new(least, most);
        self
    }

    /// After so many failed dials in a row, requests that would wait for a
    /// connection fail at once instead, not sent, with the error of the last dial
    /// ([`Error::is_handshake`](crate::Error::is_handshake)), until a dial
    /// succeeds; those that wait already fail with them. Dialling goes on
    /// meanwhile, with its pauses. At least 1. Default: they wait until their
    /// deadlines, unless they are sent with
    /// [`WhileAway::Refuse`](crate::WhileAway::Refuse).
    ///
    /// A pool that has stopped dialling because nobody used it tries once more
    /// before it says so again.
    pub fn fail_fast_after(mut self, failed_dials: u32) -> Self {
        self.config.fail_fast_after = Some(failed_dials.max(1));
        self
    }

    /// Makes every random choice repeatable, so that a test under a paused clock
    /// takes the same course each time. Pools with one seed pause alike: not for
    /// use outside of tests. Default: every choice is a new one.
    pub fn seed(mut self, seed: u64) -> Self {
        self.config.random = Random::seeded(seed);
        self
    }

    /// How many pushes are kept for a receiver of [`Pool::pushes`](crate::Pool::pushes)
    /// that does not read, at the least; each as long as the server made it. Default:
    /// 1,024.
    pub fn pushes_kept(mut self, pushes: usize) -> Self {
        self.config.pushes_kept = pushes.clamp(1, 1 << 20);
        self
    }

    /// Adds an observer that is called with every connection that is ready, right
    /// before it is used for the first time. It must not block: the connection
    /// waits for it. One that owns a handle of the pool keeps it from closing.
    pub fn on_lend(mut self, observer: impl Fn(&Lent<'_>) + Send + Sync + 'static) -> Self {
        self.config.observers.on_lend.push(Arc::new(observer));
        self
    }

    /// Adds an observer that is called once for every connection that had been
    /// lent, when it is gone. It must not block: the next dial waits for it. One
    /// that owns a handle of the pool keeps it from closing.
    pub fn on_close(mut self, observer: impl Fn(&Closed<'_>) + Send + Sync + 'static) -> Self {
        self.config.observers.on_close.push(Arc::new(observer));
        self
    }
}
