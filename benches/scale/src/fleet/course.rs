//! What happens to a fleet, simulated: real clients, a made-up cluster, and a clock that
//! goes on when everybody waits.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use slotline::{Address, Client, ReadFrom};
use slotline_testkit::{FakeCluster, Unreplicated};
use slotline_topology::slot_of;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::counted::{Counted, Event};
use crate::runtime;

/// So many clients of a cluster of so many primaries, with so many replicas each.
#[derive(Debug, Clone, Copy)]
pub struct Fleet {
    /// Clients.
    pub clients: usize,
    /// Primaries.
    pub primaries: u16,
    /// Replicas of each.
    pub replicas: u16,
}

impl Fleet {
    /// So many clients of a cluster of twelve nodes.
    #[must_use]
    pub fn of(clients: usize) -> Fleet {
        Fleet {
            clients,
            primaries: 6,
            replicas: 1,
        }
    }
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// All clients are made in the same moment; ten seconds are counted.
    Start,
    /// Clients that were made over a minute are idle so long.
    Steady(Duration),
    /// Clients that read from replicas, with a bound of lag or without one, are idle for
    /// five minutes.
    Reads {
        /// Whether there is a bound.
        bound: bool,
    },
    /// A replica takes over as an operator wishes, and every client has a command
    /// answered MOVED in the same moment; two minutes are counted.
    Failover,
    /// So long after such a failover, the last five minutes of it are counted.
    After(Duration),
    /// A primary dies under a fleet that has a command each for it, and a replica takes
    /// over 15 seconds later; those are counted.
    Crash,
    /// The same, but the primary is there again after two seconds; ten are counted.
    Restart,
}

/// How long servers wait by default before they take a primary for dead.
pub(super) const TAKEOVER: Duration = Duration::from_secs(15);
/// How long a server takes that is started anew.
pub(super) const RESTART: Duration = Duration::from_secs(2);
/// In which clients are made that are not made at once.
const SPREAD: Duration = Duration::from_secs(60);
/// After that all have done at least one refresh of those that come by themselves.
const SETTLING: Duration = Duration::from_secs(120);
/// How long is counted at the end of [`Course::After`].
pub(super) const LAST: Duration = Duration::from_secs(300);

/// The primary that something happens to, and its replica.
const PRIMARY: u16 = 7000;
const REPLICA: u16 = 7100;

impl Course {
    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Course::Start => "all clients are made in the same moment",
            Course::Steady(_) => "clients that are idle",
            Course::Reads { bound: false } => "idle clients that read from replicas",
            Course::Reads { bound: true } => "the same with a bound of lag",
            Course::Failover => {
                "a replica takes over, and all are told so in the same moment: two minutes"
            }
            Course::After(_) => "some minutes after that, for five minutes",
            Course::Crash => "a primary dies that all have a command for: until it is replaced",
            Course::Restart => "the same, and it is there again after two seconds",
        }
    }
}

/// What the clients' connectors have seen.
#[derive(Debug, Default)]
struct Dials {
    all: Vec<Event>,
    accepted: Vec<Event>,
}

/// Where clients read, and how far what they read from may be behind.
#[derive(Debug, Clone, Default)]
struct Reads(ReadFrom, Option<u64>);

struct Run {
    cluster: FakeCluster,
    /// One of each primary.
    keys: Vec<String>,
    reads: Reads,
    dials: Arc<Mutex<Dials>>,
    clients: Vec<Client>,
}

impl Fleet {
    /// Simulates it, and counts.
    #[must_use]
    pub fn run(&self, course: Course) -> Counted {
        let runtime = runtime();
        let counted = runtime.block_on(async {
            let mut run = Run::new(self, course);
            run.take(self, course).await
        });
        // Whatever still runs ends with it.
        drop(runtime);
        counted
    }
}

impl Run {
    fn new(fleet: &Fleet, course: Course) -> Run {
        let cluster = FakeCluster::builder()
            .primaries(fleet.primaries)
            .replicas(fleet.replicas)
            .buffer(4096)
            .build();
        let some = slotline_gate::keys(1_000);
        let key_of = |primary: u16| {
            let is_its = |key: &&String| cluster.owner_of(slot_of(key).get()) == Some(primary);
            let key = some.iter().find(is_its).cloned();
            key.expect("a key of each primary")
        };
        Run {
            keys: cluster.primaries().into_iter().map(key_of).collect(),
            reads: match course {
                Course::Reads { bound } => Reads(ReadFrom::PreferReplica, bound.then_some(1 << 20)),
                _ => Reads::default(),
            },
            cluster,
            dials: Arc::default(),
            clients: Vec::with_capacity(fleet.clients),
        }
    }

    async fn take(&mut self, fleet: &Fleet, course: Course) -> Counted {
        if course == Course::Start {
            return self
                .count(async |run| {
                    run.make(fleet.clients, Duration::ZERO).await;
                    sleep(Duration::from_secs(10)).await;
                })
                .await;
        }
        self.make(fleet.clients, SPREAD).await;
        sleep(SETTLING).await;
        // As in a fleet that is used, all have been there, and of late.
        match course {
            // Of replicas that are as good as each other, each has its turn.
            Course::Reads { .. } => {
                for _ in 0..2 * fleet.replicas {
                    self.ask_all(usize::MAX).await;
                }
            }
            _ => self.ask_all(1).await,
        }
        match course {
            Course::Start | Course::Steady(_) | Course::Reads { .. } => {}
            Course::Failover | Course::After(_) => {
                self.cluster.fail_over(REPLICA, Unreplicated::Kept);
            }
            Course::Crash | Course::Restart => self.cluster.kill(PRIMARY),
        }
        match course {
            Course::Start => Counted::default(),
            Course::Steady(time) => self.count(async |_| sleep(time).await).await,
            Course::Reads { .. } => self.count(async |_| sleep(LAST).await).await,
            Course::Failover => {
                self.count(async |run| {
                    run.ask_all(1).await;
                    sleep(Duration::from_secs(120)).await;
                })
                .await
            }
            Course::After(time) => {
                self.ask_all(1).await;
                sleep(time.saturating_sub(LAST)).await;
                self.count(async |_| sleep(LAST).await).await
            }
            Course::Crash => {
                self.count(async |run| {
                    run.ask_in_background();
                    sleep(TAKEOVER).await;
                })
                .await
            }
            Course::Restart => {
                self.count(async |run| {
                    run.ask_in_background();
                    sleep(RESTART).await;
                    run.cluster.start(PRIMARY);
                    run.cluster.tell(PRIMARY);
                    sleep(Duration::from_secs(8)).await;
                })
                .await
            }
        }
    }

    /// Makes clients, evenly over that time.
    async fn make(&mut self, clients: usize, spread: Duration) {
        let mut made = JoinSet::new();
        for number in 0..clients {
            let builder = Client::builder()
                .nodes(self.cluster.urls())
                .connector(self.connector())
                .read_from(self.reads.0.clone())
                .seed(number as u64);
            let builder = match self.reads.1 {
                Some(bytes) => builder.most_lag(bytes),
                None => builder,
            };
            made.spawn(async move { builder.connect().await.expect("a cluster that is up") });
            if !spread.is_zero() {
                sleep(spread / clients as u32).await;
            }
        }
        self.clients = made.join_all().await;
    }

    fn connector(&self) -> impl slotline::Connect {
        let (cluster, dials) = (self.cluster.clone(), Arc::clone(&self.dials));
        move |address: Address, _| {
            let node = address.port().unwrap_or_default();
            let opened = cluster.connect(node);
            let event = Event {
                at: cluster.now(),
                node,
            };
            let mut dials = dials.lock().unwrap_or_else(PoisonError::into_inner);
            dials.all.push(event);
            if opened.is_ok() {
                dials.accepted.push(event);
            }
            std::future::ready(opened)
        }
    }

    /// Has each client ask for keys of that many primaries, the one that something
    /// happens to first, and waits for the answers.
    async fn ask_all(&self, primaries: usize) {
        let mut asked = JoinSet::new();
        for client in &self.clients {
            for key in self.keys.iter().take(primaries) {
                let (client, key) = (client.clone(), key.clone());
                asked.spawn(async move { client.get::<Option<String>>(&key).await });
            }
        }
        for answer in asked.join_all().await {
            assert_eq!(answer.expect("an answer"), None);
        }
    }

    /// The same of that one without waiting for the answers.
    fn ask_in_background(&self) {
        for client in &self.clients {
            for key in self.keys.iter().take(1) {
                let (client, key) = (client.clone(), key.clone());
                tokio::spawn(async move { client.get::<Option<String>>(&key).await });
            }
        }
    }

    /// Counts what happens meanwhile.
    async fn count(&mut self, meanwhile: impl AsyncFnOnce(&mut Run)) -> Counted {
        let primaries = self.cluster.primaries();
        let from = self.cluster.now();
        let before = self.statistics();
        meanwhile(self).await;
        let until = self.cluster.now();
        let after = self.statistics();
        let within = |events: &[Event]| -> Vec<Event> {
            let within = events.iter().filter(|event| event.at >= from);
            within.copied().collect()
        };
        let dials = self.dials.lock().unwrap_or_else(PoisonError::into_inner);
        let journal = self.cluster.journal();
        let of = |line: &str| -> Vec<Event> {
            let now = journal.iter().filter(|command| command.at >= from);
            now.filter(|command| command.line == line)
                .map(|command| Event {
                    at: command.at,
                    node: command.node,
                })
                .collect()
        };
        Counted {
            clients: self.clients.len(),
            seconds: (until - from).as_secs_f64(),
            primaries,
            victim: PRIMARY,
            refreshes: after.0 - before.0,
            probes: after.1 - before.1,
            connections: self.cluster.open_connections(),
            pings: of("PING").len(),
            questions: of("CLUSTER SLOTS"),
            roles: of("ROLE"),
            dials: within(&dials.all),
            accepted: within(&dials.accepted),
        }
    }

    /// Refreshes and probes so far.
    fn statistics(&self) -> (u64, u64) {
        let all = self.clients.iter().map(Client::on_the_way);
        all.fold((0, 0), |(refreshes, probes), one| {
            (refreshes + one.refreshes, probes + one.probes)
        })
    }
}
