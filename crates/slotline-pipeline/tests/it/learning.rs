//! Commands that no table has.

use std::time::Duration;

use slotline_pipeline::ReadFrom;
use tower::Service;

use crate::fake::Cut;
use crate::rig::{Rig, call, outcomes, request};

async fn send<S>(stack: &S, lines: &[&str]) -> Vec<String>
where
    S: Service<slotline_pipeline::Request, Response = slotline_pipeline::Response> + Clone,
    S::Error: std::fmt::Debug,
{
    outcomes(&call(stack.clone(), request(lines)).await.unwrap())
}

fn asked(rig: &Rig) -> usize {
    rig.fake.ran("COMMAND INFO")
}

#[tokio::test(start_paused = true)]
async fn a_command_that_a_server_knows_goes_where_its_key_says() {
    let rig = Rig::new(3, 0);
    let stack = rig.learning();
    send(&stack, &["MSET a 1 b 2 c 3"]).await;
    let lines = [
        "fetchit a",
        "GET b",
        "FETCHIT b",
        "MOD.READ x c",
        "COUNTALL",
    ];
    assert_eq!(send(&stack, &lines).await, ["1", "2", "2", "3", "3"]);
    assert_eq!(asked(&rig), 3);
    assert_eq!(rig.fake.answered("-MOVED"), 0);
    assert_eq!(send(&stack, &lines).await, ["1", "2", "2", "3", "3"]);
    assert_eq!(asked(&rig), 3, "once for each name");
    // What only reads goes again, as its flags allow.
    let lost = Cut {
        runs: 1,
        answers: 0,
        first_unsent: 1,
    };
    rig.fake.cut(7002, lost);
    assert_eq!(send(&stack, &["FETCHIT a"]).await, ["1"]);
}

/// Fails when each of those who wait asks for itself.
#[tokio::test(start_paused = true)]
async fn however_many_wait_a_name_is_asked_about_once() {
    let rig = Rig::new(3, 0);
    for port in [7000, 7001, 7002] {
        rig.fake.set_delay(port, Duration::from_millis(20));
    }
    let stack = rig.learning();
    let mut tasks = tokio::task::JoinSet::new();
    // Whoever began to ask leaves; another goes on.
    let first = tokio::spawn({
        let stack = stack.clone();
        async move { send(&stack, &["FETCHIT a"]).await }
    });
    tokio::time::sleep(Duration::from_millis(5)).await;
    for _ in 0..100 {
        let stack = stack.clone();
        tasks.spawn(async move { send(&stack, &["FETCHIT a"]).await });
    }
    tokio::time::sleep(Duration::from_millis(5)).await;
    first.abort();
    for outcome in tasks.join_all().await {
        assert_eq!(outcome, ["nil"]);
    }
    assert!(asked(&rig) <= 2, "{} times", asked(&rig));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_knows_is_refused_and_not_asked_for_again_and_again() {
    let rig = Rig::new(3, 0);
    let stack = rig.learning();
    for _ in 0..20 {
        let outcomes = send(&stack, &["SET a 1", "NO.SUCH a", "GET a"]).await;
        assert_eq!(outcomes, ["OK", "!not sent cluster", "1"]);
    }
    assert_eq!(asked(&rig), 1);
    tokio::time::sleep(Duration::from_secs(11)).await;
    send(&stack, &["NO.SUCH a"]).await;
    assert_eq!(asked(&rig), 2);
}

#[tokio::test(start_paused = true)]
async fn where_keys_are_marked_nobody_is_asked() {
    let rig = Rig::new(3, 0);
    send(&rig.learning(), &["SET a 1"]).await;
    let mut buffer = slotline_resp::CommandBuffer::new();
    buffer.begin_named("MOD.READ").arg("x").key("a");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    let request = slotline_pipeline::Request::new(buffer.freeze(), deadline);
    let response = call(rig.learning(), request).await.unwrap();
    assert_eq!(outcomes(&response), ["1"]);
    assert_eq!(asked(&rig), 0);
}

/// A SELECT by another name would change the connection for everybody (S4).
#[tokio::test(start_paused = true)]
async fn a_renamed_session_command_is_refused_like_itself() {
    let rig = Rig::new(3, 0);
    let outcomes = send(&rig.learning(), &["CHOOSE 1", "PING"]).await;
    assert_eq!(outcomes, ["!not sent refused", "!not sent refused"]);
    assert_eq!(rig.fake.ran("CHOOSE"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_learned_may_be_read_from_replicas() {
    let rig = Rig::new(3, 1).read_from(ReadFrom::PreferReplica);
    rig.fake.put("a", "1");
    let answer = call(rig.learning(), rig.request(&["FETCHIT a"]))
        .await
        .unwrap();
    assert_eq!(outcomes(&answer), ["1"]);
    assert!(rig.fake.lines().contains(&"7102r FETCHIT a".to_owned()));
}
