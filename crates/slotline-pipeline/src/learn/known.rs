//! What was learned so far.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;
use slotline_resp::CommandInfo;
use tokio::sync::OnceCell;
use tokio::time::Instant;

/// So many names are kept. Nobody has as many commands.
const MOST: usize = 1_000;

/// Who has not told is left alone for so long.
const PAUSE: Duration = Duration::from_secs(10);

/// What is known of commands, by their names in upper case.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<FxHashMap<String, Arc<Entry>>>);

#[derive(Debug, Default)]
struct Entry {
    /// Whoever comes first asks; the others wait for that.
    facts: OnceCell<&'static CommandInfo>,
    pause: Mutex<Option<Instant>>,
}

impl Entry {
    fn pause(&self) -> MutexGuard<'_, Option<Instant>> {
        self.pause.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_paused(&self) -> bool {
        self.pause().is_some_and(|until| Instant::now() < until)
    }
}

/// What is known of one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Facts {
    Are(&'static CommandInfo),
    /// They can be asked for.
    Open,
    /// They cannot, now.
    Missing,
}

impl Known {
    fn all(&self) -> MutexGuard<'_, FxHashMap<String, Arc<Entry>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn facts(&self, name: &str) -> Facts {
        let mut all = self.all();
        if let Some(entry) = all.get(name) {
            return match entry.facts.get() {
                Some(info) => Facts::Are(info),
                None if entry.is_paused() => Facts::Missing,
                None => Facts::Open,
            };
        }
        if all.len() >= MOST {
            all.retain(|_, entry| entry.facts.initialized() || entry.is_paused());
        }
        match all.len() < MOST {
            true => Facts::Open,
            false => Facts::Missing,
        }
    }

    /// Asks with `ask`, unless somebody does already.
    pub(super) async fn learn(
        &self,
        name: &str,
        ask: impl Future<Output = Option<&'static CommandInfo>>,
    ) {
        let entry = Arc::clone(self.all().entry(name.to_owned()).or_default());
        let asked = entry.facts.get_or_try_init(async || {
            if entry.is_paused() {
                return Err(());
            }
            // Also where whoever asks is dropped: the next asks then.
            ask.await.ok_or_else(|| {
                *entry.pause() = Some(Instant::now() + PAUSE);
            })
        });
        let _known = asked.await;
    }
}
