//! A plan, carried out.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use slotline::{Client, ReadFrom};
use slotline_testkit::{FakeCluster, FakeServer};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::defects::{self, Defect};
use crate::history::{Fault, History};
use crate::keys::Key;
use crate::plan::{Plan, Who};
use crate::task::{Clients, Notes, end_of, work};

/// What no error and no log may show.
pub(crate) const PASSWORD: &str = "s3cret-of-the-simulation";

/// After so long without a fault everything must be as it was.
const PEACE: Duration = Duration::from_secs(5);

/// Runs a plan on a cluster of its own, under a paused clock. The same plan gives
/// the same history, to the byte. With a defect, the client is not what it should
/// be.
#[must_use]
pub fn run(plan: &Plan, defect: Option<Defect>) -> History {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(carry_out(plan, defect)),
        Err(error) => {
            let mut history = empty(plan);
            history.broken.push(format!("no runtime: {error}"));
            history
        }
    }
}

fn empty(plan: &Plan) -> History {
    History {
        plan: plan.clone(),
        operations: Vec::new(),
        faults: Vec::new(),
        journal: Vec::new(),
        takeovers: Vec::new(),
        counts: Default::default(),
        ends: Default::default(),
        left: Vec::new(),
        broken: Vec::new(),
    }
}

async fn carry_out(plan: &Plan, defect: Option<Defect>) -> History {
    let mut history = empty(plan);
    let server = match plan.seed % 2 {
        0 => FakeServer::Redis70,
        _ => FakeServer::Valkey81,
    };
    let cluster = FakeCluster::builder()
        .server(server)
        .password(PASSWORD)
        .seed(plan.seed)
        .latency(Duration::from_micros(50)..=Duration::from_micros(1500))
        .turn(4)
        .buffer(4096)
        .build();
    let clients = match connect(&cluster, plan.seed, defect).await {
        Ok(clients) => clients,
        Err(error) => {
            history.broken.push(format!("no client: {error}"));
            return history;
        }
    };
    let notes: Notes = Arc::default();
    let faults: Arc<Mutex<Vec<Fault>>> = Arc::default();
    let mut tasks = JoinSet::new();
    for pieces in &plan.tasks {
        let work = work(
            cluster.clone(),
            clients.clone(),
            pieces.clone(),
            Arc::clone(&notes),
            defect,
        );
        tasks.spawn(work);
    }
    for timed in plan.faults.clone() {
        let (cluster, faults) = (cluster.clone(), Arc::clone(&faults));
        tasks.spawn(async move {
            sleep(timed.at).await;
            let from = cluster.now();
            cluster.suffer(timed.fault).await;
            let until = cluster.now();
            let mut faults = faults.lock().unwrap_or_else(PoisonError::into_inner);
            faults.push(Fault {
                fault: timed.fault,
                from,
                until,
            });
        });
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            history.broken.push(format!("a task panicked: {error}"));
        }
    }
    cluster.release_replication();
    sleep(PEACE).await;
    if let Some(client) = clients.get(Who::Primary) {
        for key in Key::counted() {
            let end = end_of(client, key).await;
            history.ends.insert(key.name(), end);
        }
    }
    for (who, client) in Who::ALL.iter().zip(&clients.0) {
        if let Some(left) = in_flight_for_good(client).await {
            let line = format!("{left} commands of {} are in flight", who.name());
            history.left.push(line);
        }
    }
    drop(clients);
    sleep(PEACE).await;
    let open = cluster.open_connections();
    if open > 0 {
        history.left.push(format!("{open} connections are open"));
    }
    let tasks = tokio::runtime::Handle::current().metrics();
    if tasks.num_alive_tasks() > 0 {
        let line = format!("{} tasks are alive", tasks.num_alive_tasks());
        history.left.push(line);
    }
    history.operations = std::mem::take(&mut notes.lock().unwrap_or_else(PoisonError::into_inner));
    history.faults = std::mem::take(&mut faults.lock().unwrap_or_else(PoisonError::into_inner));
    history.journal = cluster.journal();
    history.counts = cluster.counts();
    history.takeovers = cluster.takeovers();
    history
}

/// Commands that are in flight however often one looks: the client's own
/// questions for the topology come and go.
async fn in_flight_for_good(client: &Client) -> Option<usize> {
    let mut least = usize::MAX;
    for _ in 0..50 {
        let pools = client.statistics();
        let now = pools.iter().map(|(_, _, statistics)| statistics.in_flight);
        least = least.min(now.sum());
        if least == 0 {
            return None;
        }
        sleep(Duration::from_millis(7)).await;
    }
    Some(least)
}

/// The clients, each of its own kind, and counters that are far from each other.
async fn connect(
    cluster: &FakeCluster,
    seed: u64,
    defect: Option<Defect>,
) -> slotline::Result<Clients> {
    let mut clients = Vec::new();
    for (number, who) in (0..).zip(Who::ALL) {
        let builder = Client::builder()
            .nodes(cluster.urls())
            .credentials(None, PASSWORD)
            .client_name(who.name())
            .seed(seed ^ number)
            .timeout(who.timeout())
            .connect_timeout(Duration::from_secs(1))
            .response_timeout(Duration::from_secs(1))
            .read_from(match who {
                Who::Replica => ReadFrom::PreferReplica,
                _ => ReadFrom::Primary,
            });
        let builder = defects::plant(builder, cluster, defect);
        clients.push(builder.connect().await?);
    }
    let clients = Clients(clients);
    if let Some(client) = clients.get(Who::Primary) {
        for key in Key::counted() {
            if let Key::Counter(_) = key {
                client.set(key.name(), key.base()).await?;
            }
        }
    }
    Ok(clients)
}
