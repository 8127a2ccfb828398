//! Which core is whose: servers and clients are not to take each other's time.

use anyhow::{Context, Result, bail};
use rustix::thread::{CpuSet, sched_getaffinity};

/// Which core the servers have, and which the clients.
#[derive(Debug, Clone)]
pub(super) struct Cores {
    pub(super) server: usize,
    pub(super) client: usize,
    /// For clients with several threads.
    pub(super) clients: Vec<usize>,
}

impl Cores {
    /// The first core for the servers, the second for the client, up to three more
    /// for the client's further threads.
    pub(super) fn of_this_machine() -> Result<Self> {
        let allowed = sched_getaffinity(None).context("asking for the cores")?;
        let cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let cores: Vec<usize> = cores.collect();
        let [server, client, ..] = cores[..] else {
            bail!("client and server need a core each, and this process may use one only");
        };
        Ok(Self {
            server,
            client,
            clients: cores.into_iter().skip(1).take(4).collect(),
        })
    }
}
