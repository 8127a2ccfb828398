//! MOVED and ASK.

use crate::address_map::AddressMap;
use crate::endpoint::{Endpoint, is_name, split};
use crate::slot::Slot;

/// Which redirect a node replied with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RedirectKind {
    /// The slot belongs to another node: patch the map.
    Moved,
    /// The key may be on another node already: send this one command there,
    /// after ASKING, and leave the map as it is.
    Ask,
}

/// A MOVED or ASK error (cluster specification, "MOVED Redirection" and "ASK
/// redirection"). Nothing else in Slotline reads their text.
///
/// ```
/// use slotline_topology::{Endpoint, Redirect, RedirectKind};
///
/// let asked = Endpoint::new("10.0.0.1", 7000);
/// let redirect = Redirect::parse("MOVED 3999 :7001", &asked).unwrap();
/// assert_eq!(redirect.kind, RedirectKind::Moved);
/// assert_eq!(redirect.slot.get(), 3999);
/// assert_eq!(redirect.endpoint, Some(Endpoint::new("10.0.0.1", 7001)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// MOVED or ASK.
    pub kind: RedirectKind,
    /// The slot that it speaks of.
    pub slot: Slot,
    /// Where to go; `None` if the node does not know the other's host (`?`):
    /// then only a refresh can tell.
    pub endpoint: Option<Endpoint>,
}

impl Redirect {
    /// Reads the line of an error reply, without its `-`; `asked` is the node
    /// that replied. `None` if it is no redirect, or one with a slot, host or
    /// port that cannot be.
    pub fn parse(error_line: &str, asked: &Endpoint) -> Option<Self> {
        let (kind, rest) = match error_line.split_once(' ')? {
            ("MOVED", rest) => (RedirectKind::Moved, rest),
            ("ASK", rest) => (RedirectKind::Ask, rest),
            _ => return None,
        };
        let (slot, target) = rest.trim_end().split_once(' ')?;
        if !slot.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let slot = Slot::new(slot.parse().ok()?)?;
        let (host, port) = split(target).filter(|(host, _)| is_name(host))?;
        Some(Self {
            kind,
            slot,
            endpoint: Endpoint::told(Some(host), port, asked),
        })
    }

    /// This redirect to where `map` says that its target is reached.
    #[must_use]
    pub fn mapped(mut self, map: &AddressMap) -> Self {
        self.endpoint = self.endpoint.map(|told| map.translate(&told));
        self
    }

    /// Whether it is a MOVED.
    pub fn is_moved(&self) -> bool {
        self.kind == RedirectKind::Moved
    }
}
