//! What nodes say of their cluster.

use bytes::Bytes;
use slotline_resp::{Limits, Reply, Scanner};
use slotline_topology::{AddressMap, Endpoint, PortKind, Redirect, Slot, Topology, View, merge};

/// The stream is replies, one behind the other; the first that is no frame ends
/// them, and is taken for the text of CLUSTER NODES. Whatever each says becomes a
/// view or an error, and all views together a topology of no more nodes than were
/// told of, in which every slot leads to one of them.
pub(crate) fn topology(data: &[u8]) {
    let asked = Endpoint::new("asked", 1);
    let all = Bytes::copy_from_slice(data);
    let mut scanner = Scanner::new(Limits::default());
    let mut at = 0;
    let mut views = Vec::new();
    while let Ok(Some(len)) = scanner.scan(&data[at..]) {
        let reply = Reply::from_scanned(all.slice(at..at + len));
        at += len;
        // More would say nothing new, and cost what they are not worth.
        if views.len() < 4 {
            views.extend(View::from_slots(&reply, &asked));
            views.extend(View::from_shards(&reply, &asked, PortKind::Plain));
            views.extend(View::from_shards(&reply, &asked, PortKind::Tls));
        }
        if let Some(view) = views.last_mut() {
            let _ = view.add_shards(&reply);
        }
    }
    let text = String::from_utf8_lossy(&data[at..]);
    if let Some(view) = views.first_mut() {
        view.add_nodes(&text);
    }
    views.push(View::from_nodes(&text, &asked));
    for line in text.lines().take(16) {
        redirect(line, &asked);
    }
    let mut current: Option<Topology> = None;
    for count in 1..=views.len() {
        let merged = match merge(&views[..count], current.as_ref()) {
            Ok(merged) => merged,
            Err(error) => {
                assert!(error.is_empty());
                continue;
            }
        };
        check(&merged.topology);
        let diff = current.as_ref().map(|before| before.diff(&merged.topology));
        assert!(diff.is_none_or(|diff| diff.moved_slots() <= usize::from(Slot::COUNT)));
        current = Some(merged.topology);
    }
    let map = AddressMap::from_iter([(asked.clone(), Endpoint::new("mapped", 2))]);
    for view in views {
        let _ = view.mapped(&map).topology();
    }
}

fn check(topology: &Topology) {
    let owned = Slot::all().filter(|slot| topology.primary_of(*slot).is_some());
    assert_eq!(owned.count(), topology.covered());
    for shard in topology.shards() {
        assert!(shard.nodes().all(|node| topology.node(node).is_some()));
        assert!(!shard.replicas().contains(&shard.primary()));
    }
    for node in topology.nodes() {
        assert_ne!(node.endpoint().port(), 0);
        assert!(!node.endpoint().host().is_empty());
        assert_ne!(node.endpoint().host(), "?");
        let found = topology
            .find(node.endpoint())
            .and_then(|at| topology.node(at));
        assert_eq!(found, Some(node));
    }
    let mut slotless = topology.slotless();
    assert!(slotless.all(|node| topology.slots_of(node).is_empty()));
    assert!(topology.diff(topology).is_empty());
}

fn redirect(line: &str, asked: &Endpoint) {
    let Some(redirect) = Redirect::parse(line, asked) else {
        return;
    };
    if let Some(endpoint) = redirect.endpoint {
        assert_ne!(endpoint.port(), 0);
        assert_eq!(Endpoint::parse(&endpoint.to_string()), Ok(endpoint));
    }
}
