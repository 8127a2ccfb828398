//! Scripts that servers know, and such as they do not know any more.

use slotline::{Client, Delivery, ReadFrom, Script};
use slotline_testkit::{LocalCluster, Node};
use slotline_tests::{calls, keys_of_slot, on_shared_cluster, reset_counters};

const ADD: &str = "return redis.call('INCRBY', KEYS[1], ARGV[1])";

/// Makes every node forget its scripts.
async fn forget(cluster: &LocalCluster) {
    for node in cluster.nodes() {
        node.call(&["SCRIPT", "FLUSH"]).await.expect("SCRIPT FLUSH");
    }
    reset_counters(cluster.nodes()).await;
}

async fn calls_at_all(nodes: &[Node], command: &str) -> u64 {
    let mut sum = 0;
    for node in nodes {
        sum += calls(node, command).await;
    }
    sum
}

/// Fails when NOSCRIPT surfaces.
#[test]
fn a_script_that_is_not_known_is_sent_with_its_source_and_runs_once() {
    on_shared_cluster(async |cluster| {
        let client = Client::connect(cluster.url()).await.expect("connecting");
        let add = Script::new(ADD);
        // One key for each shard.
        let keys = [1_000, 8_000, 14_000].map(|slot| keys_of_slot("script", slot, 1).remove(0));
        for key in &keys {
            client.del(key).await.expect("DEL");
        }
        forget(cluster).await;
        for turn in 1..=3 {
            for key in &keys {
                let sum: i64 = client.invoke(add.key(key).arg(5)).await.expect("a sum");
                assert_eq!(sum, 5 * turn);
            }
        }
        assert_eq!(
            calls_at_all(cluster.nodes(), "eval").await,
            3,
            "once for each shard"
        );
        assert_eq!(
            calls_at_all(cluster.nodes(), "incrby").await,
            9 * 2,
            "and its replica"
        );
    });
}

/// Fails when every NOSCRIPT is taken for the server's: the script would run twice.
#[test]
fn a_script_that_says_noscript_itself_is_not_sent_again() {
    on_shared_cluster(async |cluster| {
        let client = Client::connect(cluster.url()).await.expect("connecting");
        client.del("{own}n").await.expect("DEL");
        let script = Script::new(
            "redis.call('INCR', KEYS[1]) return redis.error_reply('NOSCRIPT it is mine')",
        );
        for expected in 1..=2 {
            let error = client.invoke::<i64>(script.key("{own}n")).await;
            assert_eq!(error.expect_err("its own error").code(), Some("NOSCRIPT"));
            assert_eq!(
                client.get::<i64>("{own}n").await.expect("a number"),
                expected
            );
        }
        let wrong = Script::new("return redis.call('INCR', KEYS[1], 'more')");
        let error = client.invoke::<i64>(wrong.key("{own}n")).await;
        assert_eq!(error.expect_err("an error").delivery(), Delivery::Answered);
    });
}

#[test]
fn scripts_keep_their_places_in_pipelines_and_transactions() {
    on_shared_cluster(async |cluster| {
        let client = Client::connect(cluster.url()).await.expect("connecting");
        let add = Script::new(ADD);
        forget(cluster).await;
        let mut pipe = client.pipeline();
        for n in 0..50 {
            let key = format!("place:{n}");
            pipe.set(&key, n);
            add.key(&key).arg(1).queue(&mut pipe);
            pipe.get(&key);
        }
        let results = pipe.send().await.expect("sending");
        for n in 0..50 {
            let sum: usize = results.decode(n * 3 + 1).expect("a sum");
            let value: usize = results.decode(n * 3 + 2).expect("a value");
            assert_eq!((sum, value), (n + 1, n + 1));
        }
        forget(cluster).await;
        let all = client.transaction(|t| {
            t.set("{t}n", 1);
            add.key("{t}n").arg(2).queue(t);
            t.get("{t}n");
        });
        let results = all.await.expect("it runs");
        let sum: i64 = results.decode(1).expect("a sum");
        let value: i64 = results.decode(2).expect("a value");
        assert_eq!((sum, value), (3, 3));
    });
}

/// Fails when a read-only script is sent as one that may write.
#[test]
fn a_read_only_script_goes_to_replicas() {
    on_shared_cluster(async |cluster| {
        let client = Client::builder()
            .nodes([cluster.url()])
            .read_from(ReadFrom::ReplicaOnly)
            .connect()
            .await
            .expect("connecting");
        client.set("read", "v").await.expect("SET");
        let replicas = cluster.replicas().await.expect("replicas");
        forget(cluster).await;
        let get = Script::new("return redis.call('GET', KEYS[1])").read_only();
        for _ in 0..4 {
            let value: Option<String> = client.invoke(get.key("read")).await.expect("a value");
            assert_eq!(value.as_deref(), Some("v"));
        }
        assert_eq!(calls_at_all(&replicas, "eval_ro").await, 1);
        assert_eq!(calls_at_all(&replicas, "get").await, 4);
        let set = Script::new("return redis.call('SET', KEYS[1], 'w')").read_only();
        let error = client.invoke::<String>(set.key("read")).await;
        assert!(error.expect_err("no write").is_server());
    });
}
