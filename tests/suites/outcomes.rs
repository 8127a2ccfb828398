//! Commands that are refused, answered with an error, or decoded as what they
//! are not: each on its own, and the connection goes on.

use slotline::{Client, Delivery, Error, Intent, Value};
use slotline_testkit::{LocalCluster, Node};
use slotline_tests::{binary, in_time, on_shared_cluster, server};

/// What would change a shared connection for others, or hold it up.
const REFUSED: &[&[&str]] = &[
    &["SUBSCRIBE", "channel"],
    &["PSUBSCRIBE", "chan*"],
    &["SSUBSCRIBE", "channel"],
    &["UNSUBSCRIBE"],
    &["PUNSUBSCRIBE"],
    &["SUNSUBSCRIBE"],
    &["WATCH", "k"],
    &["UNWATCH"],
    &["MULTI"],
    &["EXEC"],
    &["DISCARD"],
    &["ASKING"],
    &["SELECT", "1"],
    &["AUTH", "secret"],
    &["HELLO", "2"],
    &["READONLY"],
    &["READWRITE"],
    &["RESET"],
    &["QUIT"],
    &["MONITOR"],
    &["SYNC"],
    &["PSYNC", "?", "-1"],
    &["CLIENT", "REPLY", "OFF"],
    &["CLIENT", "REPLY", "SKIP"],
    &["CLIENT", "TRACKING", "ON"],
    &["CLIENT", "CACHING", "YES"],
    &["CLIENT", "SETNAME", "other"],
    &["CLIENT", "SETINFO", "LIB-NAME", "other"],
    &["CLIENT", "NO-EVICT", "ON"],
    &["CLIENT", "NO-TOUCH", "ON"],
    &["SCRIPT", "DEBUG", "YES"],
    &["WAIT", "1", "0"],
    &["WAITAOF", "1", "0", "0"],
];

/// Sends a command as a user who knows nothing of slots: `k` is its key.
async fn raw(client: &Client, words: &[&str], upper: bool) -> Result<Value, Error> {
    let name = if upper {
        words[0].to_owned()
    } else {
        words[0].to_lowercase()
    };
    let mut command = client.command(&name);
    for word in &words[1..] {
        command = if *word == "k" {
            command.key(*word)
        } else {
            command.arg(*word)
        };
    }
    in_time(async { command.await }).await
}

fn dials(client: &Client) -> u64 {
    let all = client.statistics().into_iter();
    let used = all.filter(|(_, intent, _)| *intent == Intent::ReadWrite);
    used.map(|(_, _, statistics)| statistics.dials).sum()
}

async fn refuses_all(client: &Client) {
    client.set("k", "v").await.expect("SET");
    for (at, words) in REFUSED.iter().enumerate() {
        let before = dials(client);
        let error = raw(client, words, at % 2 == 0).await;
        let error = error.expect_err(words[0]);
        assert!(error.is_refused(), "{words:?}: {error}");
        assert_eq!(error.delivery(), Delivery::NotSent, "{words:?}");
        let text = error.to_string();
        let (_, advice) = text.split_once("shared: ").expect(&text);
        assert!(advice.len() > 20, "{words:?} comes without advice: {text}");
        assert!(!text.contains("secret"), "{text}");
        // The connection is the same, and as it was.
        assert_eq!(
            client.get::<String>("k").await.expect("GET"),
            "v",
            "after {words:?}"
        );
        assert_eq!(dials(client), before, "{words:?} cost a connection");
    }
}

/// Fails when the refusal is taken out (SUBSCRIBE is answered with a push, and its
/// caller waits).
#[tokio::test]
async fn what_would_change_a_shared_connection_is_refused_before_it_is_sent() {
    let server = server().await;
    let client = Client::connect(server.url()).await.expect("connecting");
    refuses_all(&client).await;
    let stats = server.info("commandstats", "cmdstat_subscribe").await;
    assert_eq!(stats.expect("INFO"), None);
    // The same commands where they do no harm.
    let id = client.command("CLIENT").arg("ID").returning::<u64>();
    assert!(id.await.expect("CLIENT ID") > 0);
    let read = client
        .command("XREAD")
        .arg("COUNT")
        .arg("1")
        .arg("STREAMS")
        .key("s")
        .arg("0");
    assert!(read.await.expect("XREAD without BLOCK").is_null());
}

/// Fails as the one above.
#[test]
fn a_cluster_client_refuses_the_same() {
    on_shared_cluster(async |cluster| {
        let client = Client::connect(cluster.url()).await.expect("connecting");
        refuses_all(&client).await;
    });
}

/// A refusal in mid-pipeline is that command's alone.
///
/// Fails when a connection refuses the whole batch for one command in it.
#[tokio::test]
async fn a_refused_command_takes_no_other_result_of_its_pipeline_with_it() {
    let server = server().await;
    let client = Client::connect(server.url()).await.expect("connecting");
    let mut pipe = client.pipeline();
    pipe.set("a", "1");
    pipe.command("BLPOP").key("list").arg(0);
    pipe.get("a");
    pipe.command("MULTI");
    pipe.incr("a");
    let results = in_time(pipe.send()).await.expect("sending");
    // What comes behind MULTI counts on it: it must not run outside of it.
    for at in [1, 3, 4] {
        let error = results.decode::<Value>(at).expect_err("a refused command");
        assert!(
            error.is_refused() && error.delivery() == Delivery::NotSent,
            "{error}"
        );
    }
    assert_eq!(results.decode::<String>(0).expect("SET"), "OK");
    assert_eq!(results.decode::<String>(2).expect("GET"), "1");
    let first = results.check().expect_err("several are refused");
    assert!(
        first.is_refused() && first.to_string().contains("BLPOP"),
        "{first}"
    );
    assert_eq!(client.get::<String>("a").await.expect("GET"), "1");

    let mut pipe = client.pipeline();
    pipe.get("a");
    pipe.command("LPUSH").key("a").arg("x");
    let results = in_time(pipe.send()).await.expect("sending");
    let wrong = results.check().expect_err("a string is no list");
    assert_eq!(wrong.code(), Some("WRONGTYPE"));
}

/// Fails when a command that no node can answer, alone or with others, goes to some
/// node at random, and when keys of several slots are left to the server.
#[test]
fn a_cluster_refuses_what_no_nodes_can_answer() {
    on_shared_cluster(async |cluster| {
        let client = Client::connect(cluster.url()).await.expect("connecting");
        for (words, advice) in [
            (&["SCAN", "0"][..], "scan_stream"),
            (&["MSETNX", "a", "1", "b", "2"], "hash tag"),
            (&["MSETEX", "2", "a", "1", "b", "2"], "hash tag"),
            (&["SINTER", "a", "b"], "hash tag"),
            (&["RENAME", "a", "b"], "hash tag"),
            (&["PFCOUNT", "a", "b"], "hash tag"),
            (&["MSET", "a", "1", "b"], "hash tag"),
        ] {
            let error = raw(&client, words, true).await.expect_err(words[0]);
            assert_eq!(error.delivery(), Delivery::NotSent, "{words:?}: {error}");
            assert!(error.to_string().contains(advice), "{words:?}: {error}");
            assert!(error.is_cluster(), "{words:?}: {error}");
            assert!(error.to_string().contains(words[0]), "{words:?}: {error}");
        }
        no_node_was_asked(cluster).await;
    });
}

async fn no_node_was_asked(cluster: &LocalCluster) {
    for node in cluster.nodes() {
        for name in [
            "scan", "msetnx", "msetex", "sinter", "rename", "pfcount", "mset",
        ] {
            let calls = node.info("commandstats", &format!("cmdstat_{name}")).await;
            assert_eq!(calls.expect("INFO"), None, "{name} at {}", node.address());
        }
    }
}

async fn errors_are_each_their_own(client: &Client, node: &Node) {
    client.set("{o}text", "words").await.expect("SET");
    let error = client
        .get::<i64>("{o}text")
        .await
        .expect_err("words are no number");
    assert!(error.is_decode() && !error.is_server(), "{error}");
    assert_eq!(
        (error.delivery(), error.code()),
        (Delivery::Answered, None),
        "{error}"
    );
    assert_eq!(error.command(), Some("GET"));
    assert!(!error.to_string().contains("words") && !format!("{error:?}").contains("words"));
    let none = client
        .get::<String>("{o}none")
        .await
        .expect_err("nil is no text");
    assert!(none.is_decode(), "{none}");

    let error = client.incr("{o}text").await.expect_err("not a number");
    assert_eq!(
        (error.code(), error.delivery()),
        (Some("ERR"), Delivery::Answered)
    );
    let error = client.hgetall::<Vec<(String, String)>>("{o}text").await;
    let error = error.expect_err("the wrong type");
    assert_eq!(error.code(), Some("WRONGTYPE"), "{error}");
    assert_eq!(error.delivery(), Delivery::Answered);
    assert!(
        error.is_server() && !error.is_network() && !error.is_cluster(),
        "{error}"
    );
    assert_eq!(error.command(), Some("HGETALL"));
    let from = error.node().map(ToString::to_string);
    assert_eq!(from, Some(node.address().to_string()), "{error}");

    let mut pipe = client.pipeline();
    pipe.set("{o}a", "1");
    pipe.command("LPUSH").key("{o}a").arg("x");
    pipe.get("{o}a");
    pipe.command("EVALSHA")
        .arg("0".repeat(40))
        .arg(1)
        .key("{o}a");
    pipe.incr("{o}a");
    pipe.get("{o}text");
    pipe.command("NO-SUCH-COMMAND").key("{o}a");
    pipe.get("{o}a");
    let results = pipe.send().await.expect("sending");
    assert_eq!(results.len(), 8);
    let code = |at| {
        let error = results.decode::<Value>(at).expect_err("an error");
        error.code().map(str::to_owned).unwrap_or_default()
    };
    assert_eq!(results.decode::<String>(0).expect("SET"), "OK");
    assert_eq!(code(1), "WRONGTYPE");
    assert_eq!(results.decode::<i64>(2).expect("GET"), 1);
    assert_eq!(code(3), "NOSCRIPT");
    assert_eq!(results.decode::<i64>(4).expect("INCR"), 2);
    assert!(results.decode::<i64>(5).expect_err("words").is_decode());
    assert_eq!(
        results.decode::<String>(5).expect("the same reply"),
        "words"
    );
    assert_eq!(code(6), "ERR");
    assert_eq!(results.decode::<i64>(7).expect("GET"), 2);
    let ran: Vec<_> = (0..8)
        .map(|at| results.get(at).expect("a result").delivery())
        .collect();
    let expected = [
        None,
        Some(Delivery::Answered),
        None,
        Some(Delivery::Rejected),
        None,
        None,
        Some(Delivery::Answered),
        None,
    ];
    assert_eq!(ran, expected);

    // The closure form gives the first error.
    let sent = client.pipelined::<(String, i64)>(|p| {
        p.set("{o}b", "x");
        p.incr("{o}b");
    });
    let error = sent.await.expect_err("not a number");
    assert_eq!(
        (error.code(), error.command()),
        (Some("ERR"), Some("INCR")),
        "{error}"
    );
    let sent = client.pipelined::<(String, i64, i64)>(|p| {
        p.set("{o}b", "1");
        p.incr("{o}b");
    });
    assert!(sent.await.expect_err("three types for two").is_config());
}

/// Fails when the first error of a pipeline stands for what comes after it (B6).
#[tokio::test]
async fn errors_are_each_their_own_commands() {
    let server = server().await;
    let client = Client::connect(server.url()).await.expect("connecting");
    errors_are_each_their_own(&client, &server).await;
    let cluster = LocalCluster::builder(&binary())
        .primaries(1)
        .replicas(0)
        .start()
        .await;
    let cluster = cluster.expect("a cluster");
    let client = Client::connect(cluster.url()).await.expect("connecting");
    errors_are_each_their_own(&client, &cluster.nodes()[0]).await;
}
