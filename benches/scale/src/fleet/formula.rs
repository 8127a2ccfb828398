//! What many clients ask of one cluster, on paper: from the settings that the crates
//! have by default. The simulation holds it against the crates themselves.

use std::collections::BTreeSet;
use std::f64::consts::SQRT_2;
use std::time::Duration;

use super::counted::{Counted, Event, busiest, of_node};
use super::course::{Course, Fleet, LAST, TAKEOVER};

/// `slotline_pipeline::RefreshConfig`: seconds from a refresh to the next that comes by
/// itself, at most; and the part of them that chance may take away.
const PERIOD: f64 = 60.0;
const LESS: f64 = 0.25;
/// The same: how many primaries each asks.
const SAMPLE: f64 = 3.0;
/// The same: how often a client looks whether a refresh is due or a primary is lost, on
/// average. It is 200 ms and up to a quarter more.
const LOOK: f64 = 0.2 * 1.125;
/// After a change the next refreshes come after so many seconds: 1, 2, 4 … up to the
/// period.
const FIRST_PACE: f64 = 1.0;
/// The same: how often nodes are asked how they are, where reads may go to several; and
/// how often for their links alone.
const SURVEY: f64 = 1.0 * 1.125;
const LINKS: f64 = 10.0;
/// `slotline_pool`'s `PingRule`: seconds of silence until an idle connection is asked for a sign of life.
const PING: f64 = 15.0;
/// Its `Backoff`: the bound of the first pause before a dial, and of the last; a pause is
/// anything up to its bound, which doubles.
const PAUSES: [f64; 2] = [0.01, 1.0];

/// A figure of a fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Refreshes per second of all clients together.
    Refreshes,
    /// Refreshes of one client over all the time.
    RefreshesEach,
    /// Questions that a primary is asked per second, on average.
    Questions,
    /// The same of the node that is asked most, in its busiest second.
    QuestionsInASecond,
    /// And in its busiest tenth of a second.
    QuestionsInATenth,
    /// PINGs that a primary gets per second.
    Pings,
    /// Times per second that a node is asked for its ROLE, of those that are.
    Roles,
    /// Open connections, for each primary.
    Connections,
    /// Times per second that one client asks the heirs of a dead primary.
    ProbesEach,
    /// Dials of the node that is dialled most, per second on average.
    Dials,
    /// The same in its busiest second.
    DialsInASecond,
    /// Dials that the other nodes accept, of each the busiest tenth of a second.
    AcceptedByOthers,
    /// Dials that the node accepts that is there again, in its busiest second.
    BackInASecond,
    /// And in its busiest tenth of a second.
    BackInATenth,
}

impl Figure {
    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Figure::Refreshes => "refreshes per second, of all",
            Figure::RefreshesEach => "refreshes of each client",
            Figure::Questions => "questions per second and primary",
            Figure::QuestionsInASecond => "questions of one node, busiest second",
            Figure::QuestionsInATenth => "questions of one node, busiest 100 ms",
            Figure::Pings => "PINGs per second and primary",
            Figure::Roles => "ROLEs per second and node that is asked",
            Figure::Connections => "connections per primary",
            Figure::ProbesEach => "probes per second, of each client",
            Figure::Dials => "dials per second of the dead node",
            Figure::DialsInASecond => "dials of one node, busiest second",
            Figure::AcceptedByOthers => "dials of its replica, busiest 100 ms",
            Figure::BackInASecond => "dials of it when it is back, busiest second",
            Figure::BackInATenth => "dials of it when it is back, busiest 100 ms",
        }
    }

    /// Whether it is of one second or less, not of all the time.
    #[must_use]
    pub fn is_of_a_moment(self) -> bool {
        use Figure::{
            AcceptedByOthers, BackInASecond, BackInATenth, DialsInASecond, QuestionsInASecond,
            QuestionsInATenth,
        };
        matches!(
            self,
            AcceptedByOthers
                | BackInASecond
                | BackInATenth
                | DialsInASecond
                | QuestionsInASecond
                | QuestionsInATenth
        )
    }

    /// As it was counted.
    #[must_use]
    pub fn of(self, counted: &Counted) -> f64 {
        let second = Duration::from_secs(1);
        let tenth = second / 10;
        let primaries = counted.primaries.len() as f64;
        let per_second = |count: usize| count as f64 / counted.seconds;
        let asked = || {
            let questions = counted.questions.iter();
            let of_primaries =
                questions.filter(|question| counted.primaries.contains(&question.node));
            of_primaries.count()
        };
        match self {
            Figure::Refreshes => counted.refreshes as f64 / counted.seconds,
            Figure::RefreshesEach => counted.refreshes as f64 / counted.clients as f64,
            Figure::Questions => per_second(asked()) / primaries,
            Figure::QuestionsInASecond => busiest(&counted.questions, second) as f64,
            Figure::QuestionsInATenth => busiest(&counted.questions, tenth) as f64,
            Figure::Pings => per_second(counted.pings) / primaries,
            Figure::Roles => {
                let nodes = counted.roles.iter().map(|asked| asked.node);
                let nodes: BTreeSet<u16> = nodes.collect();
                per_second(counted.roles.len()) / nodes.len() as f64
            }
            Figure::Connections => counted.connections as f64 / primaries,
            Figure::ProbesEach => counted.probes as f64 / counted.seconds / counted.clients as f64,
            Figure::Dials => per_second(of_node(&counted.dials, counted.victim).len()),
            Figure::DialsInASecond => busiest(&counted.dials, second) as f64,
            Figure::AcceptedByOthers => {
                let others = counted.accepted.iter();
                let others: Vec<_> = others
                    .filter(|at| at.node != counted.victim)
                    .copied()
                    .collect();
                busiest(&others, tenth) as f64
            }
            Figure::BackInASecond => busiest(&back(counted), second) as f64,
            Figure::BackInATenth => busiest(&back(counted), tenth) as f64,
        }
    }
}

/// What the node accepted that something happened to.
fn back(counted: &Counted) -> Vec<Event> {
    of_node(&counted.accepted, counted.victim)
}

/// The figures of a course that say something, each by the formula.
#[must_use]
pub fn figures(fleet: &Fleet, course: Course) -> Vec<(Figure, f64)> {
    let clients = fleet.clients as f64;
    let share = asked_share(fleet.primaries);
    let questions = clients / interval() * share;
    match course {
        Course::Start => vec![
            (Figure::DialsInASecond, clients),
            (Figure::QuestionsInATenth, clients * (1.0 + share)),
        ],
        Course::Steady(_) => vec![
            (Figure::Refreshes, clients / interval()),
            (Figure::Questions, questions),
            // Nobody has agreed with anybody when to ask: of all seconds the busiest
            // is some four deviations above the mean.
            (
                Figure::QuestionsInASecond,
                questions + 4.0 * questions.sqrt(),
            ),
            (Figure::Pings, clients * pings(fleet.primaries)),
            (Figure::Connections, clients),
        ],
        Course::Reads { bound } => vec![
            (Figure::Roles, clients / survey_interval(bound)),
            (
                Figure::Connections,
                clients * (1.0 + f64::from(fleet.replicas)),
            ),
        ],
        Course::Failover => vec![
            (Figure::RefreshesEach, refreshes_within(120.0)),
            (Figure::QuestionsInATenth, clients * share),
            (Figure::QuestionsInASecond, most_of(clients, share)),
        ],
        Course::After(time) => {
            let together = within_a_second(time.saturating_sub(LAST).as_secs_f64());
            vec![
                (Figure::Questions, questions),
                (
                    Figure::QuestionsInASecond,
                    most_of(clients * together, share),
                ),
            ]
        }
        Course::Crash => vec![
            (Figure::ProbesEach, 1.0 / LOOK),
            (Figure::QuestionsInASecond, clients / LOOK),
            (
                Figure::Dials,
                clients * dials_within(TAKEOVER.as_secs_f64()) / TAKEOVER.as_secs_f64(),
            ),
            (Figure::DialsInASecond, clients * dials_within(1.0)),
        ],
        Course::Restart => vec![
            (Figure::QuestionsInASecond, clients / LOOK),
            (Figure::DialsInASecond, clients * dials_within(1.0)),
            (Figure::AcceptedByOthers, clients * 0.1 / LOOK),
            (Figure::BackInASecond, clients),
            (Figure::BackInATenth, clients * back_within(0.1)),
        ],
    }
}

/// The share of refreshes that ask a certain primary.
#[must_use]
pub fn asked_share(primaries: u16) -> f64 {
    (SAMPLE / f64::from(primaries)).min(1.0)
}

/// From one refresh that comes by itself to the next: it comes when a client looks for
/// the first time after the period.
#[must_use]
pub fn interval() -> f64 {
    after(PERIOD)
}

/// What that is on average where it is `pace` seconds at most.
fn after(pace: f64) -> f64 {
    pace * (1.0 - LESS / 2.0) + LOOK / 2.0
}

/// PINGs per second on a connection that nothing goes over but refreshes: one for each
/// silence of 15 seconds from one to the next, the last of which a refresh cuts short.
#[must_use]
pub fn pings(primaries: u16) -> f64 {
    1.0 / PING - 0.5 * asked_share(primaries) / interval()
}

/// Of so many clients that choose at once whom to ask, those that ask the node that is
/// asked most: with some nodes and some such moments, two deviations above the mean.
fn most_of(clients: f64, share: f64) -> f64 {
    clients * share + 2.0 * (clients * share * (1.0 - share)).sqrt()
}

/// From one time that a client asks a node for its ROLE to the next: with a bound of
/// lag at each survey, else at the first that is ten seconds later.
#[must_use]
pub fn survey_interval(bound: bool) -> f64 {
    match bound {
        true => SURVEY,
        false => LINKS + SURVEY / 2.0,
    }
}

/// How many refreshes a client does within that time of a change that it was told of:
/// at once, and each after twice the time.
#[must_use]
pub fn refreshes_within(seconds: f64) -> f64 {
    let (mut at, mut pace, mut count) = (0.0, FIRST_PACE, 0.0);
    while at <= seconds {
        count += 1.0;
        // The spacing of a second holds all the same.
        at += after(pace).max(FIRST_PACE);
        pace = (2.0 * pace).min(PERIOD);
    }
    count
}

/// Of clients that all refreshed in one moment, the share that refreshes within one and
/// the same second so long afterwards: what chance each refresh adds adds up.
#[must_use]
pub fn within_a_second(seconds: f64) -> f64 {
    let (mut at, mut pace, mut variance) = (0.0, FIRST_PACE, 0.0);
    while at + after(pace) <= seconds {
        at += after(pace);
        let widths = [LESS * pace, LOOK];
        variance += widths.map(|width| width * width / 12.0).iter().sum::<f64>();
        pace = (2.0 * pace).min(PERIOD);
    }
    error_function(0.5 / (variance.sqrt() * SQRT_2))
}

/// How often a client with commands for a node that refuses connections has dialled it
/// after that time.
#[must_use]
pub fn dials_within(seconds: f64) -> f64 {
    let [mut bound, most] = PAUSES;
    let (mut at, mut dials) = (0.0, 1.0);
    while bound < most {
        at += bound / 2.0;
        dials += 1.0;
        bound *= 2.0;
    }
    dials + (seconds - at).max(0.0) / (most / 2.0)
}

/// Of clients that have been waiting for long, the share whose pause ends in the first
/// so many seconds: pauses are anything up to the bound, and whoever looks in between
/// finds mostly long ones.
#[must_use]
pub fn back_within(seconds: f64) -> f64 {
    let share = (seconds / PAUSES[1]).min(1.0);
    2.0 * share - share * share
}

/// The bytes of a node's answer to one question, CLUSTER SLOTS and CLUSTER NODES, where
/// hosts are addresses: primaries, replicas of each, and ranges of slots in all.
#[must_use]
pub fn answer_bytes(primaries: u32, replicas: u32, ranges: u32) -> f64 {
    let [primaries, replicas, ranges] = [primaries, replicas, ranges].map(f64::from);
    let slots = ranges * (19.0 + 77.0 * (1.0 + replicas));
    let lines = primaries * (97.0 + 135.0 * replicas);
    slots + lines + 11.0 * ranges
}

/// By Abramowitz and Stegun, 7.1.26: to the seventh digit.
fn error_function(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let sum = [
        1.061_405_429,
        -1.453_152_027,
        1.421_413_741,
        -0.284_496_736,
        0.254_829_592,
    ]
    .iter()
    .fold(0.0, |sum, factor| (sum + factor) * t);
    1.0 - sum * (-x * x).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_the_formula_are_what_they_say() {
        let check = |what: &str, is: f64, expected: f64| {
            assert!((is - expected).abs() < 0.005, "{what}: {is}");
        };
        check("of three all are asked", asked_share(3), 1.0);
        check("of two too", asked_share(2), 1.0);
        check("of six every other", asked_share(6), 0.5);
        check("nearly four times a minute", 60.0 * pings(1000), 4.0);
        check("at once", refreshes_within(0.5), 1.0);
        check("and after 1, 3 and 7 seconds", refreshes_within(8.0), 4.0);
        check("nobody has waited yet", dials_within(0.0), 8.0);
        check(
            "two a second later on",
            dials_within(2.0) - dials_within(1.0),
            2.0,
        );
        check("all are back after a second", back_within(1.0), 1.0);
        check("erf of one", error_function(1.0), 0.842_7);
        check("all at once in the beginning", within_a_second(1.0), 1.0);
        assert!(within_a_second(600.0) < 0.05);
    }
}
