//! A second replica is asked when the first is slow. The primary is 7000, its
//! replicas 7100 and 7200.

use std::time::Duration;

use slotline_pipeline::observe::What;
use slotline_pipeline::{
    Cluster, Explain, Facts, HedgeLayer, ReadFrom, RedirectLayer, RetryBudget, RetryLayer,
    RouteLayer,
};
use slotline_topology::slot_of;
use tokio::time::Instant;
use tower::ServiceBuilder;
use tower::util::BoxCloneSyncService;

use crate::fake::{Cut, Fake, endpoint};
use crate::rig::{call, outcomes, request};

type Stack = BoxCloneSyncService<
    slotline_pipeline::Request,
    slotline_pipeline::Response,
    slotline_pipeline::Error,
>;

const FAST: Duration = Duration::from_millis(2);
const SLOW: Duration = Duration::from_millis(300);

struct Hedged {
    fake: Fake,
    cluster: Cluster,
    stack: Stack,
    layer: HedgeLayer,
}

impl Hedged {
    /// Enough reads were seen, of 2 ms each.
    async fn new(budget: RetryBudget) -> Hedged {
        Hedged::bounded(budget, None).await
    }

    async fn bounded(budget: RetryBudget, most_lag: Option<u64>) -> Hedged {
        let fake = Fake::new(1, 2);
        let cluster = Cluster::new(fake.topology());
        let layer = HedgeLayer::with(cluster.clone(), 0.95, Duration::from_millis(1), budget);
        let route = RouteLayer::new(cluster.clone());
        let (route, layer) = match most_lag {
            Some(bytes) => (route.most_lag(bytes), layer.most_lag(bytes)),
            None => (route, layer),
        };
        let stack = ServiceBuilder::new()
            .layer(RetryLayer::default())
            .layer(RedirectLayer::new(cluster.clone()))
            .layer(route)
            .layer(layer.clone())
            .service(fake.clone());
        fake.put("k", "v");
        for port in [7000, 7100, 7200] {
            fake.set_delay(port, FAST);
        }
        let hedged = Hedged {
            fake,
            cluster,
            stack: BoxCloneSyncService::new(stack),
            layer,
        };
        for _ in 0..100 {
            hedged.read("GET k").await;
        }
        assert_eq!(hedged.layer.statistics().hedged, 0);
        hedged.fake.forget_log();
        hedged
    }

    /// The outcome, and how long it took.
    async fn read(&self, line: &str) -> (String, Duration) {
        let began = Instant::now();
        let read = request(&[line]).read_from(ReadFrom::PreferReplica);
        let response = call(self.stack.clone(), read).await.unwrap();
        (outcomes(&response).remove(0), began.elapsed())
    }

    fn slow(&self, port: u16) {
        self.fake.set_delay(port, SLOW);
    }
}

fn plenty() -> RetryBudget {
    RetryBudget::new(1.0, 100, 100)
}

/// Fails when nobody else is asked.
#[tokio::test(start_paused = true)]
async fn the_first_whole_answer_counts() {
    let hedged = Hedged::new(plenty()).await;
    hedged.slow(7100);
    for _ in 0..2 {
        let (outcome, took) = hedged.read("GET k").await;
        assert_eq!(outcome, "v");
        assert!(took < FAST * 4, "{took:?}");
    }
    let statistics = hedged.layer.statistics();
    assert_eq!(
        (statistics.hedged, statistics.won),
        (1, 1),
        "{statistics:?}"
    );
    assert_eq!(statistics.reads, 102);
    assert!(statistics.gain() == 1.0 && statistics.rate() < 0.01);
}

/// Fails when a record of what became of commands leaves the second question out, or
/// names others of the request.
#[tokio::test(start_paused = true)]
async fn a_second_question_and_its_answer_are_in_the_record() {
    let hedged = Hedged::new(plenty()).await;
    hedged.slow(7100);
    let record = async |lines: &[&str]| {
        let explain = Explain::new();
        let read = request(lines).read_from(ReadFrom::PreferReplica);
        let response = call(hedged.stack.clone(), read.explain(&explain)).await;
        assert_eq!(outcomes(&response.unwrap()).last().unwrap(), "v");
        explain
    };
    // The replicas take turns.
    let [one, other] = [record(&["GET k"]).await, record(&["GET k"]).await];
    let hedged_one = [one, other].map(|explain| explain.steps());
    let steps = hedged_one.iter().find(|steps| steps.len() > 2).unwrap();
    let text: Vec<String> = steps.iter().map(|step| step.what.to_string()).collect();
    assert_eq!(
        text,
        [
            "sent to node:7100, where reads go",
            "asked of node:7200 too, for it is slow",
            "node:7200 was faster",
            "answered by node:7100",
        ]
    );
    // Of a request in parts only the part's own commands are meant: the slot of the
    // first is written to, so that its reads do not go to replicas.
    let mut asked_too = Vec::new();
    for _ in 0..2 {
        let steps = record(&["SET w v", "GET w", "GET k"]).await.steps();
        let of_hedge = |what: &What| matches!(what, What::Hedged { .. } | What::Overtaken { .. });
        let own = steps.into_iter().filter(|step| of_hedge(&step.what));
        asked_too.extend(own.map(|step| step.commands));
    }
    assert_eq!(asked_too, [[2], [2]]);
}

#[tokio::test(start_paused = true)]
async fn the_second_answer_loses_if_the_first_is_there_before() {
    let hedged = Hedged::new(plenty()).await;
    // After the time that most reads take, and before the second could answer.
    hedged.fake.set_delay(7100, FAST * 2);
    hedged.slow(7200);
    hedged.read("GET k").await;
    let (outcome, took) = hedged.read("GET k").await;
    assert_eq!(outcome, "v");
    assert!(took <= SLOW);
    let statistics = hedged.layer.statistics();
    assert!(statistics.hedged >= 1, "{statistics:?}");
    assert!(statistics.won <= 1, "{statistics:?}");
}

/// A second answer can only help: an error of it is thrown away, and one of the
/// first is not the last word while the second is open.
#[tokio::test(start_paused = true)]
async fn an_error_of_the_second_replica_is_never_the_answer() {
    let hedged = Hedged::new(plenty()).await;
    let moved = format!("MOVED {} node:7000", slot_of("k"));
    for line in ["LOADING for a moment", moved.as_str()] {
        let before = hedged.layer.statistics().hedged;
        hedged.slow(7100);
        for _ in 0..2 {
            hedged.fake.refuse(7200, "GET", line, 1);
            assert_eq!(hedged.read("GET k").await.0, "v");
            if hedged.layer.statistics().hedged > before {
                break;
            }
            // It was asked first, and not second: the other has its turn.
            assert_eq!(hedged.read("GET k").await.0, "v");
        }
        assert!(hedged.layer.statistics().hedged > before, "{line}");
    }
    assert_eq!(hedged.layer.statistics().won, 0);
}

#[tokio::test(start_paused = true)]
async fn a_first_that_fails_leaves_the_word_to_the_second() {
    let hedged = Hedged::new(plenty()).await;
    let lost = Cut {
        runs: 0,
        answers: 0,
        first_unsent: 1,
    };
    let before = hedged.layer.statistics().won;
    for _ in 0..2 {
        // The first is lost after 10 ms, the second answers after 20.
        hedged.fake.set_delay(7100, FAST * 5);
        hedged.fake.set_delay(7200, FAST * 10);
        hedged.fake.cut(7100, lost);
        let (outcome, _) = hedged.read("GET k").await;
        assert_eq!(outcome, "v");
    }
    assert!(hedged.layer.statistics().won > before);
}

/// Fails when hedges take nothing out of their budget.
#[tokio::test(start_paused = true)]
async fn there_is_no_second_question_without_a_budget() {
    let hedged = Hedged::new(RetryBudget::new(0.0, 0, 1)).await;
    hedged.slow(7100);
    hedged.slow(7200);
    for _ in 0..4 {
        assert_eq!(hedged.read("GET k").await.0, "v");
    }
    let statistics = hedged.layer.statistics();
    assert_eq!(statistics.hedged, 1, "{statistics:?}");
    assert!(statistics.refused >= 2, "{statistics:?}");
}

/// Fails when a second replica is asked whatever is known of it.
#[tokio::test(start_paused = true)]
async fn a_replica_that_lags_or_is_cut_off_is_no_second() {
    let hedged = Hedged::bounded(plenty(), Some(1_000)).await;
    hedged.slow(7100);
    hedged.slow(7200);
    let facts = |second: Facts| {
        let at = |offset| Facts::default().offset(offset);
        let nodes = [(7000, at(9_000)), (7100, at(9_000)), (7200, second)];
        nodes.map(|(port, facts)| (endpoint(port), facts))
    };
    let hedges = async |second: Facts| {
        hedged.cluster.set_facts(facts(second));
        let before = hedged.layer.statistics().hedged;
        for _ in 0..4 {
            assert_eq!(hedged.read("GET k").await.0, "v");
        }
        hedged.layer.statistics().hedged - before
    };
    assert_eq!(hedges(Facts::default().offset(7_999)).await, 0);
    assert_eq!(hedges(Facts::default().up(false)).await, 0);
    assert!(hedges(Facts::default().offset(8_000)).await > 0);
}

#[tokio::test(start_paused = true)]
async fn neither_writes_nor_slots_on_the_move_are_hedged() {
    let hedged = Hedged::new(plenty()).await;
    for port in [7000, 7100, 7200] {
        hedged.slow(port);
    }
    hedged.read("INCR n").await;
    hedged.cluster.migrating(slot_of("k"));
    hedged.read("GET k").await;
    assert_eq!(hedged.layer.statistics().hedged, 0);
    assert_eq!(hedged.fake.ran("INCR"), 1);
}
