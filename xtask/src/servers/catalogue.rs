//! The servers that can be provisioned, and the Debian packages they live in.

use anyhow::{Result, bail};

/// A server that `servers get` knows how to provision.
#[derive(Debug)]
pub(crate) struct Server {
    /// The name that it is asked for by.
    pub(crate) name: &'static str,
    /// `redis` or `valkey`: what its programs' names begin with.
    pub(crate) family: &'static str,
    /// The suites that its packages are in; libraries come from the first.
    pub(crate) suites: &'static [&'static str],
    /// The libraries that it is unpacked with, its libc among them, so that it
    /// runs on a machine with an older, newer or no such library.
    pub(crate) libraries: &'static [&'static str],
}

impl Server {
    /// The packages that hold its programs.
    pub(crate) fn packages(&self) -> [String; 2] {
        ["server", "tools"].map(|part| format!("{}-{part}", self.family))
    }
}

const BOOKWORM: &[&str] = &[
    "libc6",
    "libssl3",
    "libjemalloc2",
    "liblzf1",
    "libsystemd0",
    "libatomic1",
    "libstdc++6",
    "libgcc-s1",
    "libcap2",
    "libzstd1",
    "zlib1g",
    "liblzma5",
    "liblz4-1",
    "libgcrypt20",
    "libgpg-error0",
];

const TRIXIE: &[&str] = &[
    "libc6",
    "libssl3t64",
    "libjemalloc2",
    "liblzf1",
    "libsystemd0",
    "libatomic1",
    "libstdc++6",
    "libgcc-s1",
    "libcap2",
    "libzstd1",
    "zlib1g",
];

/// All of them, oldest first. The first is the default.
pub(crate) static SERVERS: &[Server] = &[
    Server {
        name: "redis-7.0",
        family: "redis",
        suites: &["bookworm"],
        libraries: BOOKWORM,
    },
    Server {
        name: "valkey-8.0",
        family: "valkey",
        suites: &["bookworm", "bookworm-backports"],
        libraries: BOOKWORM,
    },
    Server {
        name: "redis-8.0",
        family: "redis",
        suites: &["trixie"],
        libraries: TRIXIE,
    },
    Server {
        name: "valkey-8.1",
        family: "valkey",
        suites: &["trixie"],
        libraries: TRIXIE,
    },
];

/// The one that is provisioned where none is asked for: the oldest.
pub(crate) fn default() -> &'static Server {
    &SERVERS[0]
}

/// The server of that name.
pub(crate) fn by_name(name: &str) -> Result<&'static Server> {
    if let Some(server) = SERVERS.iter().find(|server| server.name == name) {
        return Ok(server);
    }
    let known: Vec<_> = SERVERS.iter().map(|server| server.name).collect();
    bail!(
        "no server is called {name:?}; there are {}",
        known.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_found_by_its_name_and_an_unknown_one_lists_the_known() {
        assert_eq!(by_name("valkey-8.1").unwrap().packages()[1], "valkey-tools");
        let error = by_name("redis-1").unwrap_err().to_string();
        assert!(error.contains("redis-7.0, valkey-8.0, redis-8.0, valkey-8.1"));
    }
}
