//! The servers, filled, and what a client is told of them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use slotline_bench_driver::{Asked, Limit, Paused, Setup, Workload};
use slotline_testkit::{Authority, LocalCluster, LocalServer, Node, ServerBinary};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::super::cores::Cores;
use super::fill::fill;
use super::row::{Place, Row};

const PRIMARIES: usize = 3;

enum Servers {
    One(LocalServer),
    Cluster(LocalCluster, Paused),
}

/// Running servers of one place.
pub(super) struct Rig {
    servers: Servers,
    cores: Cores,
    authority: PathBuf,
    /// Where the authority's certificate lies.
    _folder: TempDir,
    runtime: Runtime,
}

impl Rig {
    /// Starts the servers that these rows need and fills them.
    pub(super) fn start(
        binary: &ServerBinary,
        place: Place,
        tls: bool,
        cores: &Cores,
    ) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let authority = Authority::new("of a benchmark")?;
        let identity = authority.issue(&["localhost", "127.0.0.1"])?;
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("authority.crt");
        std::fs::write(&file, authority.certificate())?;
        let core = cores.server.to_string();
        let servers = runtime.block_on(async {
            anyhow::Ok(match place {
                Place::Standalone => {
                    let mut builder = LocalServer::builder(binary).option("server_cpulist", core);
                    if tls {
                        builder = builder.tls(&identity, &authority);
                    }
                    Servers::One(builder.start().await?)
                }
                Place::Cluster => {
                    let mut builder = LocalCluster::builder(binary)
                        .primaries(PRIMARIES)
                        .replicas(1)
                        .option("server_cpulist", core)
                        // A node that is paused is not to be replaced.
                        .option("cluster-node-timeout", "60000");
                    if tls {
                        builder = builder.tls(&identity, &authority);
                    }
                    let cluster = builder.start().await?;
                    let paused = first_shard(&cluster).await?;
                    Servers::Cluster(cluster, paused)
                }
            })
        })?;
        let rig = Self {
            servers,
            cores: cores.clone(),
            authority: file,
            _folder: folder,
            runtime,
        };
        rig.fill()?;
        Ok(rig)
    }

    fn fill(&self) -> Result<()> {
        let urls = self.nodes().iter().map(Node::url);
        self.runtime.block_on(async {
            fill(urls).await.context("filling the servers")?;
            if let Servers::Cluster(cluster, _) = &self.servers {
                let deadline = Duration::from_secs(30);
                cluster.wait_replicas_synced(deadline).await?;
            }
            Ok(())
        })
    }

    fn nodes(&self) -> &[Node] {
        match &self.servers {
            Servers::One(server) => std::slice::from_ref(server.node()),
            Servers::Cluster(cluster, _) => cluster.nodes(),
        }
    }

    /// The servers' processes.
    pub(super) fn pids(&self) -> Vec<u32> {
        self.nodes().iter().map(Node::pid).collect()
    }

    /// The cores of a workload's client.
    pub(super) fn client_cores(&self, workload: Workload) -> &[usize] {
        match workload.threads() {
            1 => std::slice::from_ref(&self.cores.client),
            _ => &self.cores.clients,
        }
    }

    /// The address to connect to, through TLS or not.
    pub(super) fn addresses(&self, tls: bool) -> Result<Vec<SocketAddr>> {
        let address = |node: &Node| {
            if tls {
                node.tls_address()
            } else {
                Some(node.address())
            }
        };
        let all: Option<Vec<_>> = self.nodes().iter().map(address).collect();
        all.context("the servers do not speak TLS")
    }

    pub(super) fn authority(&self) -> &Path {
        &self.authority
    }

    /// What a program is to be told.
    pub(super) fn asked(&self, row: Row, limit: Limit, warm_up: Duration) -> Result<Asked> {
        let workload = row.workload;
        let paused = match &self.servers {
            Servers::Cluster(_, paused) if workload == Workload::W10 => Some(*paused),
            _ => None,
        };
        Ok(Asked {
            setup: Setup {
                workload,
                cluster: row.place == Place::Cluster,
                nodes: self.addresses(workload.tls())?,
                authority: workload.tls().then(|| self.authority.clone()),
            },
            cores: self.client_cores(workload).to_vec(),
            limit,
            warm_up,
            servers: self.pids(),
            paused,
        })
    }

    /// Lets all nodes go on: a client that was killed may have left one paused.
    pub(super) fn resume(&self) -> Result<()> {
        for node in self.nodes() {
            node.resume()?;
        }
        Ok(())
    }
}

/// The shard of slot 0.
async fn first_shard(cluster: &LocalCluster) -> Result<Paused> {
    let owner = cluster.owner_of(0).await?;
    // The slots are spread evenly: the first that is another's ends the range.
    let (mut last, mut other) = (0, 16_384);
    while other - last > 1 {
        let middle = last + (other - last) / 2;
        if cluster.owner_of(middle).await? == owner {
            last = middle;
        } else {
            other = middle;
        }
    }
    Ok(Paused {
        pid: owner.pid(),
        slots: [0, last],
    })
}
