//! How many retries there may be, over all requests of a client.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::{Duration, Instant};

/// Tokens are counted in thousandths.
const TOKEN: u64 = 1_000;

/// A bound on how many commands go again, as a share of those that are sent: when
/// much fails at once, retries must not multiply the load on servers that cannot
/// carry it. A clone is another handle on the same budget; one serves a whole
/// client.
///
/// Every command that is sent puts a share of a token in, every retry takes one
/// out. Beside that there is a reserve that fills with time, so that a client
/// that does little can retry at all.
#[derive(Debug, Clone)]
pub struct RetryBudget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// What one command puts in, in thousandths of a token.
    share: u64,
    most: u64,
    balance: AtomicU64,
    reserve: Mutex<Reserve>,
    withdrawn: AtomicU64,
    refused: AtomicU64,
}

#[derive(Debug)]
struct Reserve {
    per_second: u64,
    left: u64,
    filled: Instant,
}

impl RetryBudget {
    /// `share` retries for each command that is sent, from 0 up, and `per_second`
    /// beside them however little is sent. No more than `most` can be saved up,
    /// and that much there is at the beginning. No setting overflows: what is no
    /// number counts as 0.
    #[must_use]
    pub fn new(share: f64, per_second: u32, most: u32) -> RetryBudget {
        let most = u64::from(most).saturating_mul(TOKEN);
        let per_second = u64::from(per_second).saturating_mul(TOKEN);
        RetryBudget(Arc::new(Inner {
            // A float becomes an integer without wrapping, and NaN becomes 0.
            share: (share.max(0.0) * TOKEN as f64) as u64,
            most,
            balance: AtomicU64::new(most),
            reserve: Mutex::new(Reserve {
                per_second,
                left: per_second,
                filled: Instant::now(),
            }),
            withdrawn: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }))
    }

    /// Counts commands that are sent for the first time.
    pub fn deposit(&self, commands: usize) {
        let inner = &self.0;
        // Full, as mostly: nothing is written that other threads would wait for.
        let balance = inner.balance.load(Ordering::Relaxed);
        if balance >= inner.most {
            return;
        }
        let commands = u64::try_from(commands).unwrap_or(u64::MAX);
        let more = inner.share.saturating_mul(commands);
        let add = |balance: u64| Some(balance.saturating_add(more).min(inner.most));
        let _always = inner
            .balance
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Takes a token for one retry, if there is one.
    #[must_use]
    pub fn withdraw(&self) -> bool {
        let inner = &self.0;
        let take = |balance: u64| balance.checked_sub(TOKEN);
        let taken = inner
            .balance
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok();
        let granted = taken || inner.take_from_reserve(Instant::now());
        let counter = if granted {
            &inner.withdrawn
        } else {
            &inner.refused
        };
        counter.fetch_add(1, Ordering::Relaxed);
        granted
    }

    /// How many tokens could be taken out at once now, the reserve aside.
    #[must_use]
    pub fn balance(&self) -> u64 {
        self.0.balance.load(Ordering::Relaxed) / TOKEN
    }

    /// How often a token was taken.
    #[must_use]
    pub fn withdrawn(&self) -> u64 {
        self.0.withdrawn.load(Ordering::Relaxed)
    }

    /// How often there was none.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }
}

impl Inner {
    fn take_from_reserve(&self, now: Instant) -> bool {
        let lock = self.reserve.lock();
        let mut reserve = lock.unwrap_or_else(PoisonError::into_inner);
        reserve.fill(now);
        match reserve.left.checked_sub(TOKEN) {
            Some(left) => {
                reserve.left = left;
                true
            }
            None => false,
        }
    }
}

impl Reserve {
    /// A second's worth at most is kept.
    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled);
        let passed = passed.min(Duration::from_secs(1)).as_millis();
        let millis = u64::try_from(passed).unwrap_or(1_000);
        let more = self.per_second.saturating_mul(millis) / 1_000;
        if more > 0 {
            self.left = self.left.saturating_add(more).min(self.per_second);
            self.filled = now;
        }
    }
}

impl Default for RetryBudget {
    /// A retry for every command, a hundred a second beside them, and ten thousand
    /// saved up: what fails for a moment is not felt, and what fails for long at
    /// most doubles the load.
    fn default() -> RetryBudget {
        RetryBudget::new(1.0, 100, 10_000)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_u32() -> impl Strategy<Value = u32> {
        prop_oneof![Just(0), Just(1), Just(u32::MAX), any::<u32>()]
    }

    fn any_share() -> impl Strategy<Value = f64> {
        let odd = [
            0.0,
            -1.0,
            f64::NAN,
            f64::INFINITY,
            f64::MAX,
            f64::MIN_POSITIVE,
        ];
        prop_oneof![prop::sample::select(odd.to_vec()), 0.0..10.0]
    }

    proptest! {
        /// Whatever it is set to and whatever is counted, a retry costs one token,
        /// and there are never more than were put in and saved up.
        #[test]
        fn no_budget_gives_more_than_was_put_in(
            share in any_share(),
            per_second in any_u32(),
            most in any_u32(),
            sent in prop::collection::vec(prop_oneof![Just(usize::MAX), 0..1000_usize], 0..20),
        ) {
            let budget = RetryBudget::new(share, per_second, most);
            prop_assert_eq!(budget.balance(), u64::from(most));
            let mut left = u64::from(most);
            for commands in sent {
                let taken = (0..3).filter(|_| budget.withdraw()).count() as u64;
                prop_assert!(taken == 3 || budget.balance() == 0);
                left = left.saturating_sub(taken);
                budget.deposit(commands);
                prop_assert!(budget.balance() <= u64::from(most));
                if share > 0.0 && share < 10.0 {
                    let more = (share * commands as f64) as u64;
                    prop_assert!(budget.balance() <= left.saturating_add(more).saturating_add(1));
                }
                left = budget.balance();
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_reserve_fills_with_time_and_not_beyond_a_second() {
        let budget = RetryBudget::new(0.0, 10, 0);
        let taken = || std::iter::from_fn(|| budget.withdraw().then_some(())).count();
        assert_eq!((taken(), budget.refused()), (10, 1));
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(taken(), 5);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!((taken(), budget.withdrawn()), (10, 25));
    }

    #[test]
    fn nothing_put_in_and_no_reserve_is_no_retry() {
        let budget = RetryBudget::new(0.0, 0, 0);
        budget.deposit(usize::MAX);
        assert!(!budget.withdraw());
    }
}
