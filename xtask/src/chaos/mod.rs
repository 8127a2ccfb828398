//! `chaos`: a real cluster under all that can happen to it, and a record of every
//! answer that is checked afterwards.

mod acts;
mod checks;
mod confirm;
mod episode;
mod generator;
mod history;
mod keyspace;
mod nemesis;
mod process;
mod rates;
mod reader;
mod record;
mod recoveries;
mod report;
mod resources;
mod stage;
mod throughput;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use slotline_testkit::ServerBinary;
use tokio::runtime::{Builder, Handle};

use crate::outages::{check_report, replica_reads, run};
use crate::servers;
use checks::Verdict;
use nemesis::{Attack, Nemesis};
use record::Record;
use report::Report;
use resources::Resources;
use stage::{SENTINEL, Stage};
use watch::Secrets;

/// How long everything is asked as fast as it goes, to know what that is; after
/// some time in which everybody gets to know everybody.
const WARM_UP: Duration = Duration::from_millis(700);
const MEASURE: Duration = Duration::from_millis(1500);
/// The share of that which is the load afterwards.
const SHARE: f64 = 0.3;
/// A run shorter than this begins with what is combined.
const SHORT: u64 = 90;

/// Runs the client against a real cluster of 3 + 3 and does to that cluster what can
/// happen to one, while a recorded load runs; checks the record.
///
/// Fails if an invariant was violated. What is not checked is said to be so.
#[derive(Args)]
pub(crate) struct Chaos {
    /// How long to run; the attack that has begun by then is brought to its end.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Chooses what is done, to whom and in which order. Default: another each time.
    #[arg(long)]
    seed: Option<u64>,
    /// A server of `servers list`, or a path. Default: SLOTLINE_SERVER, else one
    /// on the PATH, else one that is provisioned.
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// What is done, by its names, with commas between them. Default: everything.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    nemesis: Vec<Nemesis>,
    /// Writes the report to this file too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Chaos {
    pub(crate) fn run(self) -> Result<()> {
        check_report(self.json.as_deref())?;
        let binary = ServerBinary::at(servers::choose(self.server.as_deref())?)?;
        let secrets = Secrets::new(SENTINEL);
        secrets.listen_everywhere()?;
        // What nodes tell each other goes through proxies in this process: they must
        // not take each other for dead because a record is being judged.
        let network = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let play = async |clients: &Handle| {
            let (network, secrets) = (network.handle(), &secrets);
            self.play(&binary, clients, network, secrets).await
        };
        let report = run(play);
        network.shutdown_background();
        let report = report?;
        self.publish(&report)
    }

    async fn play(
        &self,
        binary: &ServerBinary,
        clients: &Handle,
        network: &Handle,
        secrets: &Secrets,
    ) -> Result<Report> {
        let seed = self
            .seed
            .unwrap_or_else(|| rand::rng().random_range(0..1 << 32));
        let mut random = StdRng::seed_from_u64(seed);
        let server = binary.version().to_string();
        println!("{server}, seed {seed}: starting 3 primaries, 3 replicas, and one control");
        let record = Arc::new(Record::new(secrets.clone()));
        let stage = Stage::set(binary, clients, network, &record).await?;
        clients.spawn(watch::lateness(Arc::clone(&record)));
        stage.capacity(WARM_UP).await?;
        let capacity = stage.capacity(MEASURE).await?;
        let mut report = Report::default();
        report.server = server;
        report.seed = seed;
        report.capacity = capacity;
        report.rate = SHARE * capacity;
        report.baseline = Resources::at_rest(&stage.clients(), clients).await?;
        let begun = record.now();
        let mut plan: Vec<Attack> = Vec::new();
        for number in 0.. {
            if record.now() - begun >= Duration::from_secs(self.seconds) {
                break;
            }
            if plan.is_empty() {
                plan = self.plan(&mut random);
                plan.reverse();
            }
            let Some(attack) = plan.pop() else {
                bail!("there is nothing to be done");
            };
            let told = stage.episode(number, &attack, report.rate, report.baseline);
            let told = match told.await {
                Ok(told) => told,
                Err(error) => {
                    // What is known by then is worth telling.
                    report.broken_off = Some(format!("{attack:?}: {error:#}"));
                    break;
                }
            };
            say(record.now() - begun, &told);
            report.add(&attack, told);
        }
        report.seconds = (record.now() - begun).as_secs_f64();
        report.from_replicas = replica_reads(&stage.reader.client);
        ensure!(report.from_replicas > 0, "no read went to a replica");
        report.finish();
        report.verdict.add(silence(secrets));
        stage.cluster.shut_down()?;
        stage.control.shut_down()?;
        Ok(report)
    }

    fn plan(&self, random: &mut StdRng) -> Vec<Attack> {
        let wanted = match self.nemesis.as_slice() {
            [] => &Nemesis::ALL[..],
            wanted => wanted,
        };
        nemesis::round(wanted, self.seconds < SHORT, random)
    }

    /// Shows the report, and gives the verdict.
    fn publish(&self, report: &Report) -> Result<()> {
        report.print();
        if let Some(file) = &self.json {
            let text = format!("{:#}\n", report.json());
            std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))?;
            println!("  report: {}", file.display());
        }
        if let Some(why) = &report.broken_off {
            bail!("broken off in the midst of {why}");
        }
        match report.verdict.violations() {
            0 => {
                println!("\n  passed: nothing that was checked was violated");
                Ok(())
            }
            count => bail!(
                "{count} violations; the same plan again: --seed {} --seconds {}",
                report.seed,
                self.seconds
            ),
        }
    }
}

/// 13: nothing that was traced or told had the password in it, and nothing panicked.
fn silence(secrets: &Secrets) -> Verdict {
    let (looked, found, panics) = secrets.counts();
    let mut verdict = Verdict::default();
    verdict.checked(13, looked);
    for _ in 0..found {
        verdict.violated(13, || "the password was traced or told".to_owned());
    }
    for _ in 0..panics {
        verdict.violated(13, || "something panicked; see above".to_owned());
    }
    verdict
}

/// One line for each attack that is over.
fn say(at: Duration, told: &episode::Told) {
    let each: Vec<_> = told
        .deeds
        .iter()
        .map(|deed| {
            let mut text = format!("{} of {}: {}", deed.nemesis.name(), deed.shard, deed.proof);
            if let Some(recovery) = &deed.recovery {
                let time = recovery.time().as_secs_f64();
                text.push_str(&format!(", served again after {time:.3} s"));
            }
            text
        })
        .collect();
    let violations = told.verdict.violations();
    let at = at.as_secs_f64();
    println!(
        "  {at:>6.1} s  {}; {violations} violations",
        each.join("; ")
    );
}
