//! Transactions, 1,000 a second if the machine is up to it. Each adds one to both
//! counters of a pair.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use slotline_tests::tag_of;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at};

use super::{Load, MOVING};

const PAIRS: u16 = 100;
/// Of each pair.
const EVERY: Duration = Duration::from_millis(100);
/// How many counters there are.
pub(super) const KEYS: u64 = 2 * PAIRS as u64;

/// A task for each pair: of each slot that moves, and of others.
pub(super) fn run(load: &Arc<Load>, tasks: &mut JoinSet<Result<(), String>>) {
    let slots = MOVING.into_iter().flatten().chain(0..);
    for (at, slot) in slots.take(usize::from(PAIRS)).enumerate() {
        let tag = tag_of(slot);
        let keys = ["one", "other"].map(|name| format!("{{{tag}}}:{name}"));
        let start = Instant::now() + EVERY * at as u32 / u32::from(PAIRS);
        tasks.spawn(count(Arc::clone(load), keys, start));
    }
}

/// Whoever counts alone sees each number once, and none left out.
async fn count(load: Arc<Load>, keys: [String; 2], start: Instant) -> Result<(), String> {
    // What was late is made up for.
    let mut ticks = interval_at(start, EVERY);
    for number in 1_u64.. {
        ticks.tick().await;
        if !load.goes_on() {
            break;
        }
        let sent = load.client.transaction(|t| {
            for key in &keys {
                t.incr(key);
            }
        });
        let counted = sent.await.and_then(|results| results.decode_all());
        let counted: (u64, u64) = counted.map_err(|error| format!("{}: {error}", keys[0]))?;
        if counted != (number, number) {
            return Err(format!("{}: {counted:?} and not {number}", keys[0]));
        }
        load.transactions.fetch_add(1, Relaxed);
    }
    Ok(())
}
