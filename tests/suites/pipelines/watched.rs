//! Large pipelines while slots move, and what is told of them.

use slotline::observe::{What, Why};
use slotline::{ChunkLayer, Client, Explain, Progress, ReadFrom};
use slotline_testkit::Node;
use slotline_tests::{
    PATIENCE, calls, errors, errors_at_all, keys_of_slot, on_shared_cluster, reset_counters,
    two_primaries,
};

/// Pieces of 100 commands, eight at once, over keys that are in every piece, while
/// half of their slots go back and forth.
///
/// Fails when a piece follows redirects without looking at the others (then
/// increments come out of order), and when a redirect sends a whole piece again.
#[test]
fn pieces_in_flight_keep_the_order_of_each_key_while_slots_move() {
    const SLOTS: std::ops::Range<u16> = 600..608;
    on_shared_cluster(async |cluster| {
        let (from, to) = two_primaries(cluster, SLOTS.start).await;
        let both = [from.clone(), to.clone()];
        let chunk = ChunkLayer::new().commands(100).in_flight(8);
        let client = Client::builder().nodes([cluster.url()]).chunk(chunk);
        let client = client.connect().await.expect("connecting");
        let keys: Vec<String> = (SLOTS.start..SLOTS.end + 8)
            .flat_map(|slot| keys_of_slot("pieces", slot, 2))
            .collect();
        client.del(&keys[..2]).await.expect("DEL");
        reset_counters(&both).await;

        let (mut there, mut rounds, mut refused, mut sum) = (false, 0_u64, 0_u64, 0_u64);
        let mut last = vec![0_i64; keys.len()];
        while rounds < 12 {
            let mut pipe = client.pipeline();
            for _ in 0..100 {
                for key in &keys {
                    pipe.incr(key);
                }
            }
            let moves = async {
                let (a, b) = if there { (&to, &from) } else { (&from, &to) };
                let moved = cluster.migrate_slots(SLOTS, a, b).await;
                moved.expect("migrating");
            };
            let (results, ()) = tokio::join!(pipe.send(), moves);
            there = !there;
            rounds += 1;
            for (at, reply) in results.expect("sending").into_iter().enumerate() {
                let at = at % keys.len();
                match reply.decode::<i64>() {
                    // One more than the one before: nothing ran twice or in between.
                    Ok(count) => {
                        assert_eq!(count, last[at] + 1, "{}", keys[at]);
                        last[at] = count;
                        sum += 1;
                    }
                    Err(error) => {
                        assert!(error.is_order(), "{error}");
                        refused += 1;
                    }
                }
            }
        }
        let redirects = errors_at_all(&both, "MOVED").await + errors_at_all(&both, "ASK").await;
        println!(
            "{sum} increments in order, {refused} passed by later ones, {redirects} redirects"
        );
        assert!(redirects > 20, "{redirects} redirects");
        for (key, expected) in keys.iter().zip(last) {
            let counted: i64 = client.get(key).await.expect("GET");
            assert_eq!(counted, expected, "{key}");
        }
    });
}

/// Fails when ASKING is sent apart from its command, or left on the connection:
/// each then surfaces as MOVED, or runs where it should not.
#[test]
fn askings_of_many_tasks_on_one_connection_serve_one_command_each() {
    const SLOT: u16 = 620;
    on_shared_cluster(async |cluster| {
        let (from, to) = two_primaries(cluster, SLOT).await;
        let client = Client::connect(cluster.url()).await.expect("connecting");
        let keys = keys_of_slot("asked", SLOT, 50);
        for node in [&from, &to] {
            reset_counters(std::slice::from_ref(node)).await;
        }
        let migration = cluster.begin_migration(SLOT, &from, &to).await;
        let migration = migration.expect("a migration");
        let mut tasks = tokio::task::JoinSet::new();
        for key in keys.clone() {
            let client = client.clone();
            tasks.spawn(async move {
                for turn in 1..=20 {
                    let mut pipe = client.pipeline();
                    pipe.incr(&key);
                    pipe.command("OBJECT").arg("ENCODING").key(&key);
                    let results = pipe.send().await.expect("sending");
                    assert_eq!(results.decode::<i64>(0).expect("a count"), turn);
                    assert_eq!(results.decode::<String>(1).expect("a word"), "int");
                }
            });
        }
        while let Some(task) = tasks.join_next().await {
            task.expect("a task");
        }
        let (asked, asking) = (errors(&from, "ASK").await, calls(&to, "asking").await);
        assert_eq!(calls(&to, "incr").await, 50 * 20, "each ran once, there");
        println!("{asked} ASK, {asking} ASKING");
        assert!(asked >= 50 * 20 && asking == asked);
        assert_eq!(errors(&to, "MOVED").await, 0);
        migration.finish().await.expect("finishing");
    });
}

/// Fails when a hop, its node or its reason is not written down.
#[test]
fn a_record_tells_where_a_command_went_and_why() {
    const SLOT: u16 = 621;
    on_shared_cluster(async |cluster| {
        let (from, to) = two_primaries(cluster, SLOT).await;
        let client = Client::builder()
            .nodes([cluster.url()])
            .read_from(ReadFrom::Nearest);
        let client = client.connect().await.expect("connecting");
        let keys = keys_of_slot("told", SLOT, 2);
        let migration = cluster.begin_migration(SLOT, &from, &to).await;
        let migration = migration.expect("a migration");
        let (explain, progress) = (Explain::new(), Progress::new());
        let mut pipe = client.pipeline().explain(&explain).progress(&progress);
        pipe.ping();
        pipe.incr(&keys[0]);
        pipe.send().await.expect("sending");
        migration.finish().await.expect("finishing");
        println!("{explain}");
        assert_eq!(progress.answered(), 2);
        let port = |what: &What| match what {
            What::Sent {
                node, why, asking, ..
            } => Some((node.port(), *why, *asking)),
            _ => None,
        };
        let steps = explain.of_command(1);
        let sent: Vec<_> = steps.iter().filter_map(|step| port(&step.what)).collect();
        let expected = [
            (from.port(), Why::Owner, false),
            (to.port(), Why::Redirect, true),
        ];
        assert_eq!(sent, expected);
        let turned = steps.iter().any(|step| {
            matches!(&step.what, What::Turned { code, to: Some(node), .. }
                if code == "ASK" && node.port() == to.port())
        });
        assert!(turned, "{explain}");
        assert!(!explain.to_string().contains("told"), "no key is in it");
    });
}

/// Fails when a lone command or a node's own leaves no record.
#[test]
fn a_lone_command_and_one_to_a_node_have_records_too() {
    const SLOT: u16 = 622;
    on_shared_cluster(async |cluster| {
        let (from, to) = two_primaries(cluster, SLOT).await;
        let client = Client::connect(cluster.url()).await.expect("connecting");
        let key = keys_of_slot("alone", SLOT, 1).remove(0);
        let migration = cluster.begin_migration(SLOT, &from, &to).await;
        let migration = migration.expect("a migration");
        reset_counters(std::slice::from_ref(&from)).await;
        let explain = Explain::new();
        let count = client.incr(&key).explain(&explain).await.expect("INCR");
        assert_eq!(count, 1);
        assert_eq!(errors(&from, "ASK").await, 1);
        migration.finish().await.expect("finishing");
        let sent = |explain: &Explain| {
            let steps = explain.of_command(0).into_iter();
            let sent = steps.filter_map(|step| match step.what {
                What::Sent { node, why, .. } => Some((node.port(), why)),
                _ => None,
            });
            sent.collect::<Vec<_>>()
        };
        let expected = [(from.port(), Why::Owner), (to.port(), Why::Redirect)];
        assert_eq!(sent(&explain), expected, "{explain}");
        client.del(&key).await.expect("DEL");

        let told = client.for_each_primary(async |node| {
            let (lone, all) = (Explain::new(), Explain::new());
            node.ping().explain(&lone).await?;
            let mut pipe = node.pipeline().explain(&all);
            pipe.ping();
            pipe.command("DBSIZE");
            pipe.send().await?;
            Ok::<_, slotline::Error>((node.endpoint().port(), lone, all))
        });
        let told = told.await.expect("each primary answers");
        assert_eq!(told.len(), 3);
        for (port, lone, all) in told {
            for explain in [lone, all] {
                assert_eq!(sent(&explain), [(port, Why::Pinned)], "{explain}");
                assert_eq!(explain.steps().len(), 2, "{explain}");
            }
        }
    });
}

/// Each policy reads what was written, from where it says.
#[test]
fn reads_go_where_their_policy_says() {
    on_shared_cluster(async |cluster| {
        let writer = Client::connect(cluster.url()).await.expect("connecting");
        let keys: Vec<String> = (0..60).map(|n| format!("policy:{n}")).collect();
        for key in &keys {
            writer.set(key, key).await.expect("SET");
        }
        cluster
            .wait_replicas_synced(PATIENCE)
            .await
            .expect("in step");
        let (primaries, replicas) = (
            cluster.primaries().await.expect("primaries"),
            cluster.replicas().await.expect("replicas"),
        );
        for (read_from, from_primaries, from_replicas) in [
            (ReadFrom::Primary, true, false),
            (ReadFrom::PreferReplica, false, true),
            (ReadFrom::ReplicaOnly, false, true),
            (ReadFrom::Nearest, true, true),
            (ReadFrom::zone("nowhere"), false, true),
        ] {
            let client = Client::builder()
                .nodes([cluster.url()])
                .read_from(read_from.clone())
                .hedge_reads();
            let client = client.connect().await.expect("connecting");
            reset_counters(&primaries).await;
            reset_counters(&replicas).await;
            for _ in 0..5 {
                for key in &keys {
                    let value: String = client.get(key).await.expect("GET");
                    assert_eq!(&value, key);
                }
            }
            let count = async |nodes: &[Node]| {
                let mut count = 0;
                for node in nodes {
                    count += calls(node, "get").await;
                }
                count
            };
            let (primary, replica) = (count(&primaries).await, count(&replicas).await);
            println!("{read_from:?}: {primary} from primaries, {replica} from replicas");
            assert_eq!((primary > 0, replica > 0), (from_primaries, from_replicas));
        }
    });
}
