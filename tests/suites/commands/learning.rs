//! Commands that no table has: here since the servers' configuration renames them.

use slotline::{Client, Delivery, Error, Value};
use slotline_testkit::{LocalCluster, LocalServer};
use slotline_tests::{binary, calls, errors_at_all};

async fn renamed() -> LocalCluster {
    let mut builder = LocalCluster::builder(&binary());
    for names in [
        "GET FETCHIT",
        "ZUNION XZU",
        "DBSIZE COUNTALL",
        "SELECT CHOOSE",
        "DEL GONE",
    ] {
        builder = builder.option("rename-command", names);
    }
    builder.start().await.expect("a cluster")
}

async fn raw(client: &Client, words: &[&str]) -> Result<Value, Error> {
    let mut command = client.command(words[0]);
    for word in &words[1..] {
        command = command.arg(*word);
    }
    command.await
}

/// Fails when the position of a key is guessed (MOVED), and when each command asks anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_command_goes_where_its_keys_say() {
    let cluster = renamed().await;
    let client = Client::connect(cluster.url()).await.expect("connecting");
    let mut pipe = client.pipeline();
    for n in 0..100 {
        pipe.set(format!("k:{n}"), n);
    }
    pipe.send()
        .await
        .expect("sending")
        .check()
        .expect("filling");
    let mut pipe = client.pipeline();
    for n in 0..100 {
        pipe.command("FETCHIT").arg(format!("k:{n}"));
    }
    for (n, reply) in pipe.send().await.expect("sending").into_iter().enumerate() {
        assert_eq!(reply.decode::<usize>().expect("a value"), n);
    }
    let count = raw(&client, &["countall"]).await.expect("each shard's");
    assert_eq!(count.as_int(), Some(100));
    // Its keys are counted, and of one slot.
    let union = raw(&client, &["XZU", "2", "{z}1", "{z}2"])
        .await
        .expect("a union");
    assert_eq!(union.as_slice().map(<[Value]>::len), Some(0));
    let error = raw(&client, &["XZU", "2", "a", "b"])
        .await
        .expect_err("two slots");
    assert!(
        error.is_cluster() && error.delivery() == Delivery::NotSent,
        "{error}"
    );
    let gone = raw(&client, &["GONE", "k:1", "k:2", "k:3", "none"]).await;
    assert_eq!(gone.expect("split by slot").as_int(), Some(3));

    let error = raw(&client, &["CHOOSE", "0"])
        .await
        .expect_err("a SELECT by another name");
    assert!(
        error.is_refused() && error.delivery() == Delivery::NotSent,
        "{error}"
    );
    for _ in 0..10 {
        let error = raw(&client, &["NO.SUCH", "k"])
            .await
            .expect_err("nobody knows it");
        assert!(error.to_string().contains(".key("), "{error}");
    }
    let mut asked = 0;
    for node in cluster.nodes() {
        asked += calls(node, "command|info").await;
    }
    assert_eq!(asked, 6, "one for each name");
    assert_eq!(errors_at_all(cluster.nodes(), "MOVED").await, 0);
    assert_eq!(errors_at_all(cluster.nodes(), "CROSSSLOT").await, 0);
}

#[tokio::test]
async fn a_server_that_is_no_cluster_is_asked_nothing() {
    let server = LocalServer::builder(&binary()).option("rename-command", "GET FETCHIT");
    let server = server.start().await.expect("a server");
    let client = Client::connect(server.url()).await.expect("connecting");
    client.set("k", "v").await.expect("SET");
    let value = raw(&client, &["FETCHIT", "k"]).await.expect("a value");
    assert_eq!(value.as_str(), Some("v"));
    assert_eq!(calls(server.node(), "command|info").await, 0);
}
