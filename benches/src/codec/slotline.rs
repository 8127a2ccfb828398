//! This project's codec.

use std::collections::HashMap;
use std::hint::black_box;

use bytes::{Buf, Bytes};
use slotline_resp::{CommandBuffer, FromReplyOwned, Limits, Reader, Scanner, known};

use super::case::Run;
use super::read::receive;
use super::wire::Wire;
use super::workload::{Task, Workload};

pub(super) fn run(workload: Workload, task: Task) -> Option<Run> {
    Some(match (workload, task) {
        (Workload::Replies | Workload::Bulk | Workload::Integers, Task::Scan) => scan_pieces,
        (Workload::Array | Workload::Map, Task::Scan) => scan_whole,
        (Workload::Replies | Workload::Bulk, Task::Decode) => decode_pieces::<Bytes>,
        (Workload::Array, Task::Decode) => decode_whole::<Vec<Bytes>>,
        (Workload::Map, Task::Decode) => decode_whole::<HashMap<String, HashMap<String, String>>>,
        (Workload::Integers, Task::Decode) => decode_pieces::<Vec<i64>>,
        (Workload::Get, Task::Encode) => get,
        (Workload::Set, Task::Encode) => set,
        (Workload::Pipeline, Task::Encode) => pipeline,
        _ => return None,
    })
}

fn scan_whole(wire: &Wire) -> usize {
    let mut scanner = Scanner::new(Limits::default());
    let len = scanner.scan(black_box(&wire.bytes)).expect("valid");
    len.expect("whole")
}

fn scan_pieces(wire: &Wire) -> usize {
    let mut scanner = Scanner::new(Limits::default());
    let mut done = 0;
    receive(wire, |buffer| {
        let mut at = 0;
        while let Some(len) = scanner.scan(&buffer[at..]).expect("valid") {
            at += black_box(len);
        }
        buffer.advance(at);
        done += at;
        scanner.missing()
    });
    done
}

fn decode_whole<T: FromReplyOwned>(wire: &Wire) -> usize {
    let mut scanner = Scanner::new(Limits::default());
    let len = scanner.scan(black_box(&wire.bytes)).expect("valid");
    let len = len.expect("whole");
    let mut reader = Reader::new(&wire.bytes, 0..len);
    black_box(T::from_reply(&mut reader).expect("of the type"));
    len
}

/// As a connection does: the whole replies of a read become one segment, and
/// each is decoded where it lies.
fn decode_pieces<T: FromReplyOwned>(wire: &Wire) -> usize {
    let mut scanner = Scanner::new(Limits::default());
    let mut ends = Vec::new();
    let mut done = 0;
    receive(wire, |buffer| {
        let mut at = 0;
        while let Some(len) = scanner.scan(&buffer[at..]).expect("valid") {
            at += len;
            ends.push(at);
        }
        if at > 0 {
            let segment = buffer.split_to(at).freeze();
            let mut start = 0;
            for end in ends.drain(..) {
                let mut reader = Reader::new(&segment, start..end);
                black_box(T::from_reply(&mut reader).expect("of the type"));
                start = end;
            }
            done += at;
        }
        scanner.missing()
    });
    done
}

fn get(wire: &Wire) -> usize {
    let mut len = 0;
    for key in &wire.keys {
        let mut buffer = CommandBuffer::new();
        buffer.begin(&known::GET, 1).key(key);
        len += black_box(buffer.freeze()).byte_len();
    }
    len
}

fn set(wire: &Wire) -> usize {
    let mut len = 0;
    for key in &wire.keys {
        let mut buffer = CommandBuffer::new();
        buffer.begin(&known::SET, 2).key(key).arg(&wire.value);
        len += black_box(buffer.freeze()).byte_len();
    }
    len
}

fn pipeline(wire: &Wire) -> usize {
    let mut buffer = CommandBuffer::new();
    for key in &wire.keys {
        buffer.begin(&known::SET, 2).key(key).arg(&wire.value);
    }
    black_box(buffer.freeze()).byte_len()
}
