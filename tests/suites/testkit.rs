//! The testkit against the server that `SLOTLINE_SERVER` names;
//! `cargo xtask integration` runs this with one that it provisions.
#![expect(clippy::unwrap_used, reason = "a test's own functions may fail it")]

use slotline_testkit::{LocalCluster, LocalServer, ServerBinary, Value};
use std::path::Path;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(30);

fn binary() -> ServerBinary {
    ServerBinary::find().unwrap()
}

fn exists(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[tokio::test]
async fn a_server_starts_answers_restarts_and_leaves_nothing() {
    let server = LocalServer::builder(&binary())
        .option("maxmemory", "64mb")
        .start()
        .await
        .unwrap();
    server.call(&["SET", "k", "v"]).await.unwrap();
    assert_eq!(
        server.call(&["GET", "k"]).await.unwrap(),
        Value::Bulk("v".into())
    );
    let error = server.call(&["LPUSH", "k", "x"]).await.unwrap_err();
    assert_eq!(
        (error.code(), error.node()),
        (Some("WRONGTYPE"), Some(server.address()))
    );

    // The idle connection is closed under us, and opened again.
    server
        .call(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"])
        .await
        .unwrap();
    let pid = server.pid();
    server.restart().await.unwrap();
    assert_ne!(server.pid(), pid);
    assert!(!exists(pid));
    assert!(server.call(&["GET", "k"]).await.unwrap().is_null());

    let pid = server.pid();
    drop(server);
    assert!(!exists(pid));
}

#[tokio::test]
async fn an_option_that_no_server_knows_fails_with_its_log() {
    let error = LocalServer::builder(&binary())
        .option("no-such-option", "1")
        .start()
        .await
        .unwrap_err();
    assert!(error.is_process(), "{error}");
    assert!(error.to_string().contains("no-such-option"), "{error}");
}

#[tokio::test]
async fn a_cluster_forms_and_every_node_sees_it() {
    let start = Instant::now();
    let cluster = LocalCluster::builder(&binary()).start().await.unwrap();
    eprintln!("formed in {:?}", start.elapsed());
    assert_eq!(cluster.nodes().len(), 6);
    let primaries = cluster.primaries().await.unwrap();
    assert_eq!(primaries, cluster.nodes()[..3]);
    for (primary, replica) in primaries.iter().zip(&cluster.nodes()[3..]) {
        assert_eq!(cluster.replica_of(primary).await.unwrap(), *replica);
    }
    for slot in [0, 5461, 5462, 16383] {
        let owner = cluster.owner_of(slot).await.unwrap();
        let key = owner
            .call(&["CLUSTER", "COUNTKEYSINSLOT", &slot.to_string()])
            .await
            .unwrap();
        assert_eq!(key, Value::Int(0));
    }
    let pids: Vec<_> = cluster.nodes().iter().map(|node| node.pid()).collect();
    cluster.nodes()[0].pause().unwrap();
    drop(cluster);
    assert!(!pids.into_iter().any(exists));
}

#[tokio::test]
async fn slots_migrate_key_by_key_and_can_be_held_half_way() {
    let cluster = LocalCluster::builder(&binary()).start().await.unwrap();
    let (from, to) = (&cluster.nodes()[0], &cluster.nodes()[1]);
    // The slot of {t} is 15891, of {a} 15495 and of {b} 3300.
    for n in 0..10 {
        from.call(&["SET", &format!("{{b}}{n}"), "v"])
            .await
            .unwrap();
    }
    let migration = cluster.begin_migration(3300, from, to).await.unwrap();
    assert_eq!(migration.move_keys(4).await.unwrap(), 4);
    let codes = async |node: &slotline_testkit::Node| {
        let mut codes = Vec::new();
        for n in 0..10 {
            let got = node.call(&["GET", &format!("{{b}}{n}")]).await;
            codes.push(got.err().and_then(|error| error.code().map(str::to_owned)));
        }
        codes
    };
    let asked = codes(from)
        .await
        .iter()
        .filter(|code| code.as_deref() == Some("ASK"))
        .count();
    assert_eq!(asked, 4);
    assert_eq!(migration.finish().await.unwrap(), 6);
    assert_eq!(cluster.owner_of(3300).await.unwrap(), *to);
    assert!(
        codes(from)
            .await
            .iter()
            .all(|code| code.as_deref() == Some("MOVED"))
    );
    assert!(codes(to).await.iter().all(Option::is_none));
    let moved = cluster.migrate_slots(3290..=3310, from, to).await;
    assert!(moved.is_err(), "slot 3300 is not the source's any more");
    cluster.migrate_slots(0..100, from, to).await.unwrap();
    cluster
        .begin_migration(200, from, to)
        .await
        .unwrap()
        .abandon()
        .await
        .unwrap();
    assert_eq!(cluster.owner_of(200).await.unwrap(), *from);
}

#[tokio::test]
async fn failover_by_command_and_by_sigkill() {
    let cluster = LocalCluster::builder(&binary()).start().await.unwrap();
    let old = cluster.owner_of(0).await.unwrap();
    let replica = cluster.replica_of(&old).await.unwrap();
    for n in 0..100 {
        old.call(&["SET", &format!("{{b}}{n}"), "v"]).await.unwrap();
    }
    cluster.wait_replicas_synced(LONG).await.unwrap();
    cluster.failover(&replica).await.unwrap();
    assert_eq!(cluster.owner_of(0).await.unwrap(), replica);
    assert_eq!(replica.call(&["DBSIZE"]).await.unwrap(), Value::Int(100));
    cluster.wait_until_agreed(LONG).await.unwrap();
    assert_eq!(cluster.replica_of(&replica).await.unwrap(), old);

    replica.kill().unwrap();
    assert!(!replica.is_running());
    cluster.wait_until_agreed(LONG).await.unwrap();
    assert_eq!(cluster.owner_of(0).await.unwrap(), old);
    replica.restart().await.unwrap();
    cluster.wait_until_agreed(LONG).await.unwrap();
    assert_eq!(cluster.replica_of(&old).await.unwrap(), replica);
    assert_eq!(replica.call(&["DBSIZE"]).await.unwrap(), Value::Int(100));
}

/// What valkey 8.1 now and then does to itself, done on purpose: it does not start with
/// that. Servers that name no shards, or believe the primary's, start at once.
#[tokio::test]
async fn a_server_starts_again_whose_file_puts_a_replica_into_another_shard() {
    let cluster = LocalCluster::builder(&binary()).start().await.unwrap();
    let primary = cluster.owner_of(0).await.unwrap();
    let replica = cluster.replica_of(&primary).await.unwrap();
    let id = replica.id().to_owned();
    let folder = std::fs::read_link(format!("/proc/{}/cwd", replica.pid())).unwrap();
    replica.kill().unwrap();
    let file = folder.join("nodes.conf");
    let text = std::fs::read_to_string(&file).unwrap();
    // Its own line comes first, so that its primary's is the one that does not fit.
    let (own, others): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with(&id));
    let own = match own[0].split_once("shard-id=") {
        Some((before, shard)) => format!("{before}shard-id={}{}", "0".repeat(40), &shard[40..]),
        None => own[0].to_owned(),
    };
    std::fs::write(&file, [&own, &others.join("\n"), ""].join("\n")).unwrap();
    replica.restart().await.unwrap();
    cluster.wait_until_agreed(LONG).await.unwrap();
    assert_eq!(cluster.replica_of(&primary).await.unwrap(), replica);
}

#[tokio::test]
async fn a_detached_cluster_is_found_again_and_ends_whole() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let cluster = LocalCluster::builder(&binary())
        .replicas(0)
        .start()
        .await
        .unwrap();
    let pids: Vec<_> = cluster.nodes().iter().map(|node| node.pid()).collect();
    cluster.detach(&state).unwrap();

    let cluster = LocalCluster::attach(&state).unwrap();
    cluster.wait_until_agreed(LONG).await.unwrap();
    let owner = cluster.owner_of(0).await.unwrap();
    assert!(pids.contains(&owner.pid()));
    cluster.shut_down().unwrap();
    // They are children of this process, which waits for none of them.
    assert!(
        !LocalCluster::attach(&state)
            .unwrap()
            .nodes()
            .iter()
            .any(|node| node.is_running())
    );
}
