//! A cluster answers any batch as one server would.

use proptest::prelude::*;
use slotline_pipeline::{ChunkLayer, RetryLayer};
use slotline_topology::Topology;

use crate::fake::endpoint;
use crate::rig::Rig;

fn keys(most: usize) -> impl Strategy<Value = Vec<&'static str>> {
    let key = prop::sample::select(vec!["a", "b", "c", "d", "e", "{a}1", "{b}1", "{c}1"]);
    prop::collection::vec(key, 1..most)
}

fn command() -> impl Strategy<Value = String> {
    let several =
        |name: &'static str| keys(9).prop_map(move |keys| format!("{name} {}", keys.join(" ")));
    let mset = (keys(6), 0..100).prop_map(|(keys, first)| {
        let pairs = keys.iter().zip(first..);
        let pairs = pairs.map(|(key, value)| format!(" {key} {value}"));
        format!("MSET{}", pairs.collect::<String>())
    });
    prop_oneof![
        several("MGET"),
        several("DEL"),
        several("UNLINK"),
        several("EXISTS"),
        several("TOUCH"),
        mset,
        keys(2).prop_map(|keys| format!("INCR {}", keys[0])),
        keys(2).prop_map(|keys| format!("GET {}", keys[0])),
    ]
}

async fn outcomes(rig: &Rig, lines: &[String]) -> Vec<String> {
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut outcomes = rig.send_spread(&lines).await;
    outcomes.extend(rig.send_spread(&["DBSIZE"]).await);
    outcomes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Through splitting, chunks and redirects.
    #[test]
    fn a_batch_has_the_outcomes_that_one_server_gives(
        lines in prop::collection::vec(command(), 1..12),
        piece in 1_usize..9,
        moved in prop::sample::select(vec!["a", "b", "c", "d"]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let one = Rig::new(1, 0);
            one.cluster.set_topology(Topology::single(endpoint(7000)));
            let chunk = ChunkLayer::new().commands(piece);
            let cluster = Rig::with(3, 0, chunk, RetryLayer::default());
            cluster.fake.move_slot(moved, 7000);
            let expected = outcomes(&one, &lines).await;
            let found = outcomes(&cluster, &lines).await;
            prop_assert_eq!(found, expected);
            Ok(())
        })?;
    }
}
