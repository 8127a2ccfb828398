//! One encoder for each command.

use std::time::Duration;

use slotline_resp::{CommandBuffer, ToArg, ToArgs, known};

pub(super) fn get(buffer: &mut CommandBuffer, key: impl ToArg) {
    buffer.begin(&known::GET, 1).key(&key);
}

pub(super) fn set(buffer: &mut CommandBuffer, key: impl ToArg, value: impl ToArg) {
    buffer.begin(&known::SET, 2).key(&key).arg(&value);
}

pub(super) fn del(buffer: &mut CommandBuffer, keys: impl ToArgs) {
    buffer.begin(&known::DEL, 1).keys(&keys);
}

pub(super) fn incr(buffer: &mut CommandBuffer, key: impl ToArg) {
    buffer.begin(&known::INCR, 1).key(&key);
}

pub(super) fn hset(buffer: &mut CommandBuffer, key: impl ToArg, fields: impl ToArgs) {
    buffer.begin(&known::HSET, 3).key(&key).args(&fields);
}

pub(super) fn hgetall(buffer: &mut CommandBuffer, key: impl ToArg) {
    buffer.begin(&known::HGETALL, 1).key(&key);
}

pub(super) fn mget(buffer: &mut CommandBuffer, keys: impl ToArgs) {
    buffer.begin(&known::MGET, 1).keys(&keys);
}

pub(super) fn ping(buffer: &mut CommandBuffer) {
    buffer.begin(&known::PING, 0);
}

/// EXPIRE where the time is whole seconds, else PEXPIRE: nothing is cut off.
pub(super) fn expire(buffer: &mut CommandBuffer, key: impl ToArg, after: Duration) {
    match whole(after) {
        Whole::Seconds(seconds) => buffer.begin(&known::EXPIRE, 2).key(&key).arg(&seconds),
        Whole::Millis(millis) => buffer.begin(&known::PEXPIRE, 2).key(&key).arg(&millis),
    };
}

/// The option EX or PX of the last command.
pub(super) fn time_to_live(buffer: &mut CommandBuffer, after: Duration) {
    match whole(after) {
        Whole::Seconds(seconds) => buffer.arg("EX").arg(&seconds),
        Whole::Millis(millis) => buffer.arg("PX").arg(&millis),
    };
}

enum Whole {
    Seconds(u64),
    Millis(u128),
}

/// A server knows no less than a millisecond: what is shorter becomes one, so
/// that nothing ends early.
fn whole(time: Duration) -> Whole {
    if time.subsec_nanos() == 0 {
        return Whole::Seconds(time.as_secs());
    }
    Whole::Millis(time.as_nanos().div_ceil(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_picks_the_unit_that_loses_nothing() {
        let check = |time, expected: &str| {
            let mut buffer = CommandBuffer::new();
            set(&mut buffer, "k", "v");
            time_to_live(&mut buffer, time);
            let sent = String::from_utf8_lossy(&buffer.freeze().to_vec()).replace("\r\n", " ");
            assert_eq!(sent, format!("*5 $3 SET $1 k $1 v {expected} "));
        };
        check(Duration::from_secs(60), "$2 EX $2 60");
        check(Duration::from_millis(1500), "$2 PX $4 1500");
        check(Duration::from_nanos(1), "$2 PX $1 1");
    }
}
