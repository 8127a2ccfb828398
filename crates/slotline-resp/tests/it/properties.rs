use bytes::Bytes;
use proptest::prelude::*;
use slotline_resp::{CommandBuffer, Limits, Protocol, Reply, ReplyBuffer, Scanner, Value};

use crate::commands::{args_of, decode_cut};
use crate::scan::scan_cut;

fn text() -> impl Strategy<Value = String> {
    "[ -~é\r\n]{0,12}"
}

pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        text().prop_map(Value::Simple),
        ("[A-Z]{1,8}", "([!-~][ -~\r\n]{0,8})?")
            .prop_map(|(code, message)| Value::Error { code, message }),
        any::<i64>().prop_map(Value::Int),
        // NaN is not equal to itself; the tables have it.
        any::<f64>()
            .prop_filter("nan", |n| !n.is_nan())
            .prop_map(Value::Double),
        any::<bool>().prop_map(Value::Bool),
        "-?[0-9]{1,40}".prop_map(Value::BigNumber),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|all| Value::Bulk(all.into())),
        ("[a-z]{3}", text()).prop_map(|(format, text)| Value::Verbatim { format, text }),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        let many = || prop::collection::vec(inner.clone(), 0..8);
        prop_oneof![
            many().prop_map(|all| Value::Array(all.into())),
            many().prop_map(|all| Value::Set(all.into())),
            many().prop_map(|all| Value::Push(all.into())),
            prop::collection::vec((inner.clone(), inner.clone()), 0..5)
                .prop_map(|pairs| Value::Map(pairs.into())),
        ]
    })
}

pub(crate) fn protocol() -> impl Strategy<Value = Protocol> {
    prop::sample::select(vec![Protocol::Resp2, Protocol::Resp3])
}

/// What a value that was written in `protocol` is once it has been read.
fn as_read(value: &Value, protocol: Protocol) -> Value {
    let one_line = |text: &str| text.replace(['\r', '\n'], " ");
    let bulk = |text: &str| Value::Bulk(text.to_owned().into());
    let all = |values: &[Value]| {
        values
            .iter()
            .map(|value| as_read(value, protocol))
            .collect()
    };
    let old = protocol == Protocol::Resp2;
    match value {
        Value::Simple(text) => Value::Simple(one_line(text)),
        Value::Error { code, message } if old => Value::Error {
            code: code.clone(),
            message: one_line(message),
        },
        // In the digits of RESP3, which are known to give the same double back.
        Value::Double(number) if old => {
            let mut line = ReplyBuffer::new(Protocol::Resp3);
            let line = line.double(*number).as_bytes();
            Value::Bulk(Bytes::copy_from_slice(&line[1..line.len() - 2]))
        }
        Value::Bool(truth) if old => Value::Int(i64::from(*truth)),
        Value::BigNumber(text) | Value::Verbatim { text, .. } if old => bulk(text),
        Value::Array(values) => Value::Array(all(values)),
        Value::Set(values) | Value::Push(values) if old => Value::Array(all(values)),
        Value::Set(values) => Value::Set(all(values)),
        Value::Push(values) => Value::Push(all(values)),
        Value::Map(pairs) => {
            let pairs = pairs
                .iter()
                .map(|(key, value)| (as_read(key, protocol), as_read(value, protocol)));
            if old {
                Value::Array(pairs.flat_map(|(key, value)| [key, value]).collect())
            } else {
                Value::Map(pairs.collect())
            }
        }
        other => other.clone(),
    }
}

/// Lines and arrays that look enough like commands to get past the first.
pub(crate) fn almost_commands() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "*1\r\n", "*2\r\n", "*0\r\n", "*-1\r\n", "*3\r\n$1\r\nx\r\n", "$1\r\n", "$0\r\n\r\n",
            "x\r\n", "$3\r\nGET\r\n", "$-1\r\n", "GET", " ", "\"", "'", "\\", "\\x4", "a", "\n",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        1 => Just(b"\r\n".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Bytes that look enough like RESP to get past the first header.
pub(crate) fn almost_resp() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "*", "$", "%", "~", ">", "|", ":", "+", "-", "_", "#t", ",", "(", "=", "!", "$?", "*?",
            "%?", ";", ".", "-1", "0", "1", "2", "4", "18446744073709551615", "inf", "txt:", "a",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        4 => Just(b"\r\n".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn cuts(len: usize, seeds: &[prop::sample::Index]) -> Vec<usize> {
    let mut cuts: Vec<usize> = seeds.iter().map(|seed| seed.index(len + 1)).collect();
    cuts.sort_unstable();
    cuts
}

proptest! {
    #[test]
    fn any_value_comes_back_under_any_cutting(
        value in value(),
        protocol in protocol(),
        seeds in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut replies = ReplyBuffer::new(protocol);
        let bytes = replies.value(&value).as_bytes();
        let cuts = cuts(bytes.len(), &seeds);
        prop_assert_eq!(scan_cut(Limits::default(), bytes, &cuts), Ok(Some(bytes.len())));
        let reply = Reply::from_frame(replies.split()).unwrap();
        let expected = as_read(&value, protocol);
        prop_assert_eq!(reply.kind(), expected.kind());
        prop_assert_eq!(reply.value(), Ok(expected));
    }

    #[test]
    fn any_arguments_come_through_under_any_cutting(
        lists in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..12),
            1..5,
        ),
        seeds in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut buffer = CommandBuffer::new();
        let mut expected = lists;
        for args in &mut expected {
            buffer.begin_named("NO.SUCH");
            for arg in &*args {
                buffer.arg(arg);
            }
            args.insert(0, b"NO.SUCH".to_vec());
        }
        let bytes = buffer.freeze().to_vec();
        let cuts = cuts(bytes.len(), &seeds);
        let (commands, end) = decode_cut(Limits::default(), &bytes, &cuts);
        prop_assert_eq!(end, Ok(0));
        prop_assert_eq!(args_of(&commands), expected);
        let mut again = CommandBuffer::new();
        for command in &commands {
            again.append_received(command);
        }
        prop_assert_eq!(again.freeze().to_vec(), bytes);
    }

    #[test]
    fn any_bytes_give_the_same_commands_under_any_cutting(
        bytes in prop_oneof![almost_commands(), almost_resp()],
        total in prop_oneof![Just(1 << 30), 1_usize..60],
        seeds in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let limits = Limits::default().elements(12).total(total);
        let (whole, end) = decode_cut(limits, &bytes, &[]);
        let (commands, cut_end) = decode_cut(limits, &bytes, &cuts(bytes.len(), &seeds));
        prop_assert_eq!(args_of(&commands), args_of(&whole));
        prop_assert_eq!(cut_end, end);
        // What is sent on says the same again.
        let mut again = CommandBuffer::new();
        for command in &whole {
            again.append_received(command);
            let _ = format!("{command:?}");
        }
        let (back, end) = decode_cut(Limits::default(), &again.freeze().to_vec(), &[]);
        prop_assert_eq!(args_of(&back), args_of(&whole));
        prop_assert_eq!(end, Ok(0));
    }

    #[test]
    fn any_bytes_give_the_same_under_any_cutting(
        bytes in prop_oneof![almost_resp(), prop::collection::vec(any::<u8>(), 0..80)],
        total in prop_oneof![Just(1 << 30), 1_usize..60],
        seeds in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let limits = Limits::default().depth(16).elements(64).total(total);
        let whole = scan_cut(limits, &bytes, &[]);
        let cuts = cuts(bytes.len(), &seeds);
        prop_assert_eq!(&scan_cut(limits, &bytes, &cuts), &whole);
        // What was scanned decodes; what was not does not panic.
        let scanned = matches!(whole, Ok(Some(_)));
        let end = whole.ok().flatten().unwrap_or(bytes.len());
        let reply = Reply::from_scanned(Bytes::copy_from_slice(&bytes[..end]));
        prop_assert_eq!(reply.value().is_ok() || !scanned, true);
        let mut reader = reply.reader();
        prop_assert_eq!(reader.skip().is_ok() || !scanned, true);
        let _ = reply.decode::<Vec<Option<i64>>>();
        let _ = reply.decode::<Vec<Result<(String, f64), slotline_resp::Error>>>();
        let _ = reply.decode::<std::collections::HashMap<Bytes, Value>>();
        let _ = format!("{reply:?}");
    }

    #[test]
    fn a_stream_is_cut_into_the_frames_it_was_made_of(values in prop::collection::vec(value(), 1..6)) {
        let mut replies = ReplyBuffer::new(Protocol::Resp3);
        let ends: Vec<usize> = values.iter().map(|value| replies.value(value).len()).collect();
        let stream = replies.as_bytes();
        let mut scanner = Scanner::new(Limits::default());
        let mut at = 0;
        for end in ends {
            at += scanner.scan(&stream[at..]).unwrap().unwrap();
            prop_assert_eq!(at, end);
        }
    }
}
