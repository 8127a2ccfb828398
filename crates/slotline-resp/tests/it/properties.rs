use bytes::Bytes;
use proptest::prelude::*;
use slotline_resp::{Limits, Reply, Scanner, Value};

use crate::encoder::encode;
use crate::scan::scan_cut;

fn text() -> impl Strategy<Value = String> {
    "[ -~é]{0,12}"
}

pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        text().prop_map(Value::Simple),
        ("[A-Z]{1,8}", "([!-~][ -~]{0,8})?")
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
        seeds in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut bytes = Vec::new();
        encode(&value, &mut bytes);
        let cuts = cuts(bytes.len(), &seeds);
        prop_assert_eq!(scan_cut(Limits::default(), &bytes, &cuts), Ok(Some(bytes.len())));
        let reply = Reply::from_frame(bytes.into()).unwrap();
        prop_assert_eq!(reply.value(), Ok(value.clone()));
        prop_assert_eq!(reply.kind(), value.kind());
    }

    #[test]
    fn any_bytes_give_the_same_under_any_cutting(
        bytes in prop_oneof![almost_resp(), prop::collection::vec(any::<u8>(), 0..80)],
        seeds in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let limits = Limits::default().depth(16).elements(64);
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
        let mut stream = Vec::new();
        let mut ends = Vec::new();
        for value in &values {
            encode(value, &mut stream);
            ends.push(stream.len());
        }
        let mut scanner = Scanner::new(Limits::default());
        let mut at = 0;
        for end in ends {
            at += scanner.scan(&stream[at..]).unwrap().unwrap();
            prop_assert_eq!(at, end);
        }
    }
}
