//! Large transfers that cross (R3).

use bytes::Bytes;
use slotline_pool::{Pool, Protocol, WhileAway};
use slotline_resp::{CommandBuffer, Commands};
use slotline_testkit::ProxyConnection;
use slotline_tests::{PATIENCE, in_time};

use super::line::Line;
use crate::setting::{BOTH, late, words};

const LEN: usize = 10 << 20;

fn payload(seed: usize) -> Vec<u8> {
    let block: Vec<u8> = (0..4099).map(|n| (n * seed % 251) as u8).collect();
    let mut all = block.repeat(LEN / block.len() + 1);
    all.truncate(LEN);
    all
}

fn set(key: &str, value: &[u8]) -> Commands {
    let mut buffer = CommandBuffer::new();
    buffer.begin_named("SET").key(key).arg(value);
    buffer.freeze()
}

/// A GET and a SET of 10 MiB each, sent one right behind the other, while something
/// is done to their connection.
async fn cross(line: &Line, pool: &Pool, meanwhile: impl Future<Output = ()>) {
    let (down, up) = (payload(7), payload(11));
    let get = pool.send(words(&["GET down"]), late(), WhileAway::Wait);
    let set = pool.send(set("up", &up), late(), WhileAway::Wait);
    let all = async { tokio::join!(get, set, meanwhile) };
    let (got, stored, ()) = in_time(all).await;
    let got: Bytes = got.replies.decode(0).expect("a reply").expect("bytes");
    assert!(got == down, "not the same bytes");
    let stored: String = stored.replies.decode(0).expect("a reply").expect("OK");
    assert_eq!(stored, "OK");
    let arrived: Bytes = line.server.ask(&["GET", "up"]).await.expect("GET");
    assert!(arrived == up, "not the same bytes");
    assert_eq!(pool.statistics().dials, 1);
}

async fn start(protocol: Protocol) -> (Line, Pool, ProxyConnection) {
    let line = Line::with_buffers(protocol, 16 << 10).await;
    let down = set("down", &payload(7));
    let pool = Pool::builder(line.server.address().into()).build();
    in_time(pool.send(down, late(), WhileAway::Wait)).await;
    let pool = line.pool().build();
    let connection = line.connection(&pool).await;
    (line, pool, connection)
}

#[tokio::test(flavor = "multi_thread")]
async fn large_transfers_that_cross_through_small_buffers_finish() {
    for protocol in BOTH {
        let (line, pool, connection) = start(protocol).await;
        cross(&line, &pool, async {}).await;
        let passed = connection.to_server().traffic().passed;
        assert!(passed > LEN as u64 && connection.to_client().traffic().passed > LEN as u64);
    }
}

/// Nothing is taken from the client until it has taken the whole reply itself.
///
/// Fails when the driver does not read while what it writes is held up (in
/// `Driver::poll`, read nothing once a write was blocked, until one was not).
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_read_while_a_write_is_held_up() {
    for protocol in BOTH {
        let (line, pool, connection) = start(protocol).await;
        let (up, down) = (connection.to_server(), connection.to_client());
        let before = (up.traffic(), down.traffic());
        let room = words(&["GET down"]).byte_len() as u64 + 1000;
        up.from_byte(before.0.arrived + room).stop_reading();
        let meanwhile = async {
            let whole = before.1.passed + LEN as u64;
            down.until_passed(whole, PATIENCE)
                .await
                .expect("it is read");
            let held_up = up.traffic();
            assert_eq!(
                (held_up.arrived, held_up.left_unread),
                (before.0.arrived + room, 1)
            );
            up.resume();
        };
        cross(&line, &pool, meanwhile).await;
    }
}

/// Nothing is given to the client until it has given all of its own.
///
/// Fails when the driver does not write while a reply is under way (in
/// `Driver::take_over`, take nothing while the inbox holds a part of a reply).
#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_written_while_a_reply_is_held_up() {
    for protocol in BOTH {
        let (line, pool, connection) = start(protocol).await;
        let (up, down) = (connection.to_server(), connection.to_client());
        let before = (up.traffic(), down.traffic());
        down.from_byte(before.1.passed + 1000).pause();
        let meanwhile = async {
            let whole = before.0.passed + LEN as u64;
            up.until_passed(whole, PATIENCE)
                .await
                .expect("it is written");
            let held_up = down.traffic();
            assert_eq!(
                (held_up.passed, held_up.pauses),
                (before.1.passed + 1000, 1)
            );
            down.resume();
        };
        cross(&line, &pool, meanwhile).await;
    }
}
