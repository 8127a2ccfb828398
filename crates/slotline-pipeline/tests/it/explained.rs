//! The record of what became of a request.

use slotline_pipeline::observe::{What, Why};
use slotline_pipeline::route::Pinned;
use slotline_pipeline::{ChunkLayer, Explain, Intent, ReadFrom, RetryLayer};
use slotline_topology::slot_of;
use tower::ServiceBuilder;

use crate::fake::{Cut, Fake, endpoint};
use crate::rig::{Rig, call, outcomes, request};

/// Each step of one command, in a word.
fn told(explain: &Explain, command: u32) -> Vec<String> {
    let steps = explain.of_command(command).into_iter();
    let word = |what| match what {
        What::Sent { node, why, .. } => match why {
            Why::Owner => format!("sent {} owner", node.port()),
            Why::ReadPolicy => format!("sent {} policy", node.port()),
            Why::Pinned => format!("sent {} pinned", node.port()),
            _ => format!("sent {} redirect", node.port()),
        },
        What::Answered { node, whole } => format!("answered {} {whole}", node.port()),
        What::Turned { code, to, .. } => {
            format!("{code} {:?}", to.map(|to| to.port()))
        }
        What::Waits { .. } => "waits".to_owned(),
        What::Retried { delivery, .. } => format!("retried {delivery}"),
        other => format!("{other:?}"),
    };
    steps.map(|step| word(step.what)).collect()
}

async fn explained(rig: &Rig, lines: &[&str]) -> (Vec<String>, Explain) {
    let explain = Explain::new();
    let request = rig.request(lines).explain(&explain);
    (outcomes(&rig.answer(request).await), explain)
}

#[tokio::test(start_paused = true)]
async fn every_hop_and_every_wait_of_a_command_is_told() {
    let rig = Rig::new(2, 1).read_from(ReadFrom::PreferReplica);
    rig.fake.put("{k}", "v");
    rig.fake.move_slot("{k}", 7001);
    rig.fake.refuse(7001, "SET", "LOADING for a moment", 1);
    let read = format!("GET {}", rig.fake.key(7000, 3));
    let (outcomes, explain) = explained(&rig, &["SET {k} 1", &read]).await;
    assert_eq!(outcomes, ["OK", "nil"]);
    let expected = [
        "sent 7000 owner",
        "answered 7000 true",
        "MOVED Some(7001)",
        "sent 7001 redirect",
        "answered 7001 true",
        "LOADING None",
        "waits",
        "sent 7001 owner",
        "answered 7001 true",
    ];
    assert_eq!(told(&explain, 0), expected, "{explain}");
    assert_eq!(
        told(&explain, 1),
        ["sent 7100 policy", "answered 7100 true"]
    );
    assert!(explain.steps().windows(2).all(|two| two[0].at <= two[1].at));
    assert_eq!(rig.cluster.statistics().moved, 1);
    assert_eq!(rig.cluster.statistics().waited, 1);
}

/// Commands go by their places in the whole, also in pieces and parts of them.
#[tokio::test(start_paused = true)]
async fn commands_of_a_later_piece_go_by_their_own_places() {
    let chunk = ChunkLayer::new().commands(2);
    let rig = Rig::with(2, 0, chunk, RetryLayer::default());
    let other = format!("INCR {}", rig.fake.key(7001, 0));
    rig.fake.refuse(7000, "INCR {k}", "LOADING so", 1);
    let not_sent = Cut {
        runs: 0,
        answers: 0,
        first_unsent: 0,
    };
    rig.fake.cut(7001, not_sent);
    let first = "GET {k}9";
    let lines = [first, first, first, "INCR {k}", "INCR {k}", &other];
    let (outcomes, explain) = explained(&rig, &lines).await;
    assert_eq!(outcomes[3..], ["1", "2", "1"]);
    assert_eq!(told(&explain, 3).len(), 6, "{explain}");
    assert_eq!(told(&explain, 4)[0], "StayedBehind", "{explain}");
    assert!(told(&explain, 5).contains(&"retried not sent".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_could_go_nowhere_is_told() {
    let rig = Rig::new(2, 0);
    let (_, explain) = explained(&rig, &["MGET a b", "PING"]).await;
    let steps = explain.of_command(0);
    assert!(matches!(&steps[..], [step] if matches!(step.what, What::NotRouted { .. })));
    assert!(explain.to_string().contains("several slots"), "{explain}");
}

/// Fails when a key or a value is in it.
#[tokio::test(start_paused = true)]
async fn no_key_and_no_value_is_in_it() {
    let rig = Rig::new(2, 0);
    let key = "{k}-secret";
    rig.fake.move_slot("{k}", 7001);
    let moved = format!("-MOVED {}", slot_of(key));
    let (_, explain) = explained(&rig, &[&format!("SET {key} hunter2")]).await;
    assert_eq!(rig.fake.answered(&moved), 1, "there is something to tell");
    let all = format!("{explain} {explain:?}");
    assert!(!all.contains("secret") && !all.contains("hunter2"), "{all}");
}

/// Fails when a request to one node leaves no record.
#[tokio::test(start_paused = true)]
async fn what_goes_to_one_node_alone_is_told_too() {
    let fake = Fake::new(2, 0);
    let lost = Cut {
        runs: 0,
        answers: 0,
        first_unsent: 0,
    };
    fake.cut(7001, lost);
    let stack = ServiceBuilder::new()
        .layer(ChunkLayer::new())
        .layer(RetryLayer::default())
        .service(Pinned::new(fake, endpoint(7001), Intent::ReadWrite));
    let explain = Explain::new();
    let request = request(&["PING", "ROLE"]).explain(&explain);
    let response = call(stack, request).await.unwrap();
    assert_eq!(outcomes(&response)[0], "PONG");
    let expected = [
        "sent 7001 pinned",
        "answered 7001 false",
        "retried not sent",
        "waits",
        "sent 7001 pinned",
        "answered 7001 true",
    ];
    for command in [0, 1] {
        assert_eq!(told(&explain, command), expected, "{explain}");
    }
}
