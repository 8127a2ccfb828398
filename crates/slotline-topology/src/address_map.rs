//! Where the nodes of a cluster are reached from here.

use std::fmt;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::endpoint::Endpoint;

/// Translates the endpoints that a cluster tells of to those at which they are
/// reached: for a cluster behind a network address translation, in containers,
/// or behind forwarded ports. Cheap to clone.
///
/// One map is for all ways by which an endpoint comes in: named by hand, told by
/// a view ([`View::mapped`](crate::View::mapped)) or by a MOVED or ASK
/// ([`Redirect::mapped`](crate::Redirect::mapped)). So a topology has nothing but
/// endpoints that can be reached, and one node is not taken for two.
///
/// An endpoint that the map does not know stays as it is; the map must not
/// change what it has translated itself. A node that tells no host means the one
/// that it was reached at: such an endpoint comes with that host.
///
/// ```
/// use slotline_topology::{AddressMap, Endpoint};
///
/// let inside = Endpoint::parse("172.18.0.2:6379")?;
/// let outside = Endpoint::parse("db.example:17001")?;
/// let map = AddressMap::from_iter([(inside.clone(), outside.clone())]);
/// assert_eq!(map.translate(&inside), outside);
/// assert_eq!(map.translate(&outside), outside);
///
/// // By a rule: all on one host, at ports of their own.
/// let map = AddressMap::new(|told: &Endpoint| {
///     let last = told.host().strip_prefix("172.18.0.")?.parse::<u16>().ok()?;
///     Some(Endpoint::new("db.example", 17_000 + last))
/// });
/// assert_eq!(map.translate(&inside).port(), 17_002);
/// # Ok::<(), slotline_topology::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct AddressMap(Option<Arc<Translate>>);

type Translate = dyn Fn(&Endpoint) -> Option<Endpoint> + Send + Sync;

impl AddressMap {
    /// A map by a rule; `None` leaves an endpoint as it is. It is called for every
    /// node of every view, so that it should not take long.
    pub fn new(
        translate: impl Fn(&Endpoint) -> Option<Endpoint> + Send + Sync + 'static,
    ) -> AddressMap {
        AddressMap(Some(Arc::new(translate)))
    }

    /// Where the node is reached that the cluster tells of at `told`.
    #[must_use]
    pub fn translate(&self, told: &Endpoint) -> Endpoint {
        self.get(told).unwrap_or_else(|| told.clone())
    }

    /// The same, `None` where it is reached where it is told.
    pub(crate) fn get(&self, told: &Endpoint) -> Option<Endpoint> {
        self.0.as_ref().and_then(|translate| translate(told))
    }
}

impl FromIterator<(Endpoint, Endpoint)> for AddressMap {
    /// Pairs of what is told and what is used.
    fn from_iter<I: IntoIterator<Item = (Endpoint, Endpoint)>>(pairs: I) -> AddressMap {
        let known: FxHashMap<Endpoint, Endpoint> = pairs.into_iter().collect();
        AddressMap::new(move |told| known.get(told).cloned())
    }
}

impl fmt::Debug for AddressMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddressMap")
            .field("translates", &self.0.is_some())
            .finish()
    }
}
