//! What goes to `tracing`, all of it: what happens to connections, and the steps of
//! a dial. Nothing per command, and no password, key, value or argument.

use tokio::time::{Duration, Instant};
use tracing::Span;

use crate::config::Config;
use crate::events::{Event, EventKind};

/// What `tracing` calls the source of everything that this crate says.
const TARGET: &str = "slotline_pool";

/// The span around one dial, from its turn to its end.
pub(crate) fn dial(config: &Config, attempt: u32) -> Span {
    let (node, intent) = (&config.address, config.intent);
    tracing::debug_span!(target: TARGET, "dial", %node, ?intent, attempt)
}

/// A step begins, or is sent in one batch with those before it.
pub(crate) fn step(step: &str) {
    tracing::trace!(target: TARGET, step, "step");
}

/// The server refused a step that a connection can do without. Its own words might
/// repeat an argument.
pub(crate) fn done_without(step: &str, code: &str) {
    tracing::debug!(target: TARGET, step, code, "refused, and done without");
}

/// A connection is not dialled again before `until`; a leased one has no number.
pub(crate) fn pausing(config: &Config, connection: Option<usize>, until: Instant) {
    let (node, intent) = (&config.address, config.intent);
    let connection = connection.map(|number| number as u64);
    let pause = until.saturating_duration_since(Instant::now());
    tracing::debug!(target: TARGET, %node, ?intent, connection, ?pause, "pausing");
}

/// The pool takes no more requests, and ends what it has within that time.
pub(crate) fn draining(config: &Config, within: Duration) {
    let (node, intent) = (&config.address, config.intent);
    tracing::info!(target: TARGET, %node, ?intent, ?within, "draining");
}

pub(crate) fn event(event: &Event) {
    let Event {
        address: node,
        intent,
        connection,
        kind,
    } = event;
    // A leased one has no number, and no such field then; so it is with the others.
    let connection = connection.map(|number| number as u64);
    let error = match kind {
        EventKind::DialFailed(error)
        | EventKind::FailingFast(error)
        | EventKind::Lost(error)
        | EventKind::NotReauthenticated(error) => Some(error),
        _ => None,
    };
    let step = error.and_then(|error| error.step());
    let code = error.and_then(|error| error.code());
    match kind {
        EventKind::Connected(_)
        | EventKind::Lost(_)
        | EventKind::Quarantined
        | EventKind::Reauthenticated
        | EventKind::NotReauthenticated(_)
        | EventKind::FailingFast(_) => {
            tracing::info!(target: TARGET, %node, ?intent, connection, step, code, "{kind}");
        }
        EventKind::Dialling { .. } | EventKind::DialFailed(_) | EventKind::Closed => {
            tracing::debug!(target: TARGET, %node, ?intent, connection, step, code, "{kind}");
        }
    }
}
