//! `demo`: the client at work on a real cluster that is being hurt.

mod counters;
mod course;
mod injuries;
mod json;
mod keys;
mod load;
mod report;
mod screen;
mod tally;
mod timeline;
mod windows;
mod workload;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::HumanCount;
use slotline::{Client, ReadFrom};
use slotline_testkit::{LocalCluster, ServerBinary};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::outages::{Samples, check_report, replica_reads, run};
use crate::{servers, workspace};
use course::Stage;
use report::{Findings, Report};
use screen::Screen;
use tally::{Sample, Tally};
use windows::{Windows, replicas_know_migrations};
use workload::{Lossy, Workload};

/// The node that is killed: the second of the three primaries.
const VICTIM: usize = 1;
/// Long enough that a machine with few cores does not take its servers for dead.
const NODE_TIMEOUT_MS: &str = "3000";
/// What a pipeline may take in all: it outlasts the failover.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How much longer than its deadline an answer may take to reach its task.
const GRACE: Duration = Duration::from_secs(5);

/// Runs the client against a real cluster, hurts the cluster meanwhile, and
/// checks every reply.
///
/// Fails if a reply was wrong, a redirect surfaced, a counter is outside its
/// bounds, or the client took more than three seconds to recover.
#[derive(Args)]
pub(crate) struct Demo {
    /// How long to run; longer if the injuries take longer.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(10..=3600))]
    seconds: u64,
    /// Writes the report to this file too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// A server of `servers list`, or a path. Default: SLOTLINE_SERVER, else one
    /// on the PATH, else one that is provisioned.
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
}

impl Demo {
    pub(crate) fn run(self) -> Result<()> {
        check_report(self.json.as_deref())?;
        let binary = ServerBinary::at(servers::choose(self.server.as_deref())?)?;
        let report = run(async |clients| self.play(&binary, clients).await)?;
        self.publish(&report)
    }

    async fn play(&self, binary: &ServerBinary, clients: &Handle) -> Result<Report> {
        let version = binary.version().to_string();
        println!("{version}: starting a cluster of 3 primaries and 3 replicas");
        let cluster = start(binary).await?;
        let builder = Client::builder()
            .nodes(cluster.nodes().iter().map(|node| node.url()))
            .timeout(TIMEOUT);
        let primaries = clients.spawn(builder.clone().connect()).await??;
        let samples = Arc::new(Samples::new());
        load::load(&primaries, clients, &cluster, &samples).await?;
        load::wait_until_listed(&cluster).await?;
        let reads = builder.read_from(ReadFrom::PreferReplica);
        let reads = reads.client_name(injuries::CLIENT_NAME);
        let client = clients.spawn(reads.connect()).await??;

        println!("{} tasks, {} s:", workload::TASKS, self.seconds);
        let tally = Arc::new(Tally::new());
        let screen = Screen::new(&tally)?;
        let workload = Arc::new(Workload {
            client: client.clone(),
            primaries: primaries.clone(),
            tally: Arc::clone(&tally),
            windows: Arc::new(Windows::new(!replicas_know_migrations(binary.version()))),
            lossy: Arc::new(Lossy::new()),
            stop: AtomicBool::new(false),
            runtime: clients.clone(),
        });
        let tasks = workload.start();
        let stage = Stage {
            cluster: &cluster,
            workload: &workload,
            tally: &tally,
            samples: &samples,
            screen: &screen,
        };
        let course = tokio::select! {
            course = stage.run(Duration::from_secs(self.seconds)) => course,
            () = screen.live() => bail!("the bar has ended"),
        };
        screen.clear();
        let course = course?;
        workload.stop.store(true, Ordering::Relaxed);
        let (samples, hanging) = join(tasks).await?;
        let audit = clients.spawn(counters::audit(workload)).await??;
        let findings = Findings {
            server: version,
            seconds: self.seconds,
            course,
            samples,
            hanging,
            audit,
            redirects_followed: client.redirects_followed(),
            reconnects: reconnects(&client),
            replica_reads: replica_reads(&client),
        };
        cluster.shut_down()?;
        Report::new(findings, &tally)
    }

    /// Shows the report, draws the timeline, and gives the verdict.
    fn publish(&self, report: &Report) -> Result<()> {
        report.print();
        println!();
        for example in &report.wrong_examples {
            println!("  wrong: {example}");
        }
        for example in &report.audit.examples {
            println!("  out of bounds: {example}");
        }
        for example in &report.error_examples {
            println!("  error: {example}");
        }
        let folder = workspace::target().join("demo");
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let svg = folder.join(format!("timeline-{}.svg", report.server.replace(' ', "-")));
        write(&svg, &timeline::draw(report)?)?;
        println!("  timeline: {}", svg.display());
        if let Some(file) = &self.json {
            write(file, &format!("{:#}\n", json::of(report)?))?;
            println!("  report:   {}", file.display());
        }
        if let Some(warning) = report.warning() {
            println!("  warning: {warning}");
        }
        let failures = report.failures();
        if !failures.is_empty() {
            bail!("the demo failed: {}", failures.join("; "));
        }
        let time = report.course.recovery.time().as_secs_f64();
        println!(
            "\n  passed: {} commands, none answered wrong, no redirect surfaced, every counter \
             within its bounds, recovered in {time:.2} s",
            HumanCount(report.operations)
        );
        Ok(())
    }
}

async fn start(binary: &ServerBinary) -> Result<LocalCluster> {
    let mut builder = LocalCluster::builder(binary)
        .primaries(3)
        .replicas(1)
        .option("cluster-node-timeout", NODE_TIMEOUT_MS)
        // What was written while a replica had no link is sent after it, so that
        // a failover does not copy everything anew.
        .option("repl-backlog-size", "64mb");
    // The one that will be killed and started again: until it has its data back
    // as a replica it is empty, and must not answer reads as if it were not.
    builder = builder.node_option(VICTIM, "replica-serve-stale-data", "no");
    Ok(builder.start().await?)
}

/// The tasks' samples, and how many tasks have none because they hang.
async fn join(mut tasks: JoinSet<Vec<Sample>>) -> Result<(Vec<Sample>, usize)> {
    let mut samples = Vec::new();
    let deadline = tokio::time::Instant::now() + TIMEOUT + GRACE;
    while let Ok(Some(done)) = tokio::time::timeout_at(deadline, tasks.join_next()).await {
        samples.extend(done.context("a task of the workload ended early")?);
    }
    Ok((samples, tasks.len()))
}

/// Connections that were made in the place of one that was lost.
fn reconnects(client: &Client) -> u64 {
    let each = client.statistics().into_iter();
    each.map(|(_, _, pool)| (pool.dials - pool.failed_dials).saturating_sub(1))
        .sum()
}

fn write(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))
}
