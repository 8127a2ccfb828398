//! Reads from replicas, while their connections are killed: the failure that this
//! client exists for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use slotline::{Client, Delivery, Discovery, Intent, ReadFrom};
use slotline_testkit::{LocalCluster, Node};
use slotline_tests::{
    Monitor, PATIENCE, connections_of, errors_at_all, kill, on_shared_cluster, reset_counters,
    until,
};
use tokio::task::JoinSet;

const KEYS: u64 = 2_000;
const COMMANDS: u64 = 20;

/// What the handshake leaves as a connection's last command.
const HANDSHAKE: [&str; 5] = [
    "hello",
    "auth",
    "client|setinfo",
    "client|setname",
    "readonly",
];

fn key(number: u64) -> String {
    format!("read:{}", number % KEYS)
}

/// Every value names its key.
async fn fill(cluster: &LocalCluster) -> slotline::Result<()> {
    let client = Client::connect(cluster.url()).await?;
    let mut pipe = client.pipeline();
    for number in 0..KEYS {
        let key = key(number);
        pipe.set(&key, format!("v:{key}"));
    }
    for reply in pipe.send().await? {
        reply.decode::<String>()?;
    }
    let synced = cluster.wait_replicas_synced(PATIENCE).await;
    synced.expect("the replicas catch up");
    Ok(())
}

#[derive(Default)]
struct Seen {
    over: AtomicBool,
    replies: AtomicU64,
    wrong: AtomicU64,
    abandoned: AtomicU64,
}

/// One task: pipelines of its own until it is over, in either form. Every fifth
/// is given up when it has just been sent: its replies must not be another's.
async fn read(client: Client, task: u64, seen: Arc<Seen>) -> slotline::Result<()> {
    let mut turn = 0;
    while !seen.over.load(Ordering::Relaxed) {
        turn += 1;
        let keys: Vec<String> = (0..COMMANDS)
            .map(|n| key(task * 31 + turn * 7 + n * 97))
            .collect();
        let values: Vec<String> = if (task + turn).is_multiple_of(5) {
            let mut pipe = client.pipeline();
            for key in &keys {
                pipe.get(key);
            }
            tokio::select! {
                biased;
                sent = pipe.send() => drop(sent?),
                () = yields(turn % 4) => {
                    seen.abandoned.fetch_add(1, Ordering::Relaxed);
                }
            }
            continue;
        } else if task.is_multiple_of(2) {
            let mut pipe = client.pipeline();
            for key in &keys {
                pipe.get(key);
            }
            let replies = pipe.send().await?.into_iter();
            replies
                .map(|reply| reply.decode())
                .collect::<Result<_, _>>()?
        } else {
            let fill = |p: &mut slotline::Batch| {
                for key in &keys {
                    p.get(key);
                }
            };
            client.pipelined(fill).await?
        };
        for (key, value) in keys.iter().zip(&values) {
            let right = value.strip_prefix("v:") == Some(key);
            seen.wrong.fetch_add(u64::from(!right), Ordering::Relaxed);
        }
        seen.replies
            .fetch_add(values.len() as u64, Ordering::Relaxed);
    }
    Ok(())
}

async fn yields(count: u64) {
    for _ in 0..=count {
        tokio::task::yield_now().await;
    }
}

/// Kills all connections of that name every 50 ms. Returns how many were killed,
/// in how many looks one was seen at a command that is not of the handshake, and
/// which of those were not flagged `r`.
async fn kill_again_and_again(nodes: &[Node], name: &str, rounds: u32) -> (u64, u64, Vec<String>) {
    let (mut killed, mut looks, mut unflagged) = (0, 0, Vec::new());
    for _ in 0..rounds {
        for node in nodes {
            let connections = connections_of(node, name).await;
            // Views of the cluster are asked for on connections that need no flag.
            let at_work = connections.iter().filter(|connection| {
                let command = connection.command();
                !HANDSHAKE.contains(&command) && !command.starts_with("cluster")
            });
            for connection in at_work {
                looks += 1;
                if !connection.is_readonly() {
                    unflagged.push(format!("{connection:?}"));
                }
            }
            killed += kill(node, &connections).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    (killed, looks, unflagged)
}

/// Fails when the recipe leaves out READONLY (MOVED is counted at the replicas,
/// and connections without the flag are seen), when a connection that was lost
/// keeps the places of what was in flight (those callers wait in vain), when a
/// batch that was written loses its place with its caller (wrong replies), and
/// when a read whose connection was lost is not sent again.
#[test]
fn two_hundred_tasks_read_from_replicas_whose_connections_are_killed() {
    on_shared_cluster(async |cluster| {
        fill(cluster).await.expect("filling");
        let replicas = cluster.replicas().await.expect("replicas");
        let client = Client::builder()
            .nodes([cluster.url()])
            .client_name("readers")
            .read_from(ReadFrom::ReplicaOnly);
        let client = client.connect().await.expect("connecting");
        reset_counters(&replicas).await;
        let monitor = Monitor::start(&replicas[0]).await;

        let seen = Arc::new(Seen::default());
        let mut tasks = JoinSet::new();
        for task in 0..200 {
            tasks.spawn(read(client.clone(), task, Arc::clone(&seen)));
        }
        let (killed, looks, unflagged) = kill_again_and_again(&replicas, "readers", 60).await;
        seen.over.store(true, Ordering::Relaxed);
        while let Some(task) = tasks.join_next().await {
            task.expect("a task").expect("no error surfaces");
        }

        let reconnects: u64 = client
            .statistics()
            .iter()
            .filter(|(_, intent, _)| *intent == Intent::ReadOnly)
            .map(|(_, _, statistics)| statistics.connections_lost)
            .sum();
        let (replies, abandoned) = (
            seen.replies.load(Ordering::Relaxed),
            seen.abandoned.load(Ordering::Relaxed),
        );
        println!(
            "{killed} killed, {reconnects} reconnects, {replies} replies, \
             {abandoned} pipelines abandoned, {looks} looks at connections at work"
        );
        assert!(killed > 60 && reconnects > 60 && replies > 10_000 && abandoned > 100);
        assert!(looks > 20);
        assert_eq!(seen.wrong.load(Ordering::Relaxed), 0, "replies of others");
        assert_eq!(unflagged, Vec::<String>::new(), "read without READONLY");
        // The client would hide a MOVED by following it; the servers count them.
        assert_eq!(errors_at_all(&replicas, "MOVED").await, 0);

        let mut readers = 0;
        for (address, commands) in monitor.by_client().await {
            let first_read = commands.iter().position(|entry| entry.begins(&["get"]));
            let Some(first_read) = first_read else {
                continue;
            };
            readers += 1;
            let before = &commands[..first_read];
            let flagged = before.iter().any(|entry| entry.begins(&["readonly"]));
            assert!(flagged, "{address} read before READONLY: {before:?}");
        }
        assert!(readers > 20, "{readers} connections were seen to read");
    });
}

/// Fails when the recipe leaves out READONLY, and when a client of one node asks
/// for a connection that writes whatever `read_from` says (MOVED surfaces).
#[test]
fn a_client_of_one_replica_reads_on_every_connection_of_its_pool() {
    on_shared_cluster(async |cluster| {
        fill(cluster).await.expect("filling");
        let primary = cluster.owner_of(0).await.expect("an owner");
        let replica = cluster.replica_of(&primary).await.expect("a replica");
        let nodes = [replica.clone()];
        let keys: Vec<String> = (0..KEYS).map(key).collect();
        let mut own = Vec::new();
        for key in keys {
            let owner = cluster.owner_of(slotline::slot_of(&key).get()).await;
            if owner.expect("an owner") == primary {
                own.push(key);
            }
            if own.len() == 100 {
                break;
            }
        }

        for read_from in [ReadFrom::PreferReplica, ReadFrom::ReplicaOnly] {
            let client = Client::builder()
                .nodes([replica.url()])
                .discovery(Discovery::SingleNode)
                .client_name("plain")
                .read_from(read_from.clone());
            let client = client.connect().await.expect("connecting");
            reset_counters(&nodes).await;
            let over = AtomicBool::new(false);
            let reads = async {
                while !over.load(Ordering::Relaxed) {
                    for keys in own.chunks(20) {
                        let fill = |p: &mut slotline::Batch| {
                            for key in keys {
                                p.get(key);
                            }
                        };
                        let values: Vec<String> = client.pipelined(fill).await?;
                        for (key, value) in keys.iter().zip(values) {
                            assert_eq!(value, format!("v:{key}"));
                        }
                        let alone: String = client.get(&keys[0]).await?;
                        assert_eq!(alone, format!("v:{}", keys[0]));
                    }
                }
                Ok::<(), slotline::Error>(())
            };
            let kills = async {
                let killed = kill_again_and_again(&nodes, "plain", 20).await;
                over.store(true, Ordering::Relaxed);
                killed
            };
            let (reads, (killed, _, unflagged)) = tokio::join!(reads, kills);
            reads.expect("every read succeeds");
            println!("{read_from:?}: {killed} connections killed");
            assert!(killed >= 10, "{killed} connections killed");
            assert_eq!(unflagged, Vec::<String>::new());
            assert_eq!(errors_at_all(&nodes, "MOVED").await, 0);
            drop(client);
            let gone = async || connections_of(&replica, "plain").await.is_empty();
            until("the client has left", gone).await;
        }
    });
}

/// The client would serve the read from the primary if it followed.
///
/// Fails when a client of one node follows redirects.
#[test]
fn a_client_of_one_node_hands_redirects_to_its_caller() {
    on_shared_cluster(async |cluster| {
        let primary = cluster.owner_of(0).await.expect("an owner");
        let replica = cluster.replica_of(&primary).await.expect("a replica");
        let mut keys = (0..).map(key);
        let foreign = loop {
            let key = keys.next().expect("there is always another");
            let owner = cluster.owner_of(slotline::slot_of(&key).get()).await;
            if owner.expect("an owner") != primary {
                break key;
            }
        };
        for node in [&primary, &replica] {
            let client = Client::builder()
                .nodes([node.url()])
                .discovery(Discovery::SingleNode)
                .read_from(ReadFrom::PreferReplica);
            let client = client.connect().await.expect("connecting");
            for _ in 0..2 {
                let error = client.get::<Option<String>>(&foreign).await;
                let error = error.expect_err("a key of another node");
                assert_eq!(error.code(), Some("MOVED"), "{error}");
                assert_eq!(error.delivery(), Delivery::Rejected);
                assert!(
                    error.is_cluster() && error.to_string().contains(&node.address().to_string())
                );
                // It is still a client of that node.
                assert_eq!(client.ping().await.expect("PING"), "PONG");
                assert!(client.topology().is_single_node());
            }
        }
    });
}

/// A replica whose link is down serves what it had (E12): only who asks for replicas
/// gets that.
///
/// Fails when replicas are read from though nobody asked for it (in
/// `ClientBuilder::default`, let `read_from` be anything else).
#[test]
fn who_reads_from_primaries_reads_what_was_written_however_far_replicas_lag() {
    on_shared_cluster(async |cluster| {
        let key = "lagging";
        let primary = cluster.owner_of(slotline::slot_of(key).get()).await;
        let primary = primary.expect("an owner");
        let replica = cluster.replica_of(&primary).await.expect("a replica");
        let careful = Client::connect(cluster.url()).await.expect("connecting");
        // Knows of no other node that it could read from.
        let eager = Client::builder()
            .nodes([replica.url()])
            .discovery(Discovery::SingleNode)
            .read_from(ReadFrom::ReplicaOnly);
        let eager = eager.connect().await.expect("connecting");
        careful.set(key, "old").await.expect("SET");
        let synced = cluster.wait_replicas_synced(PATIENCE).await;
        synced.expect("in step");

        // Its primary has no password, so it refuses one.
        let lock_out = ["CONFIG", "SET", "masterauth", "wrong"];
        replica.call(&lock_out).await.expect("CONFIG SET");
        let link = ["CLIENT", "KILL", "TYPE", "replica"];
        primary.call(&link).await.expect("CLIENT KILL");
        let is = async |status: &str| {
            let link = replica.info("replication", "master_link_status").await;
            link.expect("INFO").as_deref() == Some(status)
        };
        until("the link is down", async || is("down").await).await;
        for turn in 0..100 {
            let written = format!("new:{turn}");
            careful.set(key, &written).await.expect("SET");
            let read: String = careful.get(key).await.expect("GET");
            assert_eq!(read, written);
            let read: String = eager.get(key).await.expect("GET");
            assert_eq!(read, "old", "the replica has no way to know");
        }
        assert!(is("down").await);

        let let_in = ["CONFIG", "SET", "masterauth", ""];
        replica.call(&let_in).await.expect("CONFIG SET");
        until("the link is up", async || is("up").await).await;
        let synced = cluster.wait_replicas_synced(PATIENCE).await;
        synced.expect("in step");
        let read: String = eager.get(key).await.expect("GET");
        assert_eq!(read, "new:99");
    });
}
