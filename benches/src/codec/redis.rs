//! The `redis` crate: its parser makes a `Value` of every reply, as its
//! multiplexed connection runs it.

use std::hint::black_box;

use bytes::BytesMut;
use redis::{Pipeline, ValueCodec, cmd, parse_redis_value};
use tokio_util::codec::Decoder;

use super::case::Run;
use super::read::receive;
use super::wire::Wire;
use super::workload::{Task, Workload};

pub(super) fn run(workload: Workload, task: Task) -> Option<Run> {
    Some(match (workload, task) {
        (Workload::Array | Workload::Map, Task::Decode) => decode_whole,
        (_, Task::Decode) => decode_pieces,
        (Workload::Get, Task::Encode) => get,
        (Workload::Set, Task::Encode) => set,
        (Workload::Pipeline, Task::Encode) => pipeline,
        _ => return None,
    })
}

fn decode_whole(wire: &Wire) -> usize {
    black_box(parse_redis_value(black_box(&wire.bytes)).expect("valid"));
    wire.bytes.len()
}

fn decode_pieces(wire: &Wire) -> usize {
    let mut codec = ValueCodec::default();
    let mut done = 0;
    receive(wire, |buffer: &mut BytesMut| {
        let before = buffer.len();
        while let Some(value) = codec.decode(buffer).expect("valid") {
            black_box(value);
        }
        done += before - buffer.len();
        0
    });
    done
}

fn get(wire: &Wire) -> usize {
    let mut len = 0;
    for key in &wire.keys {
        len += black_box(cmd("GET").arg(key).get_packed_command()).len();
    }
    len
}

fn set(wire: &Wire) -> usize {
    let mut len = 0;
    for key in &wire.keys {
        let packed = cmd("SET").arg(key).arg(&wire.value).get_packed_command();
        len += black_box(packed).len();
    }
    len
}

fn pipeline(wire: &Wire) -> usize {
    let mut pipeline = Pipeline::new();
    for key in &wire.keys {
        pipeline.cmd("SET").arg(key).arg(&wire.value);
    }
    black_box(pipeline.get_packed_pipeline()).len()
}
