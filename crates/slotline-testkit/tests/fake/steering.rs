//! What a test does to the fake cluster, and what its nodes then answer.

use std::time::Duration;

use slotline_testkit::{Dice, FakeCluster, FakeFault, FakeServer, FaultKind, Unreplicated};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{sleep, timeout};

/// `{b}` is a tag of 7000's.
const SLOT: u16 = 3300;

async fn read(stream: &mut DuplexStream) -> String {
    let mut bytes = vec![0; 4096];
    let count = stream.read(&mut bytes).await.unwrap();
    bytes.truncate(count);
    String::from_utf8(bytes).unwrap().replace("\r\n", " ")
}

async fn ask(stream: &mut DuplexStream, line: &str) -> String {
    stream
        .write_all(format!("{line}\r\n").as_bytes())
        .await
        .unwrap();
    read(stream).await.trim_end().to_owned()
}

#[tokio::test(start_paused = true)]
async fn replication_is_as_late_as_the_test_says_and_a_failover_loses_the_rest() {
    let cluster = FakeCluster::builder().build();
    cluster.hold_replication();
    let mut primary = cluster.connect(7000).unwrap();
    for n in 1..=3 {
        assert_eq!(ask(&mut primary, "INCR {b}n").await, format!(":{n}"));
    }
    assert_eq!(cluster.lag(7100), 3);
    assert_eq!(cluster.replicate(7100, 2), 1);
    assert_eq!(cluster.value(7100, "{b}n").unwrap(), "2");

    assert_eq!(cluster.fail_over(7100, Unreplicated::Lost), 7000);
    assert_eq!(cluster.owner_of(SLOT), Some(7100));
    assert_eq!(
        ask(&mut primary, "INCR {b}n").await,
        "-MOVED 3300 127.0.0.1:7100"
    );
    let mut heir = cluster.connect(7100).unwrap();
    assert_eq!(ask(&mut heir, "INCR {b}n").await, ":3");
    let journal = cluster.journal();
    let lost: Vec<bool> = journal.iter().map(|entry| entry.lost).collect();
    assert_eq!(lost, [false, false, true, false, false]);
    assert_eq!(cluster.counts()["write lost"], 1);
    let takeovers = cluster.takeovers();
    assert_eq!((takeovers[0].from, takeovers[0].to), (7000, 7100));
}

#[tokio::test(start_paused = true)]
async fn a_replica_tells_how_far_it_has_come_and_whether_its_link_is_up() {
    let cluster = FakeCluster::builder().build();
    let mut primary = cluster.connect(7000).unwrap();
    let mut replica = cluster.connect(7100).unwrap();
    let of_primary = "*3 $6 master :14 *1 *3 $9 127.0.0.1 $4 7100 $2 14";
    assert_eq!(ask(&mut primary, "ROLE").await, of_primary);
    let of_replica = |state: &str, offset: u64| {
        let state = format!("${} {state}", state.len());
        format!("*5 $5 slave $9 127.0.0.1 :7000 {state} :{offset}")
    };
    assert_eq!(ask(&mut replica, "ROLE").await, of_replica("connected", 14));
    cluster.cut_link(7100);
    assert_eq!(ask(&mut primary, "SET {b}k v").await, "+OK");
    assert_eq!(ask(&mut replica, "ROLE").await, of_replica("connect", 14));
    assert_eq!(ask(&mut primary, "ROLE").await, "*3 $6 master :38 *0");
    assert_eq!(cluster.value(7100, "{b}k"), None);
    let shards = ask(&mut replica, "CLUSTER SHARDS").await;
    assert!(shards.contains("$6 master $18 replication-offset :38 "));
    assert!(shards.contains("$7 replica $18 replication-offset :14 "));
    let info = ask(&mut replica, "INFO replication").await;
    assert!(info.contains("master_link_status:down") && info.contains("slave_repl_offset:14"));
    cluster.restore_link(7100);
    assert_eq!(ask(&mut replica, "ROLE").await, of_replica("connected", 38));
    assert_eq!(cluster.value(7100, "{b}k").unwrap(), "v");
    // A failover goes on where it ends.
    cluster.fail_over(7100, Unreplicated::Lost);
    assert!(
        ask(&mut replica, "ROLE")
            .await
            .starts_with("*3 $6 master :38")
    );
}

#[tokio::test(start_paused = true)]
async fn zones_are_those_of_valkey() {
    for (server, expected) in [(FakeServer::Redis70, false), (FakeServer::Valkey81, true)] {
        let cluster = FakeCluster::builder().server(server).build();
        cluster.set_zone(7000, "eu-1");
        let mut stream = cluster.connect(7000).unwrap();
        let info = ask(&mut stream, "INFO server").await;
        assert_eq!(info.contains("availability_zone:eu-1"), expected, "{info}");
        let hello = ask(&mut stream, "HELLO 3").await;
        let told = hello.contains("$17 availability_zone $4 eu-1");
        assert_eq!(told, expected, "{hello}");
        let mut other = cluster.connect(7001).unwrap();
        let hello = ask(&mut other, "HELLO 3").await;
        assert!(
            hello.starts_with("%7 ") && !hello.contains("zone"),
            "{hello}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_isolated_primary_takes_writes_that_are_lost_when_it_hears() {
    let cluster = FakeCluster::builder().build();
    cluster.isolate(7000);
    cluster.fail_over(7100, Unreplicated::Kept);
    let mut old = cluster.connect(7000).unwrap();
    assert_eq!(ask(&mut old, "SET {b}k stray").await, "+OK");
    cluster.tell(7000);
    assert_eq!(
        ask(&mut old, "GET {b}k").await,
        "-MOVED 3300 127.0.0.1:7100"
    );
    assert_eq!(cluster.value(7000, "{b}k"), None);
    assert!(cluster.journal()[0].lost);
    assert_eq!(cluster.counts()["demotion"], 1);
}

#[tokio::test(start_paused = true)]
async fn who_hears_late_of_a_migration_redirects_to_the_old_owner() {
    let cluster = FakeCluster::builder().build();
    let mut source = cluster.connect(7000).unwrap();
    assert_eq!(ask(&mut source, "SET {b}k v").await, "+OK");
    cluster.isolate(7001);
    assert_eq!(cluster.begin_migration(SLOT, 7002), Some(7000));
    assert_eq!(cluster.keys_in_slot(SLOT), ["{b}k"]);
    cluster.finish_migration(SLOT, 7002);
    let mut late = cluster.connect(7001).unwrap();
    assert_eq!(
        ask(&mut late, "GET {b}k").await,
        "-MOVED 3300 127.0.0.1:7000"
    );
    assert_eq!(
        ask(&mut source, "GET {b}k").await,
        "-MOVED 3300 127.0.0.1:7002"
    );
    cluster.tell(7001);
    assert_eq!(
        ask(&mut late, "GET {b}k").await,
        "-MOVED 3300 127.0.0.1:7002"
    );
    let mut target = cluster.connect(7002).unwrap();
    assert_eq!(ask(&mut target, "GET {b}k").await, "$1 v");
}

#[tokio::test(start_paused = true)]
async fn a_password_is_asked_for() {
    let cluster = FakeCluster::builder().password("pw").build();
    let mut stream = cluster.connect(7000).unwrap();
    assert_eq!(
        ask(&mut stream, "PING").await,
        "-NOAUTH Authentication required."
    );
    assert!(
        ask(&mut stream, "AUTH wrong")
            .await
            .starts_with("-WRONGPASS")
    );
    assert!(
        ask(&mut stream, "HELLO 3")
            .await
            .starts_with("-NOAUTH HELLO")
    );
    assert!(
        ask(&mut stream, "HELLO 3 AUTH default pw")
            .await
            .starts_with("%7")
    );
    assert_eq!(ask(&mut stream, "GET {b}k").await, "_");
    assert_eq!(ask(&mut stream, "RESET").await, "+RESET");
    assert_eq!(
        ask(&mut stream, "PING").await,
        "-NOAUTH Authentication required."
    );
}

#[tokio::test(start_paused = true)]
async fn a_watched_key_that_was_written_discards_the_transaction() {
    let cluster = FakeCluster::builder().build();
    let mut one = cluster.connect(7000).unwrap();
    let mut other = cluster.connect(7000).unwrap();
    for (written, expected) in [(true, "*-1"), (false, "*1 :1")] {
        assert_eq!(ask(&mut one, "WATCH {b}k").await, "+OK");
        if written {
            assert_eq!(ask(&mut other, "SET {b}k v").await, "+OK");
        }
        assert_eq!(ask(&mut one, "MULTI").await, "+OK");
        assert_eq!(ask(&mut one, "INCR {b}n").await, "+QUEUED");
        assert_eq!(ask(&mut one, "EXEC").await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn connections_are_cut_in_commands_and_in_replies() {
    let cluster = FakeCluster::builder().build();
    let mut stream = cluster.connect(7000).unwrap();
    // One command, and the half of another.
    cluster.cut_commands_after(7000, b"INCR {b}n\r\nINCR".len());
    assert_eq!(ask(&mut stream, "INCR {b}n\r\nINCR {b}n").await, "");
    assert_eq!(cluster.value(7000, "{b}n").unwrap(), "1");

    let mut stream = cluster.connect(7000).unwrap();
    cluster.cut_replies_after(7000, 3);
    assert_eq!(ask(&mut stream, "GET {b}n").await, "$1");
    assert_eq!(read(&mut stream).await, "");
    let counts = cluster.counts();
    assert_eq!(
        (counts["cut in commands"], counts["cut in replies"]),
        (1, 1)
    );
    sleep(Duration::from_millis(1)).await;
    assert_eq!(cluster.open_connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_node_is_down_or_stands_still_or_is_slow() {
    const SECOND: Duration = Duration::from_secs(1);
    let cluster = FakeCluster::builder().build();
    let mut stream = cluster.connect(7000).unwrap();
    cluster.kill(7000);
    assert_eq!(read(&mut stream).await, "");
    assert!(cluster.is_down(7000) && cluster.connect(7000).is_err());
    cluster.start(7000);
    cluster.tell(7000);

    let mut stream = cluster.connect(7000).unwrap();
    cluster.pause(7000);
    let answer = timeout(SECOND, ask(&mut stream, "PING")).await;
    assert!(answer.is_err());
    cluster.resume(7000);
    assert_eq!(read(&mut stream).await, "+PONG ");

    cluster.set_latency(7000, Some(SECOND..=SECOND));
    let before = cluster.now();
    assert_eq!(ask(&mut stream, "PING").await, "+PONG");
    assert!(cluster.now() - before >= SECOND);
}

#[tokio::test(start_paused = true)]
async fn answers_can_be_agreed_on() {
    let cluster = FakeCluster::builder().build();
    let mut stream = cluster.connect(7000).unwrap();
    cluster.refuse(7000, "GET", "LOADING wait", 1);
    cluster.run_and_refuse(7000, "INCR", "ERR no", 1);
    assert_eq!(ask(&mut stream, "SET {b}k v").await, "+OK");
    assert_eq!(ask(&mut stream, "GET {b}k").await, "-LOADING wait");
    assert_eq!(ask(&mut stream, "GET {b}k").await, "$1 v");
    assert_eq!(ask(&mut stream, "INCR {b}n").await, "-ERR no");
    assert_eq!(ask(&mut stream, "INCR {b}n").await, ":2");
    cluster.refuse_keys(7000, Some("CLUSTERDOWN The cluster is down"));
    assert_eq!(
        ask(&mut stream, "GET {b}k").await,
        "-CLUSTERDOWN The cluster is down"
    );
    assert_eq!(ask(&mut stream, "PING").await, "+PONG");
    cluster.inject(7000, b"+UNASKED\r\n");
    assert_eq!(read(&mut stream).await, "+UNASKED ");
    cluster.damage_reply(7000);
    assert_eq!(ask(&mut stream, "PING").await, "?PONG");
}

/// Every kind of fault ends, and leaves a cluster that answers for all slots.
#[tokio::test(start_paused = true)]
async fn every_fault_comes_to_its_end() {
    let mut dice = Dice::new(1);
    for kind in FaultKind::ALL {
        let cluster = FakeCluster::builder().seed(1).build();
        for _ in 0..20 {
            let seed = dice.number();
            cluster.suffer(FakeFault { kind, seed }).await;
        }
        for slot in [0, SLOT, 8000, 16_383] {
            let owner = cluster.owner_of(slot).unwrap();
            assert!(cluster.primaries().contains(&owner), "{kind:?}");
            let mut stream = cluster.connect(owner).unwrap();
            assert_eq!(ask(&mut stream, "PING").await, "+PONG", "{kind:?}");
        }
        assert_eq!(cluster.primaries().len(), 3, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_command_ends_the_connection() {
    let cluster = FakeCluster::builder().build();
    let mut stream = cluster.connect(7000).unwrap();
    let answer = ask(&mut stream, "*1\r\n:5").await;
    assert!(answer.starts_with("-ERR Protocol error"), "{answer}");
    assert_eq!(read(&mut stream).await, "");
}

/// Fails when a key that was moved is thought to have arrived at the replicas of where
/// it went, as a real cluster does not promise.
#[tokio::test(start_paused = true)]
async fn a_failover_loses_what_was_written_before_the_key_was_moved_there() {
    let cluster = FakeCluster::builder().build();
    let mut source = cluster.connect(7000).unwrap();
    assert_eq!(ask(&mut source, "INCR {b}n").await, ":1");
    assert_eq!(ask(&mut source, "INCR {b}other").await, ":1");
    cluster.begin_migration(SLOT, 7001);
    cluster.hold_replication();
    assert!(cluster.move_key("{b}n"));
    assert_eq!(cluster.fail_over(7101, Unreplicated::Lost), 7001);
    let lost: Vec<bool> = cluster.journal().iter().map(|entry| entry.lost).collect();
    assert_eq!(lost, [true, false]);
}

/// Fails when a replica that was out of earshot goes on answering ASK for a slot whose
/// migration is over, and as a primary sends its readers in a circle.
#[tokio::test(start_paused = true)]
async fn a_replica_that_hears_late_of_a_migration_lets_go_of_it() {
    let cluster = FakeCluster::builder().server(FakeServer::Valkey81).build();
    cluster.begin_migration(SLOT, 7001);
    cluster.isolate(7100);
    cluster.finish_migration(SLOT, 7001);
    cluster.tell(7100);
    cluster.begin_migration(SLOT, 7000);
    cluster.finish_migration(SLOT, 7000);
    cluster.fail_over(7100, Unreplicated::Kept);
    let mut heir = cluster.connect(7100).unwrap();
    assert_eq!(ask(&mut heir, "GET {b}n").await, "$-1");
}
