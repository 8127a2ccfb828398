//! What was counted of a fleet over some time.

use std::collections::BTreeMap;
use std::time::Duration;

/// Something that happened to the node at this port.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    pub(super) at: Duration,
    pub(super) node: u16,
}

/// What happened, in the order in which it did.
#[derive(Debug, Default)]
pub struct Counted {
    pub(super) clients: usize,
    pub(super) seconds: f64,
    pub(super) primaries: Vec<u16>,
    /// The node that something happens to.
    pub(super) victim: u16,
    pub(super) refreshes: u64,
    pub(super) probes: u64,
    /// Connections that were open in the end.
    pub(super) connections: usize,
    pub(super) pings: usize,
    /// CLUSTER SLOTS and NODES, sent together.
    pub(super) questions: Vec<Event>,
    /// Times that nodes were asked for their ROLE.
    pub(super) roles: Vec<Event>,
    /// Connections that a client tried to open, whether or not there was a node.
    pub(super) dials: Vec<Event>,
    /// Those of them that were accepted.
    pub(super) accepted: Vec<Event>,
}

/// The most events of one node within any span of that length.
pub(super) fn busiest(events: &[Event], span: Duration) -> usize {
    let mut nodes: BTreeMap<u16, Vec<Duration>> = BTreeMap::new();
    for event in events {
        nodes.entry(event.node).or_default().push(event.at);
    }
    let most = |times: &Vec<Duration>| {
        let mut first = 0;
        let mut most = 0;
        for (last, at) in times.iter().enumerate() {
            while times[first] + span <= *at {
                first += 1;
            }
            most = most.max(last + 1 - first);
        }
        most
    };
    nodes.values().map(most).max().unwrap_or(0)
}

/// The events of one node.
pub(super) fn of_node(events: &[Event], node: u16) -> Vec<Event> {
    let own = events.iter().filter(|event| event.node == node);
    own.copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_span_begins_with_any_event_and_is_of_one_node() {
        let millis = Duration::from_millis;
        let event = |at, node| Event {
            at: millis(at),
            node,
        };
        let events = [
            event(0, 1),
            event(900, 1),
            event(950, 2),
            event(1_000, 1),
            event(1_899, 1),
            event(1_900, 1),
        ];
        assert_eq!(busiest(&events, millis(1_000)), 3);
        assert_eq!(busiest(&events, millis(1_001)), 4);
        assert_eq!(busiest(&events, millis(1)), 1);
        assert_eq!(of_node(&events, 1).len(), 5);
        assert_eq!(busiest(&[], millis(1)), 0);
    }
}
