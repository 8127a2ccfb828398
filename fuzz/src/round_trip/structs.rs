//! A struct as the arguments that write a hash, and as the hash that is read.

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use slotline_resp::{CommandBuffer, Protocol, Reply, ReplyBuffer, ReplyDecoder, to_args};

use crate::choices::{Choices, roomy};
use crate::command::{args, decode};
use crate::cuts::Cuts;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    name: String,
    small: i8,
    large: u64,
    ratio: f64,
    single: f32,
    flag: bool,
    letter: char,
    kind: Kind,
    note: Option<String>,
    // Serde has no field for a `None` that is within a newtype.
    #[serde(default)]
    wrapped: Wrapped,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Wrapped(Option<i128>);

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Plain,
    #[serde(rename = "with space")]
    Renamed,
}

impl Record {
    fn grow(choices: &mut Choices<'_>) -> Record {
        let finite = |number: f64| if number.is_nan() { 0.0 } else { number };
        let single = f32::from_be_bytes(choices.number());
        Record {
            name: choices.text(),
            small: i8::from_be_bytes(choices.number()),
            large: u64::from_be_bytes(choices.number()),
            ratio: finite(f64::from_be_bytes(choices.number())),
            single: if single.is_nan() { 0.0 } else { single },
            flag: choices.byte() % 2 == 1,
            letter: char::from(choices.byte()),
            kind: choices.one_of(&[Kind::Plain, Kind::Renamed]),
            note: choices.one_of(&[false, true]).then(|| choices.text()),
            wrapped: Wrapped(
                choices
                    .one_of(&[None, Some(())])
                    .map(|()| i128::from_be_bytes(choices.number())),
            ),
        }
    }
}

pub(super) fn check(mut choices: Choices<'_>, cuts: Cuts<'_>) {
    let record = Record::grow(&mut choices);
    let written = to_args(&record).expect("a flat struct");
    let mut buffer = CommandBuffer::new();
    buffer.begin_named("HSET").key("k").args(&written);
    let bytes = buffer.freeze().to_vec();
    let (commands, end) = decode(roomy(), cuts.pieces(&bytes));
    assert_eq!((commands.len(), end), (1, Ok(0)));
    let sent = args(&commands[0]);
    assert!(sent[2..].iter().copied().eq(written.iter()));

    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let mut replies = ReplyBuffer::new(protocol);
        replies.map(written.len() / 2);
        for arg in written.iter() {
            replies.bulk(arg);
        }
        let reply = arrive(replies.split(), cuts);
        assert_eq!(reply.deserialize().as_ref(), Ok(&record), "{protocol:?}");
    }
}

fn arrive(bytes: Bytes, cuts: Cuts<'_>) -> Reply {
    let mut decoder = ReplyDecoder::new(roomy());
    let mut buffer = BytesMut::new();
    let mut reply = None;
    for piece in cuts.pieces(&bytes) {
        assert!(reply.is_none(), "a reply too early");
        buffer.extend_from_slice(piece);
        reply = decoder.decode(&mut buffer).expect("a reply");
    }
    reply.expect("the whole of it")
}
