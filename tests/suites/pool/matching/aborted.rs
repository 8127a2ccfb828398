//! Requests that are given up (A1).

use std::time::Duration;

use slotline_pool::WhileAway;
use slotline_resp::Delivery;
use slotline_tests::{connections_of, in_time};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::line::in_both;
use crate::setting::{Dice, late, send, texts, words};

const KEYS: u64 = 1000;
const ROUNDS: u64 = 10;
/// Of either sort, in each round.
const REQUESTS: u64 = 1000;
const DELAY: Duration = Duration::from_millis(100);
/// In milliseconds: some are given up before they are written, most while their
/// replies are on the way, some are answered just before.
const LONGEST: u64 = 150;

/// How a request that was to be given up has ended.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Answered,
    Dropped,
    NotSent,
    InDoubt,
}

fn value(key: u64) -> String {
    format!("v:{key}:{}", key * key)
}

/// 10,000 GETs that are dropped or run out of time at random moments, each beside
/// one that stays.
///
/// Fails when a request that was written gives up its place with its caller (in
/// `Protocol::abandon`, remove the batch of a slot that is `Sent`): the values are
/// those of other keys.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_gets_that_are_aborted_shift_no_reply_of_ten_thousand_others() {
    in_both(async |line| {
        let sets: Vec<_> = (0..KEYS)
            .map(|key| format!("SET {key} {}", value(key)))
            .collect();
        let pool = line.pool().build();
        in_time(send(&pool, &sets)).await;
        line.proxy.to_client().delay(DELAY);
        let before = line.proxy.to_client().traffic();

        let (mut dropped, mut not_sent, mut in_doubt) = (0, 0, 0);
        let mut dice = Dice(7);
        for _ in 0..ROUNDS {
            let (mut staying, mut leaving) = (JoinSet::new(), JoinSet::new());
            for n in 0..REQUESTS {
                let key = dice.roll(KEYS);
                let stays = pool.clone();
                staying.spawn(async move {
                    let answer = send(&stays, &[format!("GET {key}")]).await;
                    assert_eq!(texts(&answer), [value(key)]);
                });
                let (key, patience) = (dice.roll(KEYS), dice.roll(LONGEST));
                let patience = Duration::from_millis(patience);
                let leaves = pool.clone();
                leaving.spawn(async move {
                    let get = words(&[format!("GET {key}")]);
                    // Half of them by being dropped, half by their own deadline.
                    let outcome = if n % 2 == 0 {
                        timeout(patience, leaves.send(get, late(), WhileAway::Wait)).await
                    } else {
                        let deadline = Instant::now() + patience;
                        Ok(leaves.send(get, deadline, WhileAway::Wait).await)
                    };
                    let Ok(answer) = outcome else {
                        return Ended::Dropped;
                    };
                    let Some(failure) = &answer.failure else {
                        assert_eq!(texts(&answer), [value(key)]);
                        return Ended::Answered;
                    };
                    assert!(failure.error.is_timeout(), "{}", failure.error);
                    match failure.delivery(0) {
                        Delivery::NotSent => Ended::NotSent,
                        _ => Ended::InDoubt,
                    }
                });
            }
            let stayed = in_time(staying.join_all()).await;
            assert_eq!(stayed.len() as u64, REQUESTS);
            for ended in in_time(leaving.join_all()).await {
                match ended {
                    Ended::Answered => {}
                    Ended::Dropped => dropped += 1,
                    Ended::NotSent => not_sent += 1,
                    Ended::InDoubt => in_doubt += 1,
                }
            }
        }
        let after = pool.statistics();
        println!("{dropped} dropped, {not_sent} not sent, {in_doubt} in doubt; {after:?}");
        assert!(dropped > 1000 && in_doubt > 1000);

        // They were delayed, and replies came for callers who had gone.
        let traffic = line.proxy.to_client().traffic();
        assert_eq!(traffic.delayed, traffic.passed - before.passed);
        assert!(after.replies > KEYS + ROUNDS * REQUESTS + 1000);
        // Nothing is held, and it was one connection all the time.
        assert_eq!(texts(&in_time(send(&pool, &["GET 7"])).await), [value(7)]);
        let after = pool.statistics();
        assert_eq!(
            (after.in_flight, after.queued_bytes, after.waiting),
            (0, 0, 0)
        );
        assert_eq!((after.dials, after.connections_lost), (1, 0));
        assert_eq!((line.proxy.accepted(), line.proxy.open().len()), (1, 1));
        assert_eq!(connections_of(&line.server, "matching").await.len(), 1);
    })
    .await;
}
