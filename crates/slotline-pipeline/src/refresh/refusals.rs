//! Who refused to answer what.

use std::time::Duration;

use rustc_hash::FxHashMap;
use slotline_topology::Endpoint;
use tokio::time::Instant;

/// A user's rights and a server's version change seldom, and each refusal is counted
/// and logged by the server.
const PAUSE: Duration = Duration::from_secs(600);

/// The nodes that are not asked a question, since they refused it a short while ago.
#[derive(Debug, Default)]
pub(super) struct Refusals(FxHashMap<Endpoint, Instant>);

impl Refusals {
    /// Whether the node may be asked.
    pub(super) fn permit(&self, node: &Endpoint) -> bool {
        let refused = self.0.get(node);
        refused.is_none_or(|at| at.elapsed() >= PAUSE)
    }

    pub(super) fn add(&mut self, node: Endpoint) {
        self.0.retain(|_, at| at.elapsed() < PAUSE);
        self.0.insert(node, Instant::now());
    }

    /// Whether anybody has refused.
    pub(super) fn is_empty(&self) -> bool {
        self.0.values().all(|at| at.elapsed() >= PAUSE)
    }
}
