//! Slots that are half moved: ASK, TRYAGAIN, and MOVED when they have moved.

use std::sync::Arc;

use slotline::{Client, Delivery, Endpoint, ReadFrom, Slot};
use slotline_testkit::{LocalCluster, Migration, Node};
use slotline_tests::{
    calls, errors, errors_at_all, keys_of_slot, on_shared_cluster, reset_counters, two_primaries,
    until,
};

async fn connect(cluster: &LocalCluster, read_from: ReadFrom) -> Client {
    let builder = Client::builder().nodes([cluster.url()]);
    let client = builder.read_from(read_from).connect().await;
    client.expect("connecting")
}

fn owner(client: &Client, slot: u16) -> Option<Endpoint> {
    let topology = client.topology();
    let node = topology.primary_of(Slot::new(slot)?)?;
    topology.endpoint(node).cloned()
}

fn endpoint(node: &Node) -> Endpoint {
    let address = node.address();
    Endpoint::new(address.ip().to_string(), address.port())
}

/// What a test keeps in slots that are about to move.
struct Data {
    values: Vec<String>,
    counters: Vec<String>,
    rounds: i64,
}

impl Data {
    async fn fill(client: &Client, prefix: &str, slots: &[u16]) -> Data {
        let keys = |kind: &str| {
            let each = slots.iter();
            let keys = each.map(|slot| keys_of_slot(&format!("{prefix}:{kind}"), *slot, 10));
            keys.collect::<Vec<_>>().concat()
        };
        let data = Data {
            values: keys("value"),
            counters: keys("counter"),
            rounds: 0,
        };
        let mut pipe = client.pipeline();
        for key in &data.values {
            pipe.set(key, format!("v:{key}"));
        }
        for key in &data.counters {
            pipe.set(key, "0");
        }
        for reply in pipe.send().await.expect("filling") {
            reply.decode::<String>().expect("OK");
        }
        data
    }

    /// One pipeline of reads and writes, each result of which is known exactly.
    async fn check(&mut self, client: &Client) {
        self.rounds += 1;
        let mut pipe = client.pipeline();
        for (value, counter) in self.values.iter().zip(&self.counters) {
            pipe.get(value);
            pipe.incr(counter);
            let new = format!("{value}:{}", self.rounds);
            pipe.set(&new, &new);
            pipe.get(&new);
            pipe.hgetall(format!("{value}:none"));
            pipe.get(counter);
            pipe.del(&new);
        }
        let results = pipe.send().await.expect("sending");
        assert_eq!(results.len(), 7 * self.values.len());
        for (at, value) in self.values.iter().enumerate() {
            let at = 7 * at;
            let text = |index| results.decode::<String>(at + index).expect("a reply");
            let number = |index| results.decode::<i64>(at + index).expect("a number");
            assert_eq!(text(0), format!("v:{value}"));
            assert_eq!(number(1), self.rounds, "the counter beside {value}");
            assert_eq!(text(2), "OK");
            assert_eq!(text(3), format!("{value}:{}", self.rounds));
            let none: Vec<(String, String)> = results.decode(at + 4).expect("a hash");
            assert_eq!(none, []);
            assert_eq!((number(5), number(6)), (self.rounds, 1));
        }
    }
}

/// Fails when ASK is handed to the caller, when ASKING is left out (ASK surfaces),
/// and when the whole batch goes again for one redirect (counters run ahead).
#[test]
fn pipelines_over_half_moved_slots_have_exact_results() {
    const SLOTS: [u16; 4] = [100, 101, 102, 103];
    on_shared_cluster(async |cluster| {
        let (from, to) = two_primaries(cluster, SLOTS[0]).await;
        let both = [from.clone(), to.clone()];
        let client = connect(cluster, ReadFrom::Primary).await;
        let reading = connect(cluster, ReadFrom::PreferReplica).await;
        let mut data = Data::fill(&client, "half", &SLOTS).await;
        reset_counters(&both).await;

        let mut migrations: Vec<Migration> = Vec::new();
        for slot in SLOTS {
            let migration = cluster.begin_migration(slot, &from, &to).await;
            let migration = migration.expect("a migration");
            assert_eq!(migration.move_keys(10).await.expect("moving"), 10);
            migrations.push(migration);
        }
        for _ in 0..20 {
            data.check(&client).await;
            data.check(&reading).await;
        }
        let asked = errors(&from, "ASK").await;
        let asking = calls(&to, "asking").await;
        assert_eq!(
            owner(&client, SLOTS[0]),
            Some(endpoint(&from)),
            "ASK changes no map"
        );
        assert_eq!(errors_at_all(&both, "MOVED").await, 0);
        assert!(
            asked > 100 && asking == asked,
            "{asked} ASK, {asking} ASKING"
        );

        for migration in migrations {
            migration.finish().await.expect("finishing");
        }
        // ASK has made the client look: it may know by itself. So ask one that
        // cannot know, too.
        data.check(&client).await;
        data.check(&reading).await;
        for slot in SLOTS {
            let patched = async || owner(&client, slot) == Some(endpoint(&to));
            until("the map names the new owner", patched).await;
        }
        reset_counters(&both).await;
        for _ in 0..5 {
            data.check(&client).await;
        }
        let again = errors_at_all(&both, "MOVED").await;
        println!(
            "{asked} ASK followed, {} rounds exact; {again} MOVED later",
            data.rounds
        );
        assert_eq!((again, errors_at_all(&both, "ASK").await), (0, 0));
    });
}

/// Fails when MOVED is handed to the caller, and when it does not patch the map.
#[test]
fn a_slot_that_moved_unseen_costs_one_redirect_and_then_none() {
    const SLOTS: [u16; 3] = [200, 201, 202];
    on_shared_cluster(async |cluster| {
        let (from, to) = two_primaries(cluster, SLOTS[0]).await;
        let both = [from.clone(), to.clone()];
        let client = connect(cluster, ReadFrom::Primary).await;
        let mut data = Data::fill(&client, "unseen", &SLOTS).await;
        let moved = cluster.migrate_slots(SLOTS, &from, &to).await;
        assert_eq!(moved.expect("migrating"), 60);
        reset_counters(&both).await;
        data.check(&client).await;
        let first = errors(&from, "MOVED").await;
        assert_eq!(
            owner(&client, SLOTS[0]),
            Some(endpoint(&to)),
            "patched at once"
        );
        reset_counters(&both).await;
        for _ in 0..10 {
            data.check(&client).await;
        }
        println!(
            "{first} MOVED followed, none in {} rounds after",
            data.rounds - 1
        );
        assert!(first > 0);
        assert_eq!(errors_at_all(&both, "MOVED").await, 0);
    });
}

/// Fails when TRYAGAIN is handed to the caller.
#[test]
fn commands_over_several_half_moved_keys_wait_until_they_can_be_answered() {
    const SLOT: u16 = 300;
    on_shared_cluster(async |cluster| {
        let (from, to) = two_primaries(cluster, SLOT).await;
        let both = [from.clone(), to.clone()];
        let client = connect(cluster, ReadFrom::Primary).await;
        let data = Data::fill(&client, "several", &[SLOT]).await;
        let doomed = keys_of_slot("several:doomed", SLOT, 10);
        let mut pipe = client.pipeline();
        for key in &doomed {
            pipe.set(key, "x");
        }
        pipe.send().await.expect("filling");
        reset_counters(&both).await;
        let migration = cluster.begin_migration(SLOT, &from, &to).await;
        let migration = migration.expect("a migration");
        // Half of the keys of either command.
        let port = to.port().to_string();
        for key in data.values.iter().take(5).chain(doomed.iter().take(5)) {
            let migrate = ["MIGRATE", "127.0.0.1", &port, key, "0", "4000"];
            from.call(&migrate).await.expect("moving a key");
        }

        let (values, keys) = (Arc::new(data.values.clone()), doomed.clone());
        let several = tokio::spawn({
            let (client, values) = (client.clone(), Arc::clone(&values));
            async move {
                let mut pipe = client.pipeline();
                pipe.mget(values.as_slice());
                pipe.del(&keys);
                pipe.get(&values[0]);
                pipe.send().await
            }
        });
        let refused = async || errors_at_all(&both, "TRYAGAIN").await > 5;
        until("TRYAGAIN was answered", refused).await;
        assert!(!several.is_finished());
        migration.finish().await.expect("finishing");
        let results = several.await.expect("a task").expect("sending");
        let expected: Vec<String> = values.iter().map(|key| format!("v:{key}")).collect();
        assert_eq!(results.decode::<Vec<String>>(0).expect("MGET"), expected);
        assert_eq!(results.decode::<u64>(1).expect("DEL"), 10);
        assert_eq!(results.decode::<String>(2).expect("GET"), expected[0]);
        println!(
            "{} TRYAGAIN waited out",
            errors_at_all(&both, "TRYAGAIN").await
        );
    });
}

/// MGET waits for the rest of its keys, and a SET of one of them does not: from
/// then on MGET would see what was queued behind it.
///
/// Fails when order is not looked at before a command goes again (MGET does, until
/// its deadline).
#[test]
fn a_command_that_a_later_one_of_its_key_has_passed_does_not_go_again() {
    const SLOT: u16 = 301;
    on_shared_cluster(async |cluster| {
        let (from, to) = two_primaries(cluster, SLOT).await;
        let both = [from.clone(), to.clone()];
        let client = connect(cluster, ReadFrom::Primary).await;
        let keys = keys_of_slot("passed", SLOT, 2);
        let (gone, here) = (&keys[0], &keys[1]);
        for key in &keys {
            client.set(key, "old").await.expect("SET");
        }
        reset_counters(&both).await;
        let migration = cluster.begin_migration(SLOT, &from, &to).await;
        let migration = migration.expect("a migration");
        let port = to.port().to_string();
        let migrate = ["MIGRATE", "127.0.0.1", &port, gone, "0", "4000"];
        from.call(&migrate).await.expect("moving a key");

        let mut pipe = client.pipeline();
        pipe.mget(&keys);
        pipe.set(here, "new");
        pipe.get(gone);
        let results = pipe.send().await.expect("sending");
        migration.finish().await.expect("finishing");
        assert!(errors_at_all(&both, "TRYAGAIN").await > 0);
        let error = results
            .decode::<Vec<String>>(0)
            .expect_err("it came too late");
        assert!(error.is_order(), "{error}");
        assert_eq!(error.delivery(), Delivery::Rejected);
        assert!(error.to_string().contains("TRYAGAIN"), "{error}");
        assert_eq!(results.decode::<String>(1).expect("SET"), "OK");
        assert_eq!(results.decode::<String>(2).expect("GET"), "old");
        let values: Vec<String> = client.mget(&keys).await.expect("MGET");
        assert_eq!(values, ["old", "new"]);
    });
}
