//! The forms in which a transaction is said, on both kinds of server and in both
//! versions of the protocol.

use slotline::{Client, Explain, Progress, Value};
use slotline_testkit::{LocalCluster, LocalServer};
use slotline_tests::{binary, calls, reset_counters};

async fn all_forms(client: &Client) -> slotline::Result<()> {
    let sum: i64 = client
        .transaction(|t| {
            t.incr("{a}x");
            t.incr("{a}x");
        })
        .await?
        .decode_last()?;
    assert_eq!(sum, 2);

    let all = client
        .transaction(|t| {
            t.incr("{a}n");
            t.set("{a}v", "v").nx();
            t.set("{a}v", "w").nx();
            t.get("{a}v");
            t.get("{a}none");
            t.hset("{a}h", [("f", "1")]);
            t.hgetall("{a}h");
        })
        .await?;
    assert_eq!(all.len(), 7);
    type All = (
        i64,
        Option<String>,
        Option<String>,
        String,
        Option<String>,
        u64,
        Vec<(String, i64)>,
    );
    let all: All = all.decode_all()?;
    let hash = vec![("f".to_owned(), 1)];
    let (set, not) = (Some("OK".to_owned()), None);
    assert_eq!(all, (1, set, not, "v".to_owned(), None, 1, hash));

    // The owned form; it may become a transaction when something is in it already.
    let (explain, progress) = (Explain::new(), Progress::new());
    let mut pipe = client.pipeline().explain(&explain).progress(&progress);
    pipe.incr("{a}m");
    let mut transaction = pipe.transaction();
    for _ in 0..2_000 {
        transaction.incr("{a}m");
    }
    assert_eq!(transaction.len(), 2_001);
    let counted: Vec<i64> = transaction.send().await?.decode_all()?;
    assert_eq!(counted, (1..=2_001).collect::<Vec<i64>>());
    assert_eq!(progress.answered(), 2_003, "with MULTI and EXEC");
    assert!(explain.to_string().contains("sent"), "{explain}");

    // On a node of its own choice, where commands are about the node itself.
    let sizes = client
        .for_each_primary(|node| async move {
            let mut transaction = node.pipeline().transaction();
            transaction.ping();
            let _ = transaction.command("DBSIZE");
            transaction.send().await?.decode_last::<u64>()
        })
        .await?;
    assert_eq!(sizes.iter().sum::<u64>(), 5);
    // Any node can answer what has no key.
    let pong: Vec<String> = client
        .transaction(|t| {
            t.ping();
        })
        .await?
        .decode_all()?;
    assert_eq!(pong, ["PONG"]);
    Ok(())
}

async fn protocol(client: &Client) -> slotline::Result<i64> {
    let hello: Value = client.command("HGETALL").key("{a}h").await?;
    // A map is one in RESP3 only.
    Ok(match hello {
        Value::Map(_) => 3,
        _ => 2,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_works_on_a_cluster_in_both_protocols() -> slotline::Result<()> {
    for (expected, hello) in [(3, "HELLO HELLO"), (2, "HELLO OTHER")] {
        let cluster = LocalCluster::builder(&binary()).replicas(0);
        let cluster = match expected {
            2 => cluster.option("rename-command", hello),
            _ => cluster,
        };
        let cluster = cluster.start().await.expect("a cluster");
        let client = Client::connect(cluster.url()).await?;
        all_forms(&client).await?;
        assert_eq!(protocol(&client).await?, expected);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_works_on_a_lone_server_in_both_protocols() -> slotline::Result<()> {
    for expected in [3, 2] {
        let server = LocalServer::builder(&binary());
        let server = match expected {
            2 => server.option("rename-command", "HELLO OTHER"),
            _ => server,
        };
        let server = server.start().await.expect("a server");
        let client = Client::connect(server.url()).await?;
        all_forms(&client).await?;
        assert_eq!(protocol(&client).await?, expected);
        // Slots are a cluster's.
        let both: Vec<i64> = client
            .transaction(|t| {
                t.incr("one");
                t.incr("another");
            })
            .await?
            .decode_all()?;
        assert_eq!(both, [1, 1]);
    }
    Ok(())
}

/// Fails when an empty transaction is sent as MULTI and EXEC.
#[tokio::test]
async fn of_an_empty_transaction_nothing_is_sent() -> slotline::Result<()> {
    let server = LocalServer::start(&binary()).await.expect("a server");
    let client = Client::connect(server.url()).await?;
    reset_counters(&[server.node().clone()]).await;
    let nothing = client.transaction(|_| {}).await?;
    assert!(nothing.is_empty());
    assert!(nothing.decode_last::<Value>().is_err());
    assert!(client.pipeline().transaction().send().await?.is_empty());
    assert_eq!(calls(server.node(), "multi").await, 0);
    client
        .transaction(|t| {
            t.ping();
        })
        .await?;
    assert_eq!(calls(server.node(), "multi").await, 1, "it is counted");
    Ok(())
}
