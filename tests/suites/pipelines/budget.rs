//! Retries that have to wait, and those that there is no budget for.

use std::time::Instant;

use slotline::{Client, ReadFrom, RetryBudget, StandardPolicy};
use slotline_tests::{calls, connections_of, kill, on_shared_cluster, reset_counters};

/// Fails when reads that were lost do not go again.
#[test]
fn reads_outlast_a_kill_of_every_connection_at_once() {
    on_shared_cluster(async |cluster| {
        let nodes = cluster.nodes();
        let client = Client::builder()
            .nodes([cluster.url()])
            .client_name("victims")
            .read_from(ReadFrom::PreferReplica);
        let client = client.connect().await.expect("connecting");
        let keys: Vec<String> = (0..100).map(|n| format!("kill:{n}")).collect();
        let mut killed = 0;
        for _ in 0..20 {
            let read = async {
                let mut pipe = client.pipeline();
                for key in &keys {
                    pipe.get(key);
                }
                for reply in pipe.send().await.expect("sending") {
                    reply.decode::<Option<String>>().expect("a reply");
                }
            };
            let kills = async {
                let mut count = 0;
                for node in nodes {
                    count += kill(node, &connections_of(node, "victims").await).await;
                }
                count
            };
            killed += tokio::join!(read, kills).1;
        }
        println!("{killed} connections killed");
        assert!(killed > 40, "{killed} connections killed");
    });
}

/// A reply that the server finds too large ends its connection, however often it
/// is asked for: so it is asked for a few times.
///
/// Fails when reads that were lost go again as often as what was not sent (16
/// times), and when retries take nothing out of the budget.
#[test]
fn a_reply_that_ends_its_connection_is_not_asked_for_again_and_again() {
    on_shared_cluster(async |cluster| {
        let owner = cluster
            .owner_of(slotline::slot_of("huge").get())
            .await
            .expect("an owner");
        let writer = Client::connect(cluster.url()).await.expect("connecting");
        writer
            .set("huge", vec![b'x'; 8 << 20])
            .await
            .expect("a large value");
        let limit = "client-output-buffer-limit";
        let set = async |value: &str| owner.call(&["CONFIG", "SET", limit, value]).await;
        set("normal 1048576 0 0").await.expect("a limit");
        for (budget, expected) in [
            (RetryBudget::default(), 5),
            (RetryBudget::new(0.0, 0, 2), 3),
            (RetryBudget::new(0.0, 0, 0), 1),
        ] {
            let policy = StandardPolicy::new().budget(budget.clone());
            let client = Client::builder().nodes([cluster.url()]).retry(policy);
            let client = client.connect().await.expect("connecting");
            reset_counters(std::slice::from_ref(&owner)).await;
            let began = Instant::now();
            let error = client.get::<String>("huge").await;
            let error = error.expect_err("it cannot be had");
            assert!(error.is_network(), "{error}");
            let asked = calls(&owner, "get").await;
            println!(
                "asked for {asked} times in {:?}, {} tokens",
                began.elapsed(),
                budget.withdrawn()
            );
            assert_eq!(asked, expected);
            assert_eq!(budget.withdrawn(), expected - 1);
        }
        set("normal 0 0 0").await.expect("no limit");
        let value: String = writer.get("huge").await.expect("now it can");
        assert_eq!(value.len(), 8 << 20);
        writer.del("huge").await.expect("DEL");
    });
}
