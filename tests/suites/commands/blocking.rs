//! Commands that block, each on a connection of its own (F2).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use slotline::{Client, Delivery, Value};
use slotline_testkit::Node;
use slotline_tests::{connections_of, in_time, server, until};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How many clients of the server are blocked just now.
pub async fn blocked(node: &Node) -> u64 {
    let field = node.info("clients", "blocked_clients").await.expect("INFO");
    field
        .and_then(|count| count.parse().ok())
        .expect("a number")
}

pub async fn until_blocked(node: &Node, count: u64) {
    let reached = async || blocked(node).await == count;
    until(&format!("{count} clients are blocked"), reached).await;
}

pub async fn connect(url: impl AsRef<str>) -> Client {
    Client::connect(url).await.expect("connecting")
}

/// A number that BLPOP took out of a list.
pub async fn blpop(client: &Client, key: &str, seconds: f64) -> slotline::Result<Option<u64>> {
    let blpop = client.command("BLPOP").key(key).arg(seconds);
    let popped: Option<(String, u64)> = blpop.returning().await?;
    Ok(popped.map(|(_, number)| number))
}

/// A command as a user says it: what begins with `k` is a key.
async fn say(client: &Client, line: &str) -> slotline::Result<Value> {
    let mut words = line.split(' ');
    let mut command = client.command(words.next().expect("a name"));
    for word in words {
        command = match word.starts_with('k') {
            true => command.key(word),
            false => command.arg(word),
        };
    }
    command.await
}

/// Fails if BLPOP goes over the connection that all share (leave `alone` out of `Part`s):
/// then it is refused there.
#[tokio::test]
async fn nobody_waits_for_a_hundred_that_block() {
    let server = server().await;
    let client = Client::builder().nodes([server.url()]).max_leases(100);
    let client = client.connect().await.expect("connecting");
    let mut waiting = JoinSet::new();
    for _ in 0..100 {
        let client = client.clone();
        waiting.spawn(async move { blpop(&client, "list", 0.0).await });
    }
    until_blocked(&server, 100).await;
    for turn in 0..500 {
        client.set("k", turn).await.expect("SET");
        assert_eq!(in_time(client.get::<i64>("k")).await.expect("GET"), turn);
    }
    assert_eq!(blocked(&server).await, 100, "they were meanwhile");
    for n in 0..100 {
        let push = client.command("RPUSH").key("list").arg(n);
        push.await.expect("RPUSH");
    }
    let mut got = BTreeSet::new();
    while let Some(number) = in_time(waiting.join_next()).await {
        got.extend(number.expect("a task").expect("BLPOP"));
    }
    assert_eq!(got, (0..100).collect());
}

/// Fails if the table of `block_time` leaves one out, or the shared connection takes it.
#[tokio::test]
async fn every_command_that_blocks_waits_for_what_comes() {
    let server = server().await;
    let client = connect(server.url()).await;
    let group = "XGROUP CREATE k:stream group $ MKSTREAM";
    say(&client, group).await.expect("XGROUP");
    for (blocks, gives) in [
        ("BLPOP k:list 0", "RPUSH k:list x"),
        ("BRPOP k:list k:other 9", "RPUSH k:list x"),
        ("BLMOVE k:list k:to LEFT RIGHT 0", "RPUSH k:list x"),
        ("BRPOPLPUSH k:list k:to 0", "RPUSH k:list x"),
        ("BLMPOP 0 1 k:list LEFT", "RPUSH k:list x"),
        ("BZPOPMIN k:zset 0", "ZADD k:zset 1 x"),
        ("BZPOPMAX k:zset 9.5", "ZADD k:zset 1 x"),
        ("BZMPOP 0 1 k:zset MIN", "ZADD k:zset 1 x"),
        ("XREAD BLOCK 0 STREAMS k:stream $", "XADD k:stream * f v"),
        (
            "XREADGROUP GROUP group one BLOCK 9000 NOACK STREAMS k:stream >",
            "XADD k:other * f v",
        ),
    ] {
        let other = client.clone();
        let waits = tokio::spawn(async move { say(&other, blocks).await });
        if !blocks.starts_with("XREADGROUP") {
            until_blocked(&server, 1).await;
        }
        say(&client, gives).await.expect(gives);
        let got = in_time(waits).await.expect("a task").expect(blocks);
        assert!(!got.is_null(), "{blocks}");
    }
    let read = say(&client, "XREAD BLOCK 20 STREAMS k:stream $").await;
    assert!(read.expect("XREAD").is_null());
}

/// Fails if a dropped lease's call goes on (in `alone.rs`, spawn it).
#[tokio::test]
async fn what_is_dropped_takes_nothing_any_more() {
    let server = server().await;
    let client = Client::builder().nodes([server.url()]).client_name("gone");
    let client = client.connect().await.expect("connecting");
    for _ in 0..3 {
        let mut waiting = JoinSet::new();
        for _ in 0..20 {
            let client = client.clone();
            waiting.spawn(async move { blpop(&client, "list", 0.0).await });
        }
        until_blocked(&server, 20).await;
        waiting.shutdown().await;
        until_blocked(&server, 0).await;
        let push = client.command("RPUSH").key("list").arg(1).arg(2);
        push.await.expect("RPUSH");
        let len = client.command("LLEN").key("list").returning::<u64>();
        assert_eq!(len.await.expect("LLEN"), 2);
        client.del("list").await.expect("DEL");
    }
    let few = async || connections_of(&server, "gone").await.len() <= 1;
    until("their connections are closed", few).await;
}

/// The client's own timeout is a slack beside the time for which a command blocks.
///
/// Fails if `Request::within` knows nothing of that time.
#[tokio::test]
async fn a_command_may_block_for_longer_than_the_clients_timeout() {
    let server = server().await;
    let client = Client::builder().nodes([server.url()]);
    let client = client.timeout(Duration::from_millis(200)).connect();
    let client = client.await.expect("connecting");
    assert_eq!(blpop(&client, "list", 0.8).await.expect("nil"), None);
    let other = client.clone();
    let forever = tokio::spawn(async move { blpop(&other, "list", 0.0).await });
    until_blocked(&server, 1).await;
    // Long enough for several signs of life.
    sleep(Duration::from_millis(900)).await;
    assert_eq!(blocked(&server).await, 1);
    let push = client.command("RPUSH").key("list").arg(7);
    push.await.expect("RPUSH");
    let got = in_time(forever).await.expect("a task");
    assert_eq!(got.expect("BLPOP"), Some(7));
}

/// Fails if nobody looks after a node while a command blocks on it (in `attend`, wait for
/// the answer alone).
#[tokio::test]
async fn a_node_that_hangs_is_noticed_by_who_blocks_for_ever() {
    let server = server().await;
    let client = Client::builder().nodes([server.url()]);
    let client = client.timeout(Duration::from_millis(500)).connect();
    let client = client.await.expect("connecting");
    let other = client.clone();
    let forever = tokio::spawn(async move { blpop(&other, "list", 0.0).await });
    until_blocked(&server, 1).await;
    server.pause().expect("SIGSTOP");
    let error = in_time(forever).await.expect("a task");
    server.resume().expect("SIGCONT");
    let error = error.expect_err("nobody answers");
    assert!(error.is_network(), "{error}");
    assert_eq!(error.delivery(), Delivery::Ambiguous, "{error}");
    until_blocked(&server, 0).await;
}

/// Fails if the pool's bound is not met, or if who waits is not told what for.
#[tokio::test]
async fn there_are_no_more_than_allowed_and_the_error_says_so() {
    let server = server().await;
    let client = Client::builder().nodes([server.url()]).max_leases(2);
    let client = client.timeout(Duration::from_millis(300)).connect();
    let client = client.await.expect("connecting");
    let mut waiting = JoinSet::new();
    for _ in 0..2 {
        let client = client.clone();
        waiting.spawn(async move { blpop(&client, "list", 0.0).await });
    }
    until_blocked(&server, 2).await;
    let error = blpop(&client, "list", 0.0).await.expect_err("one too many");
    assert!(error.is_refused() && !error.is_network(), "{error}");
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert!(error.to_string().contains("leased connection"), "{error}");
    // It gets the place of one that ends.
    let other = client.clone();
    waiting.spawn(async move { blpop(&other, "list", 0.0).await });
    for n in 0..3 {
        let push = client.command("RPUSH").key("list").arg(n);
        push.await.expect("RPUSH");
    }
    let mut got = BTreeSet::new();
    while let Some(number) = in_time(waiting.join_next()).await {
        got.extend(number.expect("a task").expect("BLPOP"));
    }
    assert_eq!(got, BTreeSet::from([0, 1, 2]));
}

/// Fails if a pipeline of several is let through, or one that is cut into pieces of one
/// command each (in `Request::alone`, forget the pieces).
#[tokio::test]
async fn in_a_pipeline_it_is_refused_and_in_a_transaction_it_does_not_wait() {
    let server = server().await;
    for pieces in [1, 1_000] {
        let chunk = slotline::ChunkLayer::new().commands(pieces);
        let client = Client::builder().nodes([server.url()]).chunk(chunk);
        let client = client.connect().await.expect("connecting");
        let mut pipe = client.pipeline();
        pipe.set("k", "v");
        let _ = pipe.command("BLPOP").key("list").arg(0);
        pipe.get("k");
        let all = in_time(pipe.send()).await.expect("sending");
        let error = all.decode::<Value>(1).expect_err("it would block");
        assert!(error.is_refused(), "{error}");
        assert_eq!(error.delivery(), Delivery::NotSent);
        assert!(error.to_string().contains("sent by itself"), "{error}");
        assert_eq!(all.decode::<String>(2).expect("GET"), "v");
        // A pipeline of one is a command.
        let mut pipe = client.pipeline();
        let _ = pipe.command("BLPOP").key("list").arg("0.01");
        let all = in_time(pipe.send()).await.expect("sending");
        assert!(all.decode::<Value>(0).expect("BLPOP").is_null());
        let sent = client.transaction(|t| {
            let _ = t.command("BLPOP").key("list").arg(0);
            let _ = t
                .command("XREAD")
                .arg("BLOCK")
                .arg(0)
                .arg("STREAMS")
                .key("s")
                .arg("$");
            t.incr("n");
        });
        let all = in_time(sent).await.expect("a transaction");
        assert!(all.decode::<Value>(0).expect("BLPOP").is_null());
        assert!(all.decode::<Value>(1).expect("XREAD").is_null());
        assert!(all.decode::<i64>(2).expect("INCR") > 0);
    }
}

/// Fails if who speaks to one node alone (`Pinned`) does not say that it blocks.
#[tokio::test]
async fn one_node_alone_can_be_waited_for() {
    let server = server().await;
    let client = connect(server.url()).await;
    let popped = client.for_each_primary(|node| async move {
        let blpop = node.command("BLPOP").key("list").arg(0);
        blpop.returning::<(String, u64)>().await
    });
    let pushes = async {
        until_blocked(&server, 1).await;
        let push = client.command("RPUSH").key("list").arg(3);
        push.await
    };
    let (popped, pushed) = in_time(async { tokio::join!(popped, pushes) }).await;
    pushed.expect("RPUSH");
    assert_eq!(popped.expect("BLPOP"), [("list".to_owned(), 3)]);
}

/// An element that was taken is given to whoever had asked, though many give up at any
/// time: what the server popped for one who had gone is lost, and nothing comes twice.
///
/// Fails if a reply falls to another's command.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_comes_twice_while_many_give_up() {
    let server = server().await;
    let client = connect(server.url()).await;
    let over = Arc::new(AtomicBool::new(false));
    let dropped = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for task in 0..8_u64 {
        let (client, over) = (client.clone(), Arc::clone(&over));
        let dropped = Arc::clone(&dropped);
        tasks.spawn(async move {
            let mut got = Vec::new();
            let mut round = task;
            while !over.load(Relaxed) {
                round += 1;
                let patience = Duration::from_micros(round * 7_919 % 6_000);
                let blpop = blpop(&client, "list", 0.0);
                match tokio::time::timeout(patience, blpop).await {
                    Ok(number) => got.extend(number.expect("BLPOP")),
                    Err(_) => _ = dropped.fetch_add(1, Relaxed),
                }
            }
            got
        });
    }
    for n in 0..2_000_u64 {
        let push = client.command("RPUSH").key("list").arg(n);
        push.await.expect("RPUSH");
    }
    over.store(true, Relaxed);
    let mut got: Vec<u64> = in_time(tasks.join_all()).await.concat();
    until_blocked(&server, 0).await;
    let left = client.command("LRANGE").key("list").arg(0).arg(-1);
    got.extend(left.returning::<Vec<u64>>().await.expect("LRANGE"));
    let all = got.len();
    let each: BTreeSet<u64> = got.into_iter().collect();
    assert_eq!(each.len(), all, "one came twice");
    assert!(each.iter().all(|n| *n < 2_000));
    let dropped = dropped.load(Relaxed);
    println!(
        "{} of 2000 went to those {dropped} who had gone",
        2_000 - all
    );
    assert!(dropped > 0);
    assert!(2_000 - all as u64 <= dropped);
}
