//! A violation of each invariant, planted into a history without one, is found.

use std::time::Duration;

use super::super::history::{
    Confirmed, Episode, Event, Final, Found, Key, Late, Outcome, Sort, What, Why, Window,
};
use super::{Invariant, judge};

/// All that are checked from the record of commands.
const FROM_HISTORY: [Invariant; 8] = [1, 2, 3, 4, 5, 6, 7, 9];
const TIMEOUT: Duration = Duration::from_secs(3);
const REGISTER: Key = key(1, Sort::Register);
const COUNTER: Key = key(2, Sort::Counter);
const LIST: Key = key(3, Sort::List);
const TWINS: Key = key(4, Sort::Twins);

const fn key(number: u32, sort: Sort) -> Key {
    Key {
        number,
        sort,
        shard: 1,
        slot: 7,
    }
}

fn value(n: u32) -> Found {
    Found::Value { key: 1, n }
}

fn element(n: u32) -> Found {
    Found::Value { key: 3, n }
}

fn count(increments: i64) -> Found {
    Found::Number(COUNTER.base() + increments)
}

fn pair(increments: i64) -> Found {
    let one = Some(TWINS.base() + increments);
    Found::of_twins(&[one; 4])
}

/// Four pipelines, one a second, of one process, and three transactions behind them,
/// all acknowledged.
fn sound() -> Episode {
    let mut episode = Episode {
        timeout: TIMEOUT,
        calm_from: Some(Duration::from_secs(100)),
        ..Episode::default()
    };
    for n in 1..=4 {
        let number = i64::from(n);
        let before = if n == 1 { Found::Nothing } else { value(n - 1) };
        let each = [
            (REGISTER, What::Write(n), before),
            (COUNTER, What::Increment, count(number)),
            (LIST, What::Append(2 * n), Found::Number(2 * number - 1)),
            (REGISTER, What::Read, value(n)),
            (LIST, What::Append(2 * n + 1), Found::Number(2 * number)),
            (COUNTER, What::Read, count(number)),
        ];
        for (key, what, found) in each {
            episode.events.push(Event {
                pipeline: n,
                process: 5,
                key,
                what,
                invoked: Duration::from_secs(10 + u64::from(n)),
                ended: Duration::from_millis(10_020 + 1000 * u64::from(n)),
                outcome: Outcome::Ok(found),
            });
        }
    }
    for n in 1..=3 {
        episode.events.push(Event {
            pipeline: 10 + n,
            process: 5,
            key: TWINS,
            what: What::Increment,
            invoked: Duration::from_secs(20 + u64::from(n)),
            ended: Duration::from_millis(20_020 + 1000 * u64::from(n)),
            outcome: Outcome::Ok(pair(i64::from(n))),
        });
    }
    episode.finals.insert(TWINS, Final::One(pair(3)));
    let elements = (2..=9).map(element).collect();
    episode.finals.insert(REGISTER, Final::One(value(4)));
    episode.finals.insert(COUNTER, Final::One(count(4)));
    episode.finals.insert(LIST, Final::List(elements));
    episode.confirmed.push(confirmed(true));
    episode
}

fn confirmed(is_there: bool) -> Confirmed {
    Confirmed {
        key: "w:1".to_owned(),
        shard: 1,
        at: Duration::from_secs(12),
        is_there,
    }
}

/// The nth command (from 0) of pipeline `pipeline` (from 1).
fn event(episode: &mut Episode, pipeline: usize, n: usize) -> &mut Event {
    &mut episode.events[(pipeline - 1) * 6 + n]
}

fn set_list(episode: &mut Episode, elements: &[u32]) {
    let elements = elements.iter().copied().map(element).collect();
    episode.finals.insert(LIST, Final::List(elements));
}

/// A window over the time of pipelines 2 and 3.
fn excuse(episode: &mut Episode) {
    episode.windows.push(Window {
        shard: 1,
        from: Duration::from_millis(12_500),
        to: Duration::from_millis(13_500),
    });
}

#[track_caller]
fn violated(expected: &[Invariant], plant: impl FnOnce(&mut Episode)) {
    let mut episode = sound();
    plant(&mut episode);
    let verdict = judge(&episode);
    let broken = verdict.each.iter().filter(|(_, count)| count.violated > 0);
    let broken: Vec<_> = broken.map(|(invariant, _)| *invariant).collect();
    assert_eq!(broken, expected, "{verdict:#?}");
}

#[test]
fn a_sound_history_is_checked_all_over_and_breaks_nothing() {
    violated(&[], |_| {});
    let mut episode = sound();
    episode.calm_from = Some(Duration::ZERO);
    let verdict = judge(&episode);
    for invariant in FROM_HISTORY {
        assert!(verdict.each[&invariant].checked > 0, "{invariant}");
    }
    assert_eq!(verdict.violations(), 0);
}

#[test]
fn a_reply_of_another_key_is_found() {
    violated(&[1, 5], |episode| {
        event(episode, 2, 3).outcome = Outcome::Ok(Found::Value { key: 9, n: 1 });
    });
    violated(&[1], |episode| {
        event(episode, 2, 0).outcome = Outcome::Ok(Found::Foreign);
    });
    violated(&[1], |episode| {
        event(episode, 2, 2).outcome = Outcome::Ok(Found::Number(0));
    });
    violated(&[1, 4], |episode| {
        event(episode, 4, 1).outcome = Outcome::Ok(Found::Number(4));
    });
}

#[test]
fn an_increment_that_was_applied_twice_or_never_is_found() {
    let end = |n| {
        move |episode: &mut Episode| {
            episode.finals.insert(COUNTER, Final::One(count(n)));
        }
    };
    violated(&[2], end(5));
    violated(&[2], end(3));
    // A rejected one that was applied all the same; one in doubt may have been.
    violated(&[2], |episode| {
        event(episode, 4, 1).outcome = Outcome::Fail;
    });
    violated(&[], |episode| {
        event(episode, 4, 1).outcome = Outcome::Info(Why::Error);
    });
    // A window excuses a loss, and no doubling.
    violated(&[], |episode| {
        excuse(episode);
        end(3)(episode);
    });
    violated(&[2], |episode| {
        excuse(episode);
        end(5)(episode);
    });
    violated(&[2], |episode| {
        event(episode, 4, 1).outcome = Outcome::Ok(count(3));
    });
}

#[test]
fn what_had_no_effect_and_is_seen_is_found() {
    violated(&[2], |episode| {
        event(episode, 3, 4).outcome = Outcome::Fail;
    });
    violated(&[2], |episode| {
        event(episode, 3, 0).outcome = Outcome::Fail;
    });
    violated(&[2], |episode| {
        set_list(episode, &[2, 3, 4, 5, 5, 6, 7, 8, 9])
    });
}

#[test]
fn a_loss_is_found_unless_a_window_excuses_it() {
    violated(&[3], |episode| set_list(episode, &[2, 3, 4, 6, 7, 8, 9]));
    violated(&[3], |episode| {
        episode.finals.insert(REGISTER, Final::One(value(3)));
    });
    violated(&[], |episode| {
        excuse(episode);
        set_list(episode, &[2, 3, 8, 9]);
    });
    // Another one's, or one of another time, is not excused.
    violated(&[3], |episode| {
        excuse(episode);
        set_list(episode, &[2, 4, 5, 6, 7, 8, 9]);
    });
    violated(&[3], |episode| {
        excuse(episode);
        episode.windows[0].shard = 2;
        set_list(episode, &[2, 3, 8, 9]);
    });
    violated(&[3], |episode| {
        excuse(episode);
        episode.confirmed.push(confirmed(false));
    });
}

#[test]
fn a_read_that_goes_back_is_found_unless_a_window_excuses_it() {
    let back = |episode: &mut Episode| {
        event(episode, 3, 5).outcome = Outcome::Ok(count(1));
    };
    violated(&[4], back);
    violated(&[], |episode| {
        excuse(episode);
        back(episode);
    });
    violated(&[1, 4], |episode| {
        event(episode, 3, 5).outcome = Outcome::Ok(Found::Nothing);
    });
}

#[test]
fn a_swapped_order_is_found() {
    violated(&[5], |episode| set_list(episode, &[2, 3, 5, 4, 6, 7, 8, 9]));
    violated(&[4, 5], |episode| {
        event(episode, 3, 3).outcome = Outcome::Ok(value(1));
    });
}

/// Torn apart: one half has run and the other has not, or another's transaction has
/// got in between. Sent again after it ran: both twins are one ahead.
#[test]
fn a_transaction_that_was_torn_or_run_twice_is_found() {
    let torn = Found::of_twins(&[1, 2, 1, 2].map(|n| Some(TWINS.base() + n)));
    assert_eq!(torn, Found::Torn);
    violated(&[6], |episode| {
        event(episode, 5, 1).outcome = Outcome::Ok(torn);
    });
    violated(&[6], |episode| {
        episode.finals.insert(TWINS, Final::One(torn));
    });
    // Nor does a window excuse it.
    violated(&[6], |episode| {
        excuse(episode);
        episode.finals.insert(TWINS, Final::One(torn));
    });
    for wrong in [2, 4] {
        violated(&[2], |episode| {
            episode.finals.insert(TWINS, Final::One(pair(wrong)));
        });
    }
    violated(&[2], |episode| {
        event(episode, 5, 2).outcome = Outcome::Fail;
    });
    violated(&[], |episode| {
        event(episode, 5, 2).outcome = Outcome::Info(Why::Error);
    });
}

#[test]
fn a_late_outcome_is_found_unless_the_runtime_was_late_itself() {
    let late = |episode: &mut Episode| {
        let event = event(episode, 2, 1);
        event.ended = event.invoked + TIMEOUT + Duration::from_millis(101);
    };
    violated(&[7], late);
    violated(&[], |episode| {
        late(episode);
        episode.late.push(Late {
            due: Duration::from_millis(15_050),
            by: Duration::from_millis(20),
        });
    });
    violated(&[7], |episode| episode.hanging = 1);
}

#[test]
fn an_error_when_all_is_well_is_found() {
    violated(&[9], |episode| {
        episode.calm_from = Some(Duration::from_secs(13));
        event(episode, 3, 5).outcome = Outcome::Fail;
    });
    violated(&[], |episode| {
        episode.calm_from = Some(Duration::from_secs(14));
        event(episode, 3, 5).outcome = Outcome::Fail;
    });
    // Whoever leaves by himself had no error.
    violated(&[], |episode| {
        episode.calm_from = Some(Duration::from_secs(13));
        event(episode, 3, 5).outcome = Outcome::Info(Why::Cancelled);
    });
}
