//! While nothing changes.

use std::collections::{BTreeMap, BTreeSet};

use slotline::{Client, Delivery, Intent, ReadFrom, Value};
use slotline_testkit::{LocalCluster, Node};
use slotline_tests::{calls, errors_at_all, on_shared_cluster, reset_counters, server};

use super::{of, pairs, say};

const MANY: usize = 10_000;

fn keys(prefix: &str) -> Vec<String> {
    (0..MANY).map(|n| format!("{prefix}:{n}")).collect()
}

async fn emptied(cluster: &LocalCluster) -> Client {
    let client = Client::connect(cluster.url()).await.expect("connecting");
    assert_eq!(
        say::<String>(&client, &["FLUSHALL"])
            .await
            .expect("FLUSHALL"),
        "OK"
    );
    reset_counters(cluster.nodes()).await;
    client
}

async fn nothing_was_turned_away(cluster: &LocalCluster) {
    for code in ["CROSSSLOT", "MOVED", "READONLY"] {
        assert_eq!(errors_at_all(cluster.nodes(), code).await, 0, "{code}");
    }
}

/// Fails when a part is sent to another node than its slot's, or the values are in the
/// order of the parts.
#[test]
fn ten_thousand_keys_are_one_command() {
    on_shared_cluster(async |cluster| {
        let client = emptied(cluster).await;
        let keys = keys("many");
        let count = |name: &'static str| of::<usize>(&client, name, &keys);
        let set: String = of(&client, "MSET", &pairs(&keys)).await.expect("MSET");
        assert_eq!(set, "OK");
        assert_eq!(
            say::<usize>(&client, &["DBSIZE"]).await.expect("DBSIZE"),
            MANY
        );
        let mut asked = keys.clone();
        asked.reverse();
        asked.insert(77, "none".to_owned());
        let values: Vec<Option<String>> = of(&client, "MGET", &asked).await.expect("MGET");
        assert_eq!(values.len(), MANY + 1);
        for (key, value) in asked.iter().zip(values) {
            let expected = (key != "none").then(|| format!("v:{key}"));
            assert_eq!(value, expected, "{key}");
        }
        assert_eq!(count("EXISTS").await.expect("EXISTS"), MANY);
        assert_eq!(count("TOUCH").await.expect("TOUCH"), MANY);
        let found: BTreeSet<String> = say(&client, &["KEYS", "*"]).await.expect("KEYS");
        assert_eq!(found, keys.iter().cloned().collect());
        let any: Option<String> = say(&client, &["RANDOMKEY"]).await.expect("RANDOMKEY");
        assert!(any.is_some_and(|key| keys.contains(&key)));

        let (first, second) = keys.split_at(MANY / 2);
        assert_eq!(
            of::<usize>(&client, "DEL", first).await.expect("DEL"),
            MANY / 2
        );
        assert_eq!(count("EXISTS").await.expect("EXISTS"), MANY / 2);
        assert_eq!(
            of::<usize>(&client, "UNLINK", &keys).await.expect("UNLINK"),
            second.len()
        );
        assert_eq!(client.del(&keys).await.expect("DEL"), 0);
        assert_eq!(say::<usize>(&client, &["DBSIZE"]).await.expect("DBSIZE"), 0);
        let any: Option<String> = say(&client, &["RANDOMKEY"]).await.expect("RANDOMKEY");
        assert_eq!(any, None);
        nothing_was_turned_away(cluster).await;
    });
}

#[test]
fn in_a_pipeline_spread_commands_stand_where_they_were_put() {
    on_shared_cluster(async |cluster| {
        let client = emptied(cluster).await;
        let mut pipe = client.pipeline();
        for n in 0..3_000 {
            pipe.set(format!("p:{n}"), n);
        }
        pipe.mget(["p:0", "p:1", "none", "p:2999"]);
        pipe.incr("p:0");
        pipe.command("DBSIZE");
        pipe.del(["p:0", "p:1", "p:2"]);
        pipe.get("p:0");
        let results = pipe.send().await.expect("sending");
        assert_eq!(results.len(), 3_005);
        let values: Vec<Option<i64>> = results.decode(3_000).expect("MGET");
        assert_eq!(values, [Some(0), Some(1), None, Some(2_999)]);
        assert_eq!(results.decode::<i64>(3_001).expect("INCR"), 1);
        assert_eq!(results.decode::<i64>(3_003).expect("DEL"), 3);
        assert_eq!(results.decode::<Option<i64>>(3_004).expect("GET"), None);
        results.decode::<u64>(3_002).expect("DBSIZE");
        nothing_was_turned_away(cluster).await;
    });
}

async fn asked_of(nodes: &[Node], command: &str) -> u64 {
    let mut sum = 0;
    for node in nodes {
        sum += calls(node, command).await;
    }
    sum
}

/// Fails when a replica is left out: a script that runs there would not be found.
#[test]
fn every_node_is_asked_for_what_it_keeps_for_itself() {
    on_shared_cluster(async |cluster| {
        let client = emptied(cluster).await;
        let (primaries, replicas) = (
            cluster.primaries().await.expect("primaries"),
            cluster.replicas().await.expect("replicas"),
        );
        let sha: String = say(&client, &["SCRIPT", "LOAD", "return 77"])
            .await
            .expect("LOAD");
        assert_eq!(sha.len(), 40);
        for node in cluster.nodes() {
            let known: Vec<bool> = node.ask(&["SCRIPT", "EXISTS", &sha]).await.expect("EXISTS");
            assert_eq!(known, [true], "at {}", node.address());
        }
        reset_counters(cluster.nodes()).await;
        let none = "0".repeat(40);
        let known: Vec<i64> = say(&client, &["SCRIPT", "EXISTS", &sha, &none])
            .await
            .expect("EXISTS");
        assert_eq!(known, [1, 0]);
        assert_eq!(asked_of(&primaries, "script|exists").await, 3);
        assert_eq!(asked_of(&replicas, "script|exists").await, 0);
        // One that has forgotten it is enough for a no.
        let flushed: String = primaries[1].ask(&["SCRIPT", "FLUSH"]).await.expect("FLUSH");
        assert_eq!(flushed, "OK");
        let known: Vec<i64> = say(&client, &["SCRIPT", "EXISTS", &sha])
            .await
            .expect("EXISTS");
        assert_eq!(known, [0]);

        let set: String = say(&client, &["CONFIG", "SET", "slowlog-max-len", "77"])
            .await
            .expect("SET");
        assert_eq!(set, "OK");
        for node in cluster.nodes() {
            let value: Vec<String> = node
                .ask(&["CONFIG", "GET", "slowlog-max-len"])
                .await
                .expect("GET");
            assert_eq!(value[1], "77", "at {}", node.address());
        }
        let error = say::<Value>(&client, &["CONFIG", "SET", "no-such", "1"]).await;
        let error = error.expect_err("no node knows it");
        assert!(error.is_server() && error.node().is_some(), "{error}");
        assert_eq!(error.delivery(), Delivery::Answered);
        // Nobody runs a script that could be ended.
        let error = say::<Value>(&client, &["SCRIPT", "KILL"])
            .await
            .expect_err("none runs");
        assert_eq!(error.code(), Some("NOTBUSY"));

        let library =
            "#!lua name=spreadlib\nredis.register_function('spread', function() return 1 end)";
        let name: String = say(&client, &["FUNCTION", "LOAD", "REPLACE", library])
            .await
            .expect("LOAD");
        assert_eq!(name, "spreadlib");
        for node in &primaries {
            let text = format!(
                "{:?}",
                node.call(&["FUNCTION", "LIST"]).await.expect("LIST")
            );
            assert!(text.contains("spreadlib"), "at {}", node.address());
        }
        let gone: String = say(&client, &["FUNCTION", "DELETE", "spreadlib"])
            .await
            .expect("DELETE");
        assert_eq!(gone, "OK");
        nothing_was_turned_away(cluster).await;
    });
}

#[test]
fn what_is_each_nodes_own_is_a_map_by_its_address() {
    on_shared_cluster(async |cluster| {
        let client = emptied(cluster).await;
        let told: BTreeMap<String, String> = say(&client, &["INFO"]).await.expect("INFO");
        let primaries = cluster.primaries().await.expect("primaries");
        let expected: BTreeSet<String> = primaries
            .iter()
            .map(|node| node.address().to_string())
            .collect();
        assert_eq!(told.keys().cloned().collect::<BTreeSet<_>>(), expected);
        for (node, info) in &told {
            let port = node.rsplit(':').next().expect("a port");
            assert!(info.contains(&format!("tcp_port:{port}\r\n")), "{node}");
            assert!(info.contains("role:master"), "{node}");
        }
        let told: BTreeMap<String, Value> =
            say(&client, &["MEMORY", "STATS"]).await.expect("STATS");
        assert_eq!(told.len(), 3);
        let told: BTreeMap<String, Value> =
            say(&client, &["LATENCY", "LATEST"]).await.expect("LATEST");
        assert_eq!(told.len(), 6, "replicas too");
        // A node's own handle asks that node alone, and its answer is as it is.
        let infos = client
            .for_each_primary(async |node| node.command("INFO").returning::<String>().await)
            .await
            .expect("INFO");
        assert!(infos.iter().all(|info| info.contains("role:master")));
    });
}

#[test]
fn parts_of_reads_come_from_replicas_if_reads_do() {
    on_shared_cluster(async |cluster| {
        let client = emptied(cluster).await;
        let keys = keys("read");
        let set: String = of(&client, "MSET", &pairs(&keys)).await.expect("MSET");
        assert_eq!(set, "OK");
        cluster
            .wait_replicas_synced(slotline_tests::PATIENCE)
            .await
            .expect("in step");
        let reader = Client::builder()
            .nodes([cluster.url()])
            .read_from(ReadFrom::PreferReplica)
            .connect()
            .await
            .expect("connecting");
        reset_counters(cluster.nodes()).await;
        let values: Vec<String> = of(&reader, "MGET", &keys).await.expect("MGET");
        assert!(
            keys.iter()
                .zip(values)
                .all(|(key, value)| value == format!("v:{key}"))
        );
        assert_eq!(
            say::<usize>(&reader, &["DBSIZE"]).await.expect("DBSIZE"),
            MANY
        );
        let primaries = cluster.primaries().await.expect("primaries");
        let replicas = cluster.replicas().await.expect("replicas");
        assert_eq!(
            asked_of(&primaries, "mget").await + asked_of(&primaries, "dbsize").await,
            0
        );
        assert!(asked_of(&replicas, "mget").await > 1_000);
        let read_only = reader.statistics().into_iter();
        assert!(
            read_only
                .filter(|(_, intent, _)| *intent == Intent::ReadOnly)
                .count()
                >= 3
        );
        nothing_was_turned_away(cluster).await;
    });
}

#[tokio::test]
async fn a_server_that_is_no_cluster_answers_as_it_is() {
    let server = server().await;
    let client = Client::connect(server.url()).await.expect("connecting");
    let keys = keys("one");
    assert_eq!(
        of::<String>(&client, "MSET", &pairs(&keys))
            .await
            .expect("MSET"),
        "OK"
    );
    assert_eq!(
        say::<usize>(&client, &["DBSIZE"]).await.expect("DBSIZE"),
        MANY
    );
    let info: String = say(&client, &["INFO"]).await.expect("INFO");
    assert!(info.contains("role:master"));
    assert_eq!(of::<usize>(&client, "DEL", &keys).await.expect("DEL"), MANY);
    assert_eq!(calls(server.node(), "del").await, 1);
}
