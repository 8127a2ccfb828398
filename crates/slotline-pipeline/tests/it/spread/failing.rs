//! What is said of a command some parts of which have failed (D1).

use slotline_pipeline::{Response, Trouble};
use slotline_resp::Delivery;

use crate::fake::{Cut, endpoint};
use crate::rig::{Rig, call, outcomes};

const LOST: Cut = Cut {
    runs: 1,
    answers: 0,
    first_unsent: 1,
};

async fn answer(rig: &Rig, line: &str) -> Response {
    call(rig.spread(), rig.request(&[line])).await.unwrap()
}

fn failure(response: &Response) -> &slotline_pipeline::Error {
    let failed = match response.trouble(0) {
        Some(Trouble::Failed(error)) => Some(error),
        _ => None,
    };
    failed.unwrap()
}

/// Fails when a part that was not sent makes the whole not sent, though others ran.
#[tokio::test(start_paused = true)]
async fn a_write_that_was_partly_done_says_so() {
    for line in ["MSET a 1 b 2 c 3", "DEL a b c", "FLUSHALL"] {
        let rig = Rig::new(3, 0);
        rig.fake.set_away(7001, true);
        let response = answer(&rig, line).await;
        let error = failure(&response);
        assert_eq!(error.delivery(), Delivery::Ambiguous, "{line}: {error}");
        assert!(
            error.is_partly_done() && error.is_timeout(),
            "{line}: {error}"
        );
        assert_eq!(error.node(), Some(&endpoint(7001)), "{line}");
        let text = error.to_string();
        assert!(text.contains("2 of the 3 parts of"), "{text}");
        assert_eq!(rig.fake.ran(line.split(' ').next().unwrap()), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_part_is_refused_says_what_the_server_said() {
    let rig = Rig::new(3, 0);
    rig.fake.refuse(7001, "MSET", "OOM command not allowed", 9);
    let response = answer(&rig, "MSET a 1 b 2 c 3").await;
    let error = failure(&response);
    assert_eq!(error.delivery(), Delivery::Ambiguous, "{error}");
    assert_eq!(error.code(), Some("OOM"));
    assert!(error.is_partly_done());
    assert_eq!(error.node(), Some(&endpoint(7001)));
    assert!(error.to_string().contains("node:7001"), "{error}");
}

/// What no part did is no more uncertain than each part is.
#[tokio::test(start_paused = true)]
async fn a_write_of_which_nothing_ran_is_not_partly_done() {
    let rig = Rig::new(3, 0);
    for port in [7000, 7001, 7002] {
        rig.fake.refuse(port, "DEL", "OOM command not allowed", 1);
    }
    assert_eq!(
        rig.send_spread(&["DEL a b c"]).await,
        ["-OOM command not allowed"]
    );
    for port in [7000, 7001, 7002] {
        rig.fake.set_away(port, true);
    }
    let response = answer(&rig, "DEL a b c").await;
    let error = failure(&response);
    assert_eq!(error.delivery(), Delivery::NotSent, "{error}");
    assert!(!error.is_partly_done());
}

/// Fails when a part that may have run goes again: DEL would count twice.
#[tokio::test(start_paused = true)]
async fn a_part_of_a_write_that_may_have_run_never_goes_again() {
    let rig = Rig::new(3, 0);
    rig.send_spread(&["MSET a 1 b 2 c 3"]).await;
    rig.fake.cut(7001, LOST);
    let response = answer(&rig, "DEL a b c").await;
    let error = failure(&response);
    assert_eq!(error.delivery(), Delivery::Ambiguous);
    assert!(error.is_partly_done() && error.is_network(), "{error}");
    assert_eq!(rig.fake.ran("DEL"), 3);
    assert_eq!(rig.send_spread(&["EXISTS a b c"]).await, ["0"]);
}

#[tokio::test(start_paused = true)]
async fn of_a_read_the_failing_parts_own_words_are_said() {
    let rig = Rig::new(3, 0);
    rig.fake.refuse(7001, "MGET", "NOPERM no", 1);
    let response = answer(&rig, "MGET a b c").await;
    let Some(Trouble::Error(line, Some(asked))) = response.trouble(0) else {
        panic!("no error: {response:?}");
    };
    assert_eq!((line, &asked.node), ("NOPERM no", &endpoint(7001)));
    rig.fake.set_away(7002, true);
    let response = answer(&rig, "DBSIZE").await;
    let error = failure(&response);
    assert_eq!(error.node(), Some(&endpoint(7002)));
    assert!(error.is_timeout() && !error.is_partly_done());
}

/// O2 through a split.
#[tokio::test(start_paused = true)]
async fn a_part_that_fails_takes_no_other_command_with_it() {
    let rig = Rig::new(3, 0);
    rig.send_spread(&["MSET a 1 b 2 c 3"]).await;
    rig.fake.refuse(7001, "EXISTS", "NOPERM no", 1);
    let lines = ["GET a", "EXISTS a b c", "MGET a b", "GET c", "DBSIZE"];
    let expected = ["1", "-NOPERM no", "*2 $1 1 $1 2", "3", "3"];
    assert_eq!(rig.send_spread(&lines).await, expected);
}

/// Answers that do not fit together are no answer, and no panic.
#[tokio::test(start_paused = true)]
async fn what_does_not_fit_together_is_an_error() {
    for (line, odd) in [
        ("MGET a b c", "*2\r\n$-1\r\n$-1\r\n"),
        ("MGET a b c", "$1\r\nx\r\n"),
        ("DEL a b c", "$1\r\nx\r\n"),
        ("KEYS *", ":5\r\n"),
        ("SCRIPT EXISTS x", "*2\r\n:0\r\n:0\r\n"),
        ("SCRIPT EXISTS x", ":1\r\n"),
    ] {
        let rig = Rig::new(3, 0);
        rig.fake
            .answer_with(7001, line.split(' ').next().unwrap(), odd, 1);
        let response = answer(&rig, line).await;
        let error = failure(&response);
        assert_eq!(error.delivery(), Delivery::Answered, "{line}: {error}");
        assert!(error.to_string().contains("fit"), "{error}");
        assert_eq!(outcomes(&response).len(), 1);
    }
}
