//! Times as arguments and as replies.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use slotline_resp::{Arguments, CommandInfo, ToArg, ToArgs};

/// How long a key, or a field of a hash, is still to live.
///
/// Source: [TTL](https://redis.io/docs/latest/commands/ttl/).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimeToLive {
    /// There is none.
    Missing,
    /// So long.
    For(Duration),
    /// It has no time to live.
    Forever,
}

/// Until when a key, or a field of a hash, lives.
///
/// Source: [EXPIRETIME](https://redis.io/docs/latest/commands/expiretime/).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Expiry {
    /// There is none.
    Missing,
    /// Until then.
    At(SystemTime),
    /// It has no time to live.
    Never,
}

impl TimeToLive {
    /// The time, if it has one.
    #[must_use]
    pub fn duration(self) -> Option<Duration> {
        match self {
            TimeToLive::For(time) => Some(time),
            _ => None,
        }
    }

    pub(crate) fn of(reply: i64, unit: fn(u64) -> Duration) -> TimeToLive {
        match u64::try_from(reply) {
            Ok(time) => TimeToLive::For(unit(time)),
            Err(_) if reply == -1 => TimeToLive::Forever,
            Err(_) => TimeToLive::Missing,
        }
    }
}

impl Expiry {
    /// The time, if it has one.
    #[must_use]
    pub fn time(self) -> Option<SystemTime> {
        match self {
            Expiry::At(time) => Some(time),
            _ => None,
        }
    }

    pub(crate) fn of(reply: i64, unit: fn(u64) -> Duration) -> Expiry {
        let time = u64::try_from(reply).ok();
        match time.map(|time| UNIX_EPOCH.checked_add(unit(time))) {
            Some(Some(time)) => Expiry::At(time),
            // Later than any clock can tell.
            Some(None) => Expiry::Never,
            None if reply == -1 => Expiry::Never,
            None => Expiry::Missing,
        }
    }
}

/// Whole seconds; what is left is rounded up, so that nothing ends early.
pub(crate) struct WholeSeconds(pub(crate) Duration);

/// Milliseconds, rounded up.
pub(crate) struct WholeMillis(pub(crate) Duration);

/// A moment, in milliseconds since 1970.
pub(crate) struct WholeUnixMillis(pub(crate) SystemTime);

/// `EX` or `PX`.
pub(crate) struct Within(pub(crate) Duration);

/// `EXAT` or `PXAT`.
pub(crate) struct At(pub(crate) SystemTime);

fn seconds(time: Duration) -> u64 {
    let whole = time.as_secs();
    whole.saturating_add(u64::from(time.subsec_nanos() > 0))
}

fn millis(time: Duration) -> u128 {
    time.as_nanos().div_ceil(1_000_000)
}

/// Nanoseconds since 1970, less than 0 before it.
fn since_1970(time: SystemTime) -> i128 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i128::try_from(after.as_nanos()).unwrap_or(i128::MAX),
        Err(before) => i128::try_from(before.duration().as_nanos()).map_or(i128::MIN, |time| -time),
    }
}

/// So many units since 1970, rounded up.
fn units(time: SystemTime, nanos: i128) -> i128 {
    let all = since_1970(time);
    all.div_euclid(nanos) + i128::from(all.rem_euclid(nanos) > 0)
}

const SECOND: i128 = 1_000_000_000;
const MILLISECOND: i128 = 1_000_000;

impl ToArg for WholeSeconds {
    fn with_bytes<R>(&self, take: impl FnOnce(&[u8]) -> R) -> R {
        seconds(self.0).with_bytes(take)
    }
}

impl ToArg for WholeMillis {
    fn with_bytes<R>(&self, take: impl FnOnce(&[u8]) -> R) -> R {
        millis(self.0).with_bytes(take)
    }
}

impl ToArg for WholeUnixMillis {
    fn with_bytes<R>(&self, take: impl FnOnce(&[u8]) -> R) -> R {
        units(self.0, MILLISECOND).with_bytes(take)
    }
}

impl ToArgs for Within {
    fn add_to(&self, arguments: &mut Arguments<'_>) {
        if self.0.subsec_nanos() == 0 {
            arguments.add("EX");
            arguments.add(&self.0.as_secs());
        } else {
            arguments.add("PX");
            arguments.add(&millis(self.0));
        }
    }
}

impl ToArgs for At {
    fn add_to(&self, arguments: &mut Arguments<'_>) {
        if is_whole(self.0) {
            arguments.add("EXAT");
            arguments.add(&units(self.0, SECOND));
        } else {
            arguments.add("PXAT");
            arguments.add(&units(self.0, MILLISECOND));
        }
    }
}

fn is_whole(time: SystemTime) -> bool {
    since_1970(time).rem_euclid(SECOND) == 0
}

/// Which of two commands takes a time without cutting anything off.
pub(crate) mod pick {
    use super::*;

    /// The command in seconds if that is what it is, else the one in milliseconds.
    pub(crate) fn after(
        time: Duration,
        in_seconds: &'static CommandInfo,
        in_millis: &'static CommandInfo,
    ) -> (&'static CommandInfo, u128) {
        match time.subsec_nanos() {
            0 => (in_seconds, u128::from(time.as_secs())),
            _ => (in_millis, millis(time)),
        }
    }

    /// The same for a moment.
    pub(crate) fn until(
        time: SystemTime,
        in_seconds: &'static CommandInfo,
        in_millis: &'static CommandInfo,
    ) -> (&'static CommandInfo, i128) {
        match is_whole(time) {
            true => (in_seconds, units(time, SECOND)),
            false => (in_millis, units(time, MILLISECOND)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(arg: impl ToArg) -> String {
        arg.with_bytes(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    #[test]
    fn nothing_ends_early() {
        let second = Duration::from_secs(1);
        let nano = Duration::from_nanos(1);
        assert_eq!(text(WholeSeconds(second)), "1");
        assert_eq!(text(WholeSeconds(second + nano)), "2");
        assert_eq!(text(WholeSeconds(Duration::MAX)), u64::MAX.to_string());
        assert_eq!(text(WholeMillis(nano)), "1");
        assert_eq!(text(WholeMillis(second + nano)), "1001");
        assert_eq!(text(WholeUnixMillis(UNIX_EPOCH + nano)), "1");
        assert_eq!(text(WholeUnixMillis(UNIX_EPOCH - nano)), "0");
        assert_eq!(text(WholeUnixMillis(UNIX_EPOCH - second)), "-1000");
    }

    #[test]
    fn a_reply_says_how_long_or_why_not() {
        let of = |reply| TimeToLive::of(reply, Duration::from_millis);
        assert_eq!(of(5), TimeToLive::For(Duration::from_millis(5)));
        assert_eq!((of(-1), of(-2)), (TimeToLive::Forever, TimeToLive::Missing));
        let at = |reply| Expiry::of(reply, Duration::from_secs);
        assert_eq!(at(1), Expiry::At(UNIX_EPOCH + Duration::from_secs(1)));
        assert_eq!((at(-1), at(-2)), (Expiry::Never, Expiry::Missing));
    }
}
