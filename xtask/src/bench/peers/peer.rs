//! Who is measured.

use anyhow::{Result, bail};

use super::row::{Place, Row};
use slotline_bench_driver::Workload;

/// A client: a program built of `benches/peers` with these features, or the
/// servers' own benchmark.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Peer {
    /// What it is asked for by.
    pub(super) name: &'static str,
    /// `None` of the servers' own benchmark.
    pub(super) features: Option<&'static str>,
    /// The package whose version is told, and how it begins where there are two.
    pub(super) package: Option<(&'static str, &'static str)>,
    /// Whether it is measured unless others are asked for.
    default: bool,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ours,
    Client,
    /// What a client cannot be expected to reach; no client to choose.
    Limit,
    /// The pipelines of another, on a cluster.
    ByNode,
}

/// What the servers' own benchmark is called.
pub(super) const C: &str = "redis-benchmark";

const CLIENT: Peer = Peer {
    name: "",
    features: None,
    package: None,
    default: true,
    kind: Kind::Client,
};

pub(super) static PEERS: [Peer; 10] = [
    Peer {
        name: "slotline",
        features: Some("slotline"),
        package: Some(("slotline", "")),
        kind: Kind::Ours,
        ..CLIENT
    },
    Peer {
        name: "redis-1",
        features: Some("redis-1"),
        package: Some(("redis", "1.")),
        ..CLIENT
    },
    Peer {
        name: "redis-1-by-node",
        features: Some("redis-1,by-node"),
        package: Some(("redis", "1.")),
        kind: Kind::ByNode,
        ..CLIENT
    },
    Peer {
        name: "redis-2",
        features: Some("redis-2"),
        package: Some(("redis", "2.")),
        ..CLIENT
    },
    Peer {
        name: "fred",
        features: Some("fred"),
        package: Some(("fred", "")),
        ..CLIENT
    },
    Peer {
        name: "rustis",
        features: Some("rustis"),
        package: Some(("rustis", "")),
        ..CLIENT
    },
    Peer {
        name: "redis-tower",
        features: Some("redis-tower"),
        package: Some(("redis-tower", "")),
        ..CLIENT
    },
    Peer {
        name: "valkey-glide",
        features: Some("valkey-glide"),
        package: Some(("valkey-glide", "")),
        // It takes many minutes to build.
        default: false,
        ..CLIENT
    },
    Peer {
        name: "floor",
        features: Some("floor"),
        kind: Kind::Limit,
        ..CLIENT
    },
    Peer {
        name: C,
        kind: Kind::Limit,
        ..CLIENT
    },
];

impl Peer {
    /// Whether it is this project's.
    pub(super) fn is_ours(&self) -> bool {
        self.kind == Kind::Ours
    }

    /// Whether it is a client that one could choose in place of ours.
    pub(super) fn is_rival(&self) -> bool {
        matches!(self.kind, Kind::Client | Kind::ByNode)
    }

    /// Why it is not even tried, if so.
    pub(super) fn is_not_for(&self, row: Row) -> Option<&'static str> {
        let Row { workload, place } = row;
        let is_pipelined = matches!(workload, Workload::W3 | Workload::W4 | Workload::W7);
        match self.kind {
            Kind::Ours | Kind::Client => None,
            Kind::ByNode if place == Place::Cluster && is_pipelined => None,
            Kind::ByNode => Some("as redis-1: no pipeline over several nodes"),
            Kind::Limit if place == Place::Cluster => Some("standalone only"),
            Kind::Limit if self.name == C && workload == Workload::W9 => {
                Some("one kind of command only")
            }
            Kind::Limit => None,
        }
    }
}

/// Those that are asked for, by name and with commas; `all` is all.
pub(super) fn choose(names: Option<&str>) -> Result<Vec<&'static Peer>> {
    let Some(names) = names else {
        return Ok(PEERS.iter().filter(|peer| peer.default).collect());
    };
    if names == "all" {
        return Ok(PEERS.iter().collect());
    }
    let wanted: Vec<&str> = names.split(',').map(str::trim).collect();
    if let Some(unknown) = wanted
        .iter()
        .find(|name| PEERS.iter().all(|peer| peer.name != **name))
    {
        let known: Vec<_> = PEERS.iter().map(|peer| peer.name).collect();
        bail!(
            "no peer is called {unknown:?}; there are {}",
            known.join(", ")
        );
    }
    let peers = PEERS.iter().filter(|peer| wanted.contains(&peer.name));
    Ok(peers.collect())
}

/// The version of a package in a lock file, of the one that begins so.
pub(super) fn version(lock: &str, (name, begins): (&str, &str)) -> Option<String> {
    let mut lines = lock.lines();
    let name = format!("name = \"{name}\"");
    while let Some(line) = lines.next() {
        if line != name {
            continue;
        }
        let version = lines.next()?.strip_prefix("version = \"")?;
        let version = version.strip_suffix('"')?;
        if version.starts_with(begins) {
            return Some(version.to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_chosen_by_name_in_the_order_of_the_table() {
        let names = |chosen: Option<&str>| {
            let chosen = choose(chosen).unwrap();
            chosen.iter().map(|peer| peer.name).collect::<Vec<_>>()
        };
        assert_eq!(names(Some("floor, slotline")), ["slotline", "floor"]);
        assert!(!names(None).contains(&"valkey-glide"));
        assert!(names(Some("all")).contains(&"valkey-glide"));
        let error = choose(Some("redis")).unwrap_err().to_string();
        assert!(error.contains("there are slotline, redis-1"), "{error}");
    }

    #[test]
    fn of_two_versions_of_a_package_each_is_found() {
        let lock = "[[package]]\nname = \"redis\"\nversion = \"1.8.1\"\n\n\
                    [[package]]\nname = \"redis\"\nversion = \"2.0.0-rc.2\"\n";
        assert_eq!(
            version(lock, ("redis", "2.")).as_deref(),
            Some("2.0.0-rc.2")
        );
        assert_eq!(version(lock, ("redis", "")).as_deref(), Some("1.8.1"));
        assert_eq!(version(lock, ("fred", "")), None);
    }

    #[test]
    fn what_cannot_be_done_has_a_reason() {
        let peer = |name: &str| PEERS.iter().find(|peer| peer.name == name).unwrap();
        let row = |workload, place| Row { workload, place };
        let by_node = peer("redis-1-by-node");
        assert_eq!(by_node.is_not_for(row(Workload::W3, Place::Cluster)), None);
        assert!(
            by_node
                .is_not_for(row(Workload::W3, Place::Standalone))
                .is_some()
        );
        assert!(
            by_node
                .is_not_for(row(Workload::W2, Place::Cluster))
                .is_some()
        );
        assert!(
            peer("floor")
                .is_not_for(row(Workload::W2, Place::Cluster))
                .is_some()
        );
        assert!(
            peer(C)
                .is_not_for(row(Workload::W9, Place::Standalone))
                .is_some()
        );
        assert_eq!(
            peer("fred").is_not_for(row(Workload::W9, Place::Cluster)),
            None
        );
    }
}
