//! Functions, where their library is and where it is missing.

use slotline::{Client, FunctionLibrary, ReadFrom};
use slotline_tests::{keys_of_slot, on_shared_cluster, server};

const COUNTERS: &str = "#!lua name=counters
redis.register_function('add', function(keys, args)
    return redis.call('INCRBY', keys[1], args[1])
end)
redis.register_function{
    function_name = 'look',
    callback = function(keys) return redis.call('GET', keys[1]) end,
    flags = { 'no-writes' }
}";

/// Fails when a function that is missing surfaces, or is run twice.
#[test]
fn a_function_is_loaded_where_it_is_missing_and_runs_once() {
    on_shared_cluster(async |cluster| {
        let client = Client::connect(cluster.url()).await.expect("connecting");
        let counters = FunctionLibrary::new(COUNTERS);
        client.load_library(&counters).await.expect("loading");
        let keys = [1_000, 8_000, 14_000].map(|slot| keys_of_slot("function", slot, 1).remove(0));
        for (turn, missing_at) in [(1, None), (2, Some(8_000)), (3, Some(14_000))] {
            if let Some(slot) = missing_at {
                // As on a primary that has joined since.
                let owner = cluster.owner_of(slot).await.expect("an owner");
                owner
                    .call(&["FUNCTION", "FLUSH"])
                    .await
                    .expect("FUNCTION FLUSH");
            }
            for key in &keys {
                if turn == 1 {
                    client.del(key).await.expect("DEL");
                }
                let sum: i64 = client
                    .invoke(counters.function("add").key(key).arg(2))
                    .await
                    .expect("a sum");
                assert_eq!(sum, 2 * turn, "{key}");
                let seen: i64 = client
                    .invoke(counters.read_only_function("look").key(key))
                    .await
                    .expect("a number");
                assert_eq!(seen, sum);
            }
        }
        let none = client
            .invoke::<i64>(counters.function("none").key("k"))
            .await;
        assert_eq!(none.expect_err("there is none").code(), Some("ERR"));
        let broken = FunctionLibrary::new("no library");
        assert!(
            client
                .load_library(&broken)
                .await
                .expect_err("no library")
                .is_server()
        );
    });
}

#[test]
fn a_function_that_only_reads_is_called_at_a_replica() {
    on_shared_cluster(async |cluster| {
        let client = Client::builder()
            .nodes([cluster.url()])
            .read_from(ReadFrom::ReplicaOnly)
            .connect()
            .await
            .expect("connecting");
        let counters = FunctionLibrary::new(COUNTERS);
        client.set("seen", 7).await.expect("SET");
        for node in cluster.primaries().await.expect("primaries") {
            node.call(&["FUNCTION", "FLUSH"])
                .await
                .expect("FUNCTION FLUSH");
        }
        for _ in 0..3 {
            let look = counters.read_only_function("look").key("seen");
            assert_eq!(client.invoke::<i64>(look).await.expect("a number"), 7);
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_is_replaced_on_a_server_alone() {
    let server = server().await;
    let client = Client::connect(server.url()).await.expect("connecting");
    let one = FunctionLibrary::new(
        "#!lua name=one\nredis.register_function('n', function() return 1 end)",
    );
    let two = FunctionLibrary::new(
        "#!lua name=one\nredis.register_function('n', function() return 2 end)",
    );
    assert_eq!(
        client
            .invoke::<i64>(one.function("n"))
            .await
            .expect("a number"),
        1
    );
    client.load_library(&two).await.expect("loading");
    assert_eq!(
        client
            .invoke::<i64>(one.function("n"))
            .await
            .expect("a number"),
        2
    );
}
