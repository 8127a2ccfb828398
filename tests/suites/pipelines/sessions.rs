//! A connection for reads that is not what it was made to be.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use slotline::{Client, ReadFrom, Setup, hook};
use slotline_pool::Intent;
use slotline_tests::{PATIENCE, calls, errors_at_all, on_shared_cluster, reset_counters};

/// Fails when such a MOVED is taken for one that changes the map (the replica's
/// connection stays as it is, and every read of it is answered with MOVED), and
/// when the second answer is not waited for (reads then go to the primary).
#[test]
fn a_readonly_that_a_connection_lost_is_restored_and_replicas_go_on_serving() {
    on_shared_cluster(async |cluster| {
        let primaries = cluster.primaries().await.expect("primaries");
        let replicas = cluster.replicas().await.expect("replicas");
        let writer = Client::connect(cluster.url()).await.expect("connecting");
        let keys: Vec<String> = (0..300).map(|n| format!("session:{n}")).collect();
        let mut pipe = writer.pipeline();
        for key in &keys {
            pipe.set(key, format!("v:{key}"));
        }
        pipe.send().await.expect("filling");
        cluster
            .wait_replicas_synced(PATIENCE)
            .await
            .expect("in step");

        let done = Arc::new(AtomicBool::new(false));
        let once = Arc::clone(&done);
        let harm = hook("harm", move |setup: Setup| {
            let harms = setup.intent() == Intent::ReadOnly && !once.swap(true, Ordering::Relaxed);
            async move {
                if harms {
                    setup.command("READWRITE").await?;
                }
                Ok(())
            }
        });
        let client = Client::builder()
            .nodes([cluster.url()])
            .read_from(ReadFrom::ReplicaOnly)
            .init_hook(harm);
        let client = client.connect().await.expect("connecting");
        let before = client.topology();
        reset_counters(&replicas).await;
        reset_counters(&primaries).await;
        let read = async || {
            let mut pipe = client.pipeline();
            for key in &keys {
                pipe.get(key);
            }
            let replies = pipe.send().await.expect("sending");
            for (reply, key) in replies.into_iter().zip(&keys) {
                let value: String = reply.decode().expect("a value");
                assert_eq!(value, format!("v:{key}"));
            }
        };
        read().await;
        let moved = errors_at_all(&replicas, "MOVED").await;
        println!("{moved} reads met the connection that had lost its READONLY");
        assert!(done.load(Ordering::Relaxed) && moved > 0, "the fault");
        assert_eq!(client.on_the_way().sessions_lost, 1);
        assert_eq!(client.topology(), before, "the map is as it was");

        reset_counters(&replicas).await;
        for _ in 0..3 {
            read().await;
        }
        assert_eq!(errors_at_all(&replicas, "MOVED").await, 0);
        for replica in &replicas {
            assert!(calls(replica, "get").await > 0, "{replica:?} serves");
        }
        for primary in &primaries {
            assert_eq!(calls(primary, "get").await, 0, "{primary:?} is not read");
        }
        let quarantined: u64 = client
            .statistics()
            .iter()
            .map(|(_, _, statistics)| statistics.quarantined)
            .sum();
        assert_eq!(quarantined, 1);
    });
}
