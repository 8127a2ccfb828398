//! The `redis-protocol` crate: zero-copy frames over `Bytes`.

use std::hint::black_box;

use bytes::BytesMut;
use redis_protocol::{resp2, resp3};

use super::case::Run;
use super::read::receive;
use super::wire::Wire;
use super::workload::{Task, Workload};

/// The first version of the protocol that it has functions for.
pub(super) fn run_resp2(workload: Workload, task: Task) -> Option<Run> {
    Some(match (workload, task) {
        (Workload::Map, _) => return None,
        (Workload::Array, Task::Decode) => |wire| {
            let decoded = resp2::decode::decode_bytes(black_box(&wire.bytes));
            let (frame, len) = decoded.expect("valid").expect("whole");
            black_box(frame);
            len
        },
        (_, Task::Decode) => |wire| {
            receive_all(wire, |buffer| {
                let decoded = resp2::decode::decode_bytes_mut(buffer);
                let (frame, len, _) = decoded.expect("valid")?;
                black_box(frame);
                Some(len)
            })
        },
        (Workload::Pipeline, Task::Encode) => |wire| {
            let mut buffer = BytesMut::new();
            wire.keys
                .iter()
                .for_each(|key| set2(wire, key, &mut buffer));
            black_box(buffer).len()
        },
        (Workload::Set, Task::Encode) => |wire| each(wire, |key, buffer| set2(wire, key, buffer)),
        (Workload::Get, Task::Encode) => |wire| {
            each(wire, |key, buffer| {
                let bulk = resp2::types::BorrowedFrame::BulkString;
                let args = [bulk(b"GET"), bulk(key.as_bytes())];
                let frame = resp2::types::BorrowedFrame::Array(&args);
                resp2::encode::extend_encode_borrowed(buffer, &frame, false).expect("encodes");
            })
        },
        _ => return None,
    })
}

/// The second; what it encodes is the same as with the first.
pub(super) fn run_resp3(workload: Workload, task: Task) -> Option<Run> {
    Some(match (workload, task) {
        (Workload::Array | Workload::Map, Task::Decode) => |wire| {
            let decoded = resp3::decode::complete::decode_bytes(black_box(&wire.bytes));
            let (frame, len) = decoded.expect("valid").expect("whole");
            black_box(frame);
            len
        },
        (_, Task::Decode) => |wire| {
            receive_all(wire, |buffer| {
                let decoded = resp3::decode::complete::decode_bytes_mut(buffer);
                let (frame, len, _) = decoded.expect("valid")?;
                black_box(frame);
                Some(len)
            })
        },
        _ => return None,
    })
}

fn receive_all(wire: &Wire, mut frame: impl FnMut(&mut BytesMut) -> Option<usize>) -> usize {
    let mut done = 0;
    receive(wire, |buffer| {
        while let Some(len) = frame(buffer) {
            done += len;
        }
        0
    });
    done
}

fn each(wire: &Wire, encode: impl Fn(&str, &mut BytesMut)) -> usize {
    let mut len = 0;
    for key in &wire.keys {
        let mut buffer = BytesMut::new();
        encode(key, &mut buffer);
        len += black_box(buffer).len();
    }
    len
}

fn set2(wire: &Wire, key: &str, buffer: &mut BytesMut) {
    let bulk = resp2::types::BorrowedFrame::BulkString;
    let args = [bulk(b"SET"), bulk(key.as_bytes()), bulk(&wire.value)];
    let frame = resp2::types::BorrowedFrame::Array(&args);
    resp2::encode::extend_encode_borrowed(buffer, &frame, false).expect("encodes");
}
