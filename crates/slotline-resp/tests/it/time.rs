use std::fmt::Debug;
use std::time::{Duration, SystemTime};

use slotline_resp::{
    FromReplyOwned, Microseconds, Milliseconds, Reply, Seconds, ServerTime, ToArg,
    UnixMilliseconds, UnixSeconds,
};

fn reply(text: &str) -> Reply {
    Reply::from_frame(text.to_owned().into()).unwrap()
}

/// A number decodes as the unit says, whether it comes as one or as a string,
/// and goes back as it came.
#[track_caller]
fn check<T: FromReplyOwned + ToArg + PartialEq + Debug>(number: &str, expected: T) {
    let texts = [
        format!(":{number}\r\n"),
        format!("${}\r\n{number}\r\n", number.len()),
    ];
    for text in texts {
        assert_eq!(reply(&text).decode::<T>().as_ref(), Ok(&expected));
    }
    expected.with_bytes(|bytes| assert_eq!(bytes, number.as_bytes()));
}

fn sent(arg: &impl ToArg) -> String {
    arg.with_bytes(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

fn unix(since: Duration) -> SystemTime {
    SystemTime::UNIX_EPOCH + since
}

#[test]
fn a_number_is_what_its_unit_says() {
    check("90", Seconds(Duration::from_secs(90)));
    check("0", Seconds(Duration::ZERO));
    check("1500", Milliseconds(Duration::from_millis(1500)));
    check("7", Microseconds(Duration::from_micros(7)));
    check(
        "1700000000",
        UnixSeconds(unix(Duration::from_secs(1_700_000_000))),
    );
    check(
        "1700000000123",
        UnixMilliseconds(unix(Duration::from_millis(1_700_000_000_123))),
    );
    check(
        "9223372036854775807",
        Seconds(Duration::from_secs(i64::MAX as u64)),
    );
}

#[test]
fn what_is_no_whole_number_of_units_is_not_cut_off() {
    assert_eq!(sent(&Seconds(Duration::from_millis(1500))), "1.5");
    assert_eq!(sent(&Seconds(Duration::from_millis(10))), "0.01");
    assert_eq!(sent(&Seconds(Duration::from_nanos(1))), "0.000000001");
    assert_eq!(sent(&Milliseconds(Duration::from_micros(2_050))), "2.05");
    assert_eq!(sent(&Microseconds(Duration::from_nanos(1_001))), "1.001");
    assert_eq!(
        sent(&UnixSeconds(unix(Duration::from_millis(1_001)))),
        "1.001"
    );
    let early = SystemTime::UNIX_EPOCH - Duration::from_millis(1_500);
    assert_eq!(sent(&UnixSeconds(early)), "-1.5");
    assert_eq!(sent(&UnixMilliseconds(early)), "-1500");
    assert_eq!(
        sent(&Seconds(Duration::MAX)),
        "18446744073709551615.999999999"
    );
}

#[test]
fn the_servers_clock_has_two_numbers() {
    let time: ServerTime = reply("*2\r\n$10\r\n1700000000\r\n$6\r\n000123\r\n")
        .decode()
        .unwrap();
    assert_eq!(time.0, unix(Duration::from_micros(1_700_000_000_000_123)));
    assert!(reply("*1\r\n:1\r\n").decode::<ServerTime>().is_err());
}

#[test]
fn what_is_no_duration_is_refused() {
    for (text, message) in [
        (
            ":-1\r\n",
            "cannot decode a negative number as a duration or time",
        ),
        (
            "$-1\r\n",
            "cannot decode nil (for nil, ask for an Option) as an integer",
        ),
        (
            "$2\r\n1s\r\n",
            "cannot decode a string that is not one as an integer",
        ),
    ] {
        let error = reply(text).decode::<Seconds>().unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    assert_eq!(reply("_\r\n").decode::<Option<Seconds>>(), Ok(None));
    let far = reply(":9223372036854775807\r\n").decode::<UnixSeconds>();
    assert!(far.is_err() || far.is_ok_and(|time| time.0 > SystemTime::UNIX_EPOCH));
}
