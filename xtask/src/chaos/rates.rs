//! 11: how often a client asks for the map and dials, as the servers and its pools
//! count it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use slotline::Client;
use slotline_testkit::LocalCluster;

use super::checks::Verdict;

/// Clients of the cluster that is hurt, each of which has its own view of it.
const CLIENTS: f64 = 2.0;
/// A refresh asks so many nodes.
const NODES_ASKED: f64 = 3.0;
/// While an owner cannot be reached its heirs are asked every 200 ms with jitter,
/// that is so many times a second at the most.
const PROBES: f64 = 10.0;
/// Pauses between failed dials are anything up to a second once there have been a
/// few: so many a second to one node, with room for what chance does.
const DIALS: f64 = 10.0;
/// Dials after a loss that come before the pauses are long, for each node.
const FIRST_DIALS: u64 = 10;

/// What has been counted so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Rates {
    /// CLUSTER SLOTS at each node, by its place; nobody but clients sends it.
    views: BTreeMap<usize, u64>,
    /// Refreshes that one client began. What it asks the heirs of a node that is away
    /// is none: the servers count both, and an episode has a bound for both.
    refreshes: u64,
    dials: u64,
    lost: u64,
}

/// What an episode added.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Added {
    pub(super) views: u64,
    pub(super) refreshes: u64,
    pub(super) dials: u64,
    pub(super) lost: u64,
}

impl Rates {
    pub(super) async fn of(cluster: &LocalCluster, client: &Client) -> Result<Self> {
        let mut rates = Self {
            refreshes: client.on_the_way().refreshes,
            ..Self::default()
        };
        for (place, node) in cluster.nodes().iter().enumerate() {
            let line = node.info("commandstats", "cmdstat_cluster|slots").await?;
            rates
                .views
                .insert(place, line.as_deref().and_then(calls).unwrap_or(0));
        }
        for (_, _, pool) in client.statistics() {
            rates.dials += pool.dials;
            rates.lost += pool.connections_lost;
        }
        Ok(rates)
    }

    pub(super) fn since(&self, before: &Rates) -> Added {
        let views = self.views.iter().map(|(place, now)| {
            let before = before.views.get(place).copied().unwrap_or(0);
            // Less than before: the node was started anew and began at nothing.
            now.checked_sub(before).unwrap_or(*now)
        });
        Added {
            views: views.sum(),
            refreshes: self.refreshes.saturating_sub(before.refreshes),
            dials: self.dials.saturating_sub(before.dials),
            lost: self.lost.saturating_sub(before.lost),
        }
    }
}

/// `calls=12,usec=…`
fn calls(line: &str) -> Option<u64> {
    line.strip_prefix("calls=")?.split(',').next()?.parse().ok()
}

impl Added {
    /// Refreshes a second.
    pub(super) fn refreshes(self, time: Duration) -> f64 {
        self.refreshes as f64 / time.as_secs_f64().max(1.0)
    }
}

/// Whether what the clients did in `time` stays within its bounds, while some node
/// was away for `away` of it.
pub(super) fn check(
    added: Added,
    nodes: usize,
    time: Duration,
    away: Duration,
    verdict: &mut Verdict,
) {
    let (seconds, away) = (time.as_secs_f64(), away.as_secs_f64());
    verdict.checked(11, 2);
    // One more that was due when it began.
    let most = CLIENTS * (NODES_ASKED * (seconds + 1.0) + PROBES * away);
    if added.views as f64 > most {
        let views = added.views;
        verdict.violated(11, || {
            format!("{views} views asked for in {seconds:.1} s, {away:.1} s with a node away")
        });
    }
    let first = FIRST_DIALS * nodes as u64;
    let most = (added.lost + first) as f64 + DIALS * away;
    if added.dials as f64 > most {
        verdict.violated(11, || {
            format!("{added:?} in {seconds:.1} s, {away:.1} s with a node away")
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(views: u64, dials: u64) -> Rates {
        Rates {
            views: [(0, views)].into(),
            refreshes: 0,
            dials,
            lost: 0,
        }
    }

    #[test]
    fn a_storm_is_found() {
        let violations = |views, dials| {
            let mut verdict = Verdict::default();
            let added = rates(views, dials).since(&rates(0, 0));
            let second = Duration::from_secs(1);
            check(added, 6, 9 * second, second, &mut verdict);
            verdict.violations()
        };
        assert_eq!(violations(80, 70), 0);
        assert_eq!(violations(81, 70), 1);
        assert_eq!(violations(80, 71), 1);
    }

    #[test]
    fn a_node_that_was_started_anew_counts_from_nothing() {
        assert_eq!(rates(5, 0).since(&rates(100, 0)).views, 5);
        assert_eq!(calls("calls=12,usec=9"), Some(12));
        assert_eq!(calls("usec=9"), None);
    }
}
