//! Durations and times, which are plain numbers on the wire: the type says in
//! which unit.

use std::time::{Duration, SystemTime};

use crate::arg::{Arguments, ToArg, ToArgs};
use crate::decode::{FromReply, Reader};
use crate::error::Error;

/// A type for each unit: a number in a reply, and an argument that is never cut
/// off, so that what is no whole number of units is sent as a decimal fraction.
macro_rules! units {
    ($($(#[$doc:meta])* $name:ident($inner:ty), $digits:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl<'a> FromReply<'a> for $name {
            fn from_reply(reader: &mut Reader<'a>) -> Result<Self, Error> {
                let units = reader.integer()?;
                <$inner as Span>::after_zero(span(units, $digits)?).map($name)
            }
        }

        impl ToArg for $name {
            fn with_bytes<R>(&self, take: impl FnOnce(&[u8]) -> R) -> R {
                let (before, span) = self.0.distance();
                decimal(before, span, $digits, take)
            }
        }

        impl ToArgs for $name {
            fn add_to(&self, arguments: &mut Arguments<'_>) {
                arguments.add(self);
            }
        }

        impl From<$inner> for $name {
            fn from(inner: $inner) -> Self {
                Self(inner)
            }
        }

        impl From<$name> for $inner {
            fn from(unit: $name) -> $inner {
                unit.0
            }
        }
    )*};
}

units! {
    /// A duration in seconds, as [TTL](https://redis.io/docs/latest/commands/ttl/)
    /// answers and `EX` takes.
    ///
    /// A negative number is no duration: TTL says by -1 that a key never expires
    /// and by -2 that there is none, so decode what may be one of them as an `i64`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use slotline_resp::{CommandBuffer, Reply, Seconds, known};
    ///
    /// let reply = Reply::from_frame(":90\r\n".into())?;
    /// let ttl: Duration = reply.decode::<Seconds>()?.0;
    /// assert_eq!(ttl, Duration::from_secs(90));
    ///
    /// let mut buffer = CommandBuffer::new();
    /// buffer.begin(&known::BLPOP, 2).key("k").arg(&Seconds(Duration::from_millis(1500)));
    /// assert!(buffer.freeze().to_vec().ends_with(b"$3\r\n1.5\r\n"));
    /// # Ok::<(), slotline_resp::Error>(())
    /// ```
    Seconds(Duration), 9;
    /// A duration in milliseconds, as [PTTL](https://redis.io/docs/latest/commands/pttl/)
    /// answers and `PX` takes.
    Milliseconds(Duration), 6;
    /// A duration in microseconds, as [SLOWLOG](https://redis.io/docs/latest/commands/slowlog-get/)
    /// answers.
    Microseconds(Duration), 3;
    /// A time in seconds since 1970, as
    /// [EXPIRETIME](https://redis.io/docs/latest/commands/expiretime/) answers and
    /// `EXAT` takes.
    UnixSeconds(SystemTime), 9;
    /// A time in milliseconds since 1970, as
    /// [PEXPIRETIME](https://redis.io/docs/latest/commands/pexpiretime/) answers and
    /// `PXAT` takes.
    UnixMilliseconds(SystemTime), 6;
}

/// The server's clock, as [TIME](https://redis.io/docs/latest/commands/time/)
/// answers it: seconds since 1970, and microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerTime(pub SystemTime);

impl<'a> FromReply<'a> for ServerTime {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let (seconds, micros): (i64, i64) = FromReply::from_reply(reader)?;
        let (seconds, micros) = (span(seconds, 9)?, span(micros, 3)?);
        SystemTime::after_zero(seconds.saturating_add(micros)).map(ServerTime)
    }
}

/// A duration, or a time as the duration since 1970.
trait Span: Sized {
    fn after_zero(since: Duration) -> Result<Self, Error>;
    /// Whether it lies before zero, and how far from there.
    fn distance(&self) -> (bool, Duration);
}

impl Span for Duration {
    fn after_zero(since: Duration) -> Result<Self, Error> {
        Ok(since)
    }
    fn distance(&self) -> (bool, Duration) {
        (false, *self)
    }
}

impl Span for SystemTime {
    fn after_zero(since: Duration) -> Result<Self, Error> {
        let time = SystemTime::UNIX_EPOCH.checked_add(since);
        time.ok_or_else(|| Error::mismatch("a time", "a number too large for one"))
    }
    fn distance(&self) -> (bool, Duration) {
        match self.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => (false, after),
            Err(before) => (true, before.duration()),
        }
    }
}

/// So many units of ten to the power of `digits` nanoseconds.
fn span(units: i64, digits: u32) -> Result<Duration, Error> {
    let Ok(units) = u64::try_from(units) else {
        return Err(Error::mismatch("a duration or time", "a negative number"));
    };
    let per_second = 10_u64.pow(9 - digits);
    let nanos = (units % per_second).saturating_mul(10_u64.pow(digits));
    Ok(Duration::from_secs(units / per_second).saturating_add(Duration::from_nanos(nanos)))
}

/// The number of units with decimals down to a nanosecond, of which only those
/// that count are written.
fn decimal<R>(before: bool, span: Duration, digits: u32, take: impl FnOnce(&[u8]) -> R) -> R {
    let unit = 10_u128.pow(digits);
    let (whole, part) = (span.as_nanos() / unit, span.as_nanos() % unit);
    if part == 0 && !before {
        return take(itoa::Buffer::new().format(whole).as_bytes());
    }
    let sign = if before { "-" } else { "" };
    let fraction = format!(".{part:0width$}", width = digits as usize);
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    take(format!("{sign}{whole}{fraction}").as_bytes())
}
