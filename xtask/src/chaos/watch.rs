//! What must never be heard: a secret in what is traced or told, and a panic. And
//! how late the runtime itself is.

use std::fmt::{Debug, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::{Instant, sleep_until};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record as Values};
use tracing::{Event, Metadata, Subscriber};

use super::history::Late;
use super::record::Record;

/// How often the runtime is asked to be on time, and from which lateness on it is
/// written down.
const EVERY: Duration = Duration::from_millis(10);
const WORTH_A_NOTE: Duration = Duration::from_millis(5);

/// Looks for a secret wherever it is told to.
#[derive(Clone)]
pub(super) struct Secrets(Arc<Inner>);

struct Inner {
    secret: String,
    looked: AtomicU64,
    found: AtomicU64,
    panics: AtomicU64,
}

impl Secrets {
    pub(super) fn new(secret: &str) -> Self {
        Self(Arc::new(Inner {
            secret: secret.to_owned(),
            looked: AtomicU64::new(0),
            found: AtomicU64::new(0),
            panics: AtomicU64::new(0),
        }))
    }

    /// Listens to all that is traced at any level in this process, and counts its
    /// panics.
    pub(super) fn listen_everywhere(&self) -> Result<()> {
        tracing::subscriber::set_global_default(Ear(self.clone(), AtomicU64::new(1)))
            .context("somebody else listens to what is traced")?;
        let (own, before) = (self.clone(), std::panic::take_hook());
        std::panic::set_hook(Box::new(move |info| {
            own.0.panics.fetch_add(1, Ordering::Relaxed);
            own.look_into(&info.to_string());
            before(info);
        }));
        Ok(())
    }

    pub(super) fn look_into(&self, text: &str) {
        self.0.looked.fetch_add(1, Ordering::Relaxed);
        if text.contains(&self.0.secret) {
            self.0.found.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many texts there were, how many had the secret in them, and how many
    /// panics there were.
    pub(super) fn counts(&self) -> (u64, u64, u64) {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (
            load(&self.0.looked),
            load(&self.0.found),
            load(&self.0.panics),
        )
    }
}

struct Ear(Secrets, AtomicU64);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Ear {
    fn hear(&self, say: impl FnOnce(&mut Line)) {
        let mut line = Line(String::new());
        say(&mut line);
        self.0.look_into(&line.0);
    }
}

impl Subscriber for Ear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("slotline")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.hear(|line| span.record(line));
        Id::from_u64(self.1.fetch_add(1, Ordering::Relaxed))
    }

    fn record(&self, _: &Id, values: &Values<'_>) {
        self.hear(|line| values.record(line));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.hear(|line| event.record(line));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Writes down how late timers of this runtime are; for ever.
pub(super) async fn lateness(record: Arc<Record>) {
    loop {
        let due = Instant::now() + EVERY;
        let due_at = record.now() + EVERY;
        sleep_until(due).await;
        let by = due.elapsed();
        if by >= WORTH_A_NOTE {
            record.add_late(Late { due: due_at, by });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_what_is_traced_and_in_what_is_told() {
        let secrets = Secrets::new("hush");
        let ear = Ear(secrets.clone(), AtomicU64::new(1));
        tracing::subscriber::with_default(ear, || {
            tracing::info!(target: "slotline_pool", password = "no");
            assert_eq!(secrets.counts(), (1, 0, 0));
            tracing::trace!(target: "slotline_pool", "the word is {}", "hush");
            assert_eq!(secrets.counts(), (2, 1, 0));
            let _span = tracing::debug_span!(target: "slotline_pool", "dial", with = "hush");
            tracing::info!(target: "others", "hush");
        });
        secrets.look_into("hush!");
        assert_eq!(secrets.counts(), (4, 3, 0));
    }
}
