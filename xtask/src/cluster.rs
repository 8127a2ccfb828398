//! `cluster`: a real cluster that stays up between commands.

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use slotline_testkit::{LocalCluster, Node, ServerBinary};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::{servers, workspace};

/// Starts, shows or ends a real cluster on free loopback ports.
#[derive(Args)]
pub(crate) struct Cluster {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Starts a cluster, and returns when all its nodes agree on it.
    Up(Up),
    /// Ends it: no process and no file is left.
    Down,
    /// Shows its nodes. Fails if there is none or if it is not healthy.
    Status,
}

#[derive(Args)]
struct Up {
    /// A server of `servers list`, or a path. Default: SLOTLINE_SERVER, else one
    /// on the PATH, else one that is provisioned.
    #[arg(long)]
    server: Option<String>,
    /// How many primaries.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    primaries: u16,
    /// How many replicas each primary has.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(0..=10))]
    replicas: u16,
}

impl Cluster {
    pub(crate) fn run(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            match self.what {
                What::Up(up) => up.run().await,
                What::Down => down(),
                What::Status => status().await,
            }
        })
    }
}

fn state_file() -> PathBuf {
    workspace::target().join("cluster/state")
}

impl Up {
    async fn run(self) -> Result<()> {
        let state = state_file();
        if state.exists() {
            let old = LocalCluster::attach(&state)?;
            if old.nodes().iter().any(|node| node.is_running()) {
                bail!(
                    "a cluster is up already at {}; end it with `cargo xtask cluster down`",
                    old.url()
                );
            }
            // Its machine was restarted, say: only files are left.
            down()?;
        }
        let binary = ServerBinary::at(servers::choose(self.server.as_deref())?)?;
        let start = Instant::now();
        let cluster = LocalCluster::builder(&binary)
            .primaries(self.primaries.into())
            .replicas(self.replicas.into())
            .start()
            .await?;
        let formed = start.elapsed().as_secs_f64();
        let nodes = describe(&cluster).await?;
        cluster
            .detach(&state)
            .context("the cluster was ended again")?;
        println!(
            "{} cluster, formed in {formed:.1} s\n{nodes}",
            binary.version()
        );
        Ok(())
    }
}

fn attach() -> Result<LocalCluster> {
    let state = state_file();
    if !state.exists() {
        bail!("no cluster is up; start one with `cargo xtask cluster up`");
    }
    Ok(LocalCluster::attach(state)?)
}

fn down() -> Result<()> {
    let cluster = attach()?;
    let nodes = cluster.nodes().len();
    cluster.shut_down()?;
    let state = state_file();
    std::fs::remove_file(&state).with_context(|| format!("removing {}", state.display()))?;
    if let Some(folder) = state.parent() {
        // Empty by now unless somebody else put something there.
        let _ = std::fs::remove_dir(folder);
    }
    println!("{nodes} nodes ended, their files removed");
    Ok(())
}

async fn status() -> Result<()> {
    let cluster = attach()?;
    println!("{}", describe(&cluster).await?);
    cluster.wait_until_agreed(Duration::from_secs(2)).await?;
    println!("healthy: all nodes agree");
    Ok(())
}

/// A line per node.
async fn describe(cluster: &LocalCluster) -> Result<String> {
    let (primaries, replicas) = (cluster.primaries().await?, cluster.replicas().await?);
    let line = |node: &Node| {
        let role = if primaries.contains(node) {
            "primary"
        } else if replicas.contains(node) {
            "replica"
        } else {
            "dead"
        };
        format!(
            "{:<24} {role:<8} pid {:<8} {}",
            node.url(),
            node.pid(),
            node.id()
        )
    };
    let lines: Vec<_> = cluster.nodes().iter().map(line).collect();
    Ok(lines.join("\n"))
}
