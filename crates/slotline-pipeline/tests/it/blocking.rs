//! Commands that block, and what servers say to one that does.

use slotline_pipeline::Request;

use crate::fake::Cut;
use crate::rig::{PATIENCE, Rig, commands, outcomes};

const FORCED: &str = "UNBLOCKED force unblock from blocking operation, instance state changed";
const GONE: &str = "UNBLOCKED the stream key no longer exists";
const WISHED: &str = "UNBLOCKED client unblocked via CLIENT UNBLOCK";

/// Fails when UNBLOCKED is the caller's whoever caused it, or goes again whoever did.
#[tokio::test(start_paused = true)]
async fn what_a_demotion_unblocked_goes_again_and_what_somebody_did_surfaces() {
    let rig = Rig::new(2, 0);
    let key = rig.fake.key(7000, 0);
    let blpop = format!("BLPOP {key} 0");
    let refuse = |line, times| rig.fake.refuse(7000, "BLPOP", line, times);
    refuse(FORCED, 2);
    refuse(WISHED, 1);
    let outcome = rig.send(&[&blpop]).await;
    assert_eq!(rig.fake.answered("-UNBLOCKED force"), 2, "the fault");
    assert_eq!(outcome, [format!("-{WISHED}")]);
    assert!(rig.fake.log().iter().all(|entry| entry.port == 7000));
}

/// Redis 7.0 says so to whoever blocks for a stream that goes, also to another node.
///
/// Fails when it is the caller's, though the slot has an owner who knows better.
#[tokio::test(start_paused = true)]
async fn whose_stream_is_gone_asks_again_where_it_may_be() {
    let rig = Rig::new(2, 0);
    let key = rig.fake.key(7000, 0);
    let read = format!("XREADGROUP GROUP g c BLOCK 0 STREAMS {key} >");
    let gone = "NOGROUP No such key";
    rig.fake.refuse(7000, "XREADGROUP", GONE, 1);
    rig.fake.refuse(7000, "XREADGROUP", gone, 1);
    let outcome = rig.send(&[&read]).await;
    assert_eq!(rig.fake.answered("-UNBLOCKED the stream"), 1, "the fault");
    assert_eq!(outcome, [format!("-{gone}")]);
}

/// Fails when it goes again as it was: the second one then blocks for the whole time.
#[tokio::test(start_paused = true)]
async fn what_goes_again_is_sent_with_the_time_that_is_left() {
    let rig = Rig::new(2, 0);
    let key = rig.fake.key(7000, 0);
    let line = format!("BLPOP {key} 2");
    rig.fake.refuse(7000, "BLPOP", FORCED, 3);
    rig.fake.refuse(7000, "BLPOP", WISHED, 1);
    let request = Request::within(commands(&[&line]), PATIENCE);
    let outcome = outcomes(&rig.answer(request).await);
    assert_eq!(outcome, [format!("-{WISHED}")]);
    let lines = rig.fake.lines();
    let times = lines.iter().filter_map(|line| {
        let (_, time) = line.split_once(&format!("BLPOP {key} "))?;
        time.split(' ').next()?.parse::<f64>().ok()
    });
    let times: Vec<f64> = times.collect();
    assert_eq!(times.len(), 4, "{lines:?}");
    assert_eq!(times[0], 2.0);
    assert!(times.is_sorted_by(|one, next| one >= next), "{times:?}");
    assert!(times[3] < 2.0 && times[3] > 0.0, "{times:?}");
}

/// Fails when a BLPOP that may have taken something goes again.
#[tokio::test(start_paused = true)]
async fn what_may_have_taken_something_never_goes_again() {
    let rig = Rig::new(2, 0);
    let key = rig.fake.key(7000, 0);
    let lost = Cut {
        runs: 0,
        answers: 0,
        first_unsent: 1,
    };
    rig.fake.cut(7000, lost);
    let outcome = rig.send(&[&format!("BLPOP {key} 0")]).await;
    assert_eq!(outcome, ["!ambiguous network"]);
}
