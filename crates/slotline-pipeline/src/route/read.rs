//! Who decides where reads go.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use slotline_topology::{Endpoint, Role};

use crate::cluster::Wanted;

/// Where commands that only read may go. Replicas lag behind their primary: a
/// read from one may miss what was just written. A replica whose link to its
/// primary is down, or that lags more than
/// [`RouteLayer::most_lag`](crate::RouteLayer::most_lag) allows, is passed over as
/// far as that is known. Of the two the bound is the stronger: a replica whose link is
/// down is read from after all where its primary cannot be reached either. From the
/// first read that depends on it, the task of
/// [`Refresh`](crate::Refresh) asks nodes for it: for their links every ten seconds,
/// for how far they have come every second where there is a bound or a policy of the
/// user's own, for their zones once a minute. Reads before that take every replica for
/// fit, and `Zone` then reads as `PreferReplica` does; so it does with servers that
/// have no zones.
///
/// A replica before version 8 knows nothing of a slot's migration: for a key
/// that has moved already it answers nil where its primary would answer ASK.
/// Once an ASK or a TRYAGAIN has been seen for a slot, its reads go to its
/// primary until the migration is over; before the first such sign a read may
/// still miss a key that has moved.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum ReadFrom {
    /// The slot's primary.
    #[default]
    Primary,
    /// A replica of the slot, or its primary where no replica can be reached.
    PreferReplica,
    /// A replica of the slot, be its link down, if no other is there; with none within
    /// the bound of lag, an error.
    ReplicaOnly,
    /// The node of the slot that has been answering fastest, replica or primary.
    /// Now and then another is asked, so that one which has become faster is seen.
    Nearest,
    /// A replica in this zone, else the primary if it is in it, else any replica,
    /// else the primary. Valkey from version 8 on has zones (`availability-zone`).
    Zone(Arc<str>),
    /// Where a policy of the user's own says.
    Custom(Arc<dyn ReadPolicy>),
}

impl ReadFrom {
    /// Where `policy` says.
    #[must_use]
    pub fn custom(policy: impl ReadPolicy) -> ReadFrom {
        ReadFrom::Custom(Arc::new(policy))
    }

    /// A node in `zone`, where there is one.
    #[must_use]
    pub fn zone(zone: impl Into<Arc<str>>) -> ReadFrom {
        ReadFrom::Zone(zone.into())
    }

    /// Whether it wants to know how long nodes take to answer.
    pub(crate) fn measures(&self) -> bool {
        matches!(self, ReadFrom::Nearest | ReadFrom::Custom(_))
    }

    /// What it has to know of nodes, with a bound of lag or without.
    pub(crate) fn wants(&self, is_bounded: bool) -> Wanted {
        let own = match self {
            ReadFrom::Primary => return Wanted::NOTHING,
            ReadFrom::PreferReplica | ReadFrom::ReplicaOnly | ReadFrom::Nearest => Wanted::LINKS,
            ReadFrom::Zone(_) => Wanted::ZONES,
            ReadFrom::Custom(_) => Wanted::ZONES.and(Wanted::LAG),
        };
        if is_bounded {
            own.and(Wanted::LAG)
        } else {
            own
        }
    }
}

impl PartialEq for ReadFrom {
    /// Custom policies are equal if they are one and the same.
    fn eq(&self, other: &ReadFrom) -> bool {
        match (self, other) {
            (ReadFrom::Zone(zone), ReadFrom::Zone(other)) => zone == other,
            (ReadFrom::Custom(policy), ReadFrom::Custom(other)) => Arc::ptr_eq(policy, other),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

impl Eq for ReadFrom {}

/// A policy of the user's own for where reads go.
///
/// ```
/// use slotline_pipeline::route::{Candidate, ReadPolicy};
///
/// /// Replicas that lag by no more than 64 KiB, and of those the fastest.
/// #[derive(Debug)]
/// struct FreshAndFast;
///
/// impl ReadPolicy for FreshAndFast {
///     fn choose(&self, candidates: &[Candidate<'_>]) -> Option<usize> {
///         let fresh = candidates.iter().enumerate().filter(|(_, candidate)| {
///             !candidate.is_primary() && candidate.lag.is_none_or(|lag| lag <= 64 << 10)
///         });
///         let fastest = fresh.min_by_key(|(_, candidate)| candidate.latency);
///         fastest.map(|(index, _)| index)
///     }
/// }
/// ```
pub trait ReadPolicy: Debug + Send + Sync + 'static {
    /// Which of the candidates the reads of one shard go to, by its place among
    /// them; `None` for the primary. It is asked once for each shard that a request
    /// reads from, and again for what failed.
    fn choose(&self, candidates: &[Candidate<'_>]) -> Option<usize>;
}

/// A node that reads could go to: the primary, if it has not just failed, then the
/// replicas that are fit for it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Candidate<'a> {
    /// Where it listens.
    pub endpoint: &'a Endpoint,
    /// Primary or replica.
    pub role: Role,
    /// Where it stands, if that is known.
    pub zone: Option<&'a str>,
    /// How long it has been taking to answer; `None` if nothing was measured yet.
    pub latency: Option<Duration>,
    /// How many bytes of its primary's stream of changes it lacked when both were
    /// last asked, mostly within the last one and a half seconds.
    pub lag: Option<u64>,
}

impl Candidate<'_> {
    /// Whether it is the primary.
    #[must_use]
    pub fn is_primary(&self) -> bool {
        self.role == Role::Primary
    }
}
