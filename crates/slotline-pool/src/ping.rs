//! When an idle connection is asked for a sign of life, and when it is given up
//! (E3): plain state, the time an argument.

use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PingRule {
    /// Nothing has come for so long, and nothing is due: then it is asked.
    pub(crate) after: Duration,
    /// Nothing has come for so long since it was asked: then it is given up.
    pub(crate) deadline: Duration,
}

impl Default for PingRule {
    fn default() -> PingRule {
        PingRule {
            after: Duration::from_secs(15),
            deadline: Duration::from_secs(10),
        }
    }
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Nothing,
    Ask,
    GiveUp,
}

/// The state of one connection. `heard` is when something last came on it,
/// whatever it was; `is_idle` is whether nothing is on its way.
#[derive(Debug, Default)]
pub(crate) struct Ping {
    /// When it was asked, if nothing was known to have come since.
    asked: Option<Instant>,
}

impl Ping {
    pub(crate) fn step(
        &mut self,
        rule: PingRule,
        heard: Instant,
        is_idle: bool,
        now: Instant,
    ) -> Step {
        // Any bytes prove the socket, an error of the server's as well (E4).
        self.asked = self.asked.filter(|asked| heard < *asked);
        match self.asked {
            Some(asked) if now.saturating_duration_since(asked) >= rule.deadline => Step::GiveUp,
            None if is_idle && now.saturating_duration_since(heard) >= rule.after => {
                self.asked = Some(now);
                Step::Ask
            }
            _ => Step::Nothing,
        }
    }

    /// When there will be something to do.
    pub(crate) fn due(&self, rule: PingRule, heard: Instant, is_idle: bool) -> Option<Instant> {
        match self.asked {
            Some(asked) if heard < asked => Some(asked + rule.deadline),
            _ => is_idle.then(|| heard + rule.after),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One moment: seconds since the start, what happened by then, and what is to
    /// be done.
    enum At {
        /// Something came, and nothing is on its way.
        Heard(u64),
        /// A command has gone out.
        Busy,
        Look(u64, Step),
    }
    use At::{Busy, Heard, Look};

    fn check(title: &str, moments: &[At]) {
        let (rule, start) = (PingRule::default(), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let (mut ping, mut heard, mut is_idle) = (Ping::default(), start, true);
        for (index, moment) in moments.iter().enumerate() {
            match moment {
                Heard(when) => (heard, is_idle) = (at(*when), true),
                Busy => is_idle = false,
                Look(when, expected) => {
                    let due = ping.due(rule, heard, is_idle);
                    let step = ping.step(rule, heard, is_idle, at(*when));
                    assert_eq!(step, *expected, "{title}: moment {index}");
                    // The timer rings when there is something to do, not before.
                    let is_due = due.is_some_and(|due| due <= at(*when));
                    assert_eq!(is_due, step != Step::Nothing, "{title}: moment {index}");
                    is_idle &= step == Step::Nothing;
                }
            }
        }
    }

    #[test]
    fn only_silence_makes_it_ask_and_only_silence_makes_it_give_up() {
        use Step::{Ask, GiveUp, Nothing};
        check(
            "a dead peer",
            &[
                Look(0, Nothing),
                Look(14, Nothing),
                Look(15, Ask),
                Look(15, Nothing),
                Look(24, Nothing),
                Look(25, GiveUp),
            ],
        );
        check(
            "a peer that answers, again and again",
            &[
                Look(15, Ask),
                Heard(16),
                Look(16, Nothing),
                Look(30, Nothing),
                Look(31, Ask),
                Heard(31),
                Look(45, Nothing),
                Look(46, Ask),
            ],
        );
        check(
            "commands are due: their own timeout decides",
            &[
                Look(14, Nothing),
                Busy,
                Look(100, Nothing),
                Heard(101),
                Look(116, Ask),
            ],
        );
        check(
            "a command behind the ping changes nothing",
            &[Look(15, Ask), Busy, Look(25, GiveUp)],
        );
        check(
            "a late look asks first",
            &[Look(1000, Ask), Look(1009, Nothing), Look(1010, GiveUp)],
        );
    }
}
