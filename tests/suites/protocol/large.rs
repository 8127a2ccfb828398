//! Replies that are long, wide, or both.

use bytes::{Bytes, BytesMut};
use slotline_resp::{CommandBuffer, Limits, Reply, Scanner, known};
use std::collections::HashSet;

use crate::connection::{Connection, in_both};

const MIB: usize = 1 << 20;

#[tokio::test]
async fn a_hundred_thousand_integers() {
    in_both(async |connection| {
        let script = "local t = {} for i = 1, 100000 do t[i] = i end return t";
        let all: Vec<u32> = connection.get(&["EVAL", script, "0"]).await;
        assert!(all.into_iter().eq(1..=100_000));
    })
    .await;
}

#[tokio::test]
async fn a_hundred_thousand_members_of_a_set_sent_in_one_command() {
    in_both(async |connection| {
        let members: Vec<String> = (0..100_000).map(|n| format!("member:{n}")).collect();
        let mut buffer = CommandBuffer::new();
        // Its count grows from one digit to six while it is built.
        buffer.begin(&known::SADD, 0).key("set").args(&members);
        connection.write(&buffer.freeze()).await;
        let added = connection.frames(1).await.remove(0);
        assert_eq!(added.decode(), Ok(100_000));
        let reply = connection.ask(&["SMEMBERS", "set"]).await;
        let got: HashSet<&str> = reply.decode().expect("members");
        assert_eq!(got, members.iter().map(String::as_str).collect());
    })
    .await;
}

/// Blocks whose length no power of two divides, with what might end a line in them.
fn payload(len: usize) -> Bytes {
    let block: Vec<u8> = (0..4099_u32).map(|n| (n * n % 256) as u8).collect();
    let mut all = block.repeat(len / block.len() + 1);
    all.truncate(len);
    all[..14].copy_from_slice(b"\r\n$5\r\nhello\r\n\0");
    all.into()
}

async fn store(connection: &mut Connection, payload: &Bytes) {
    let mut buffer = CommandBuffer::new();
    buffer.begin(&known::SET, 2).key("big").arg(payload);
    connection.write(&buffer.freeze()).await;
    let stored = connection.frames(1).await.remove(0);
    assert_eq!(stored.decode(), Ok("OK"));
}

#[tokio::test]
async fn a_bulk_of_64_mib_in_reads_of_4_kib() {
    let payload = payload(64 * MIB);
    in_both(async |connection| {
        store(connection, &payload).await;
        connection.send(&["GET", "big"]).await;
        let header = b"$67108864\r\n".len();
        let len = header + payload.len() + 2;
        let mut scanner = Scanner::new(Limits::default());
        let (mut arrived, mut piece) = (BytesMut::new(), [0; 4096]);
        let (mut reads, mut scanned) = (0, None);
        while scanned.is_none() {
            let read = connection.read_piece(&mut piece).await;
            assert!(read > 0, "closed by the server");
            arrived.extend_from_slice(&piece[..read]);
            scanned = scanner.scan(&arrived).expect("sound");
            reads += 1;
            let missing = match arrived.len() < header {
                true => 0,
                false => len - arrived.len(),
            };
            assert_eq!(scanner.missing(), missing, "after {reads} reads");
        }
        println!("{reads} reads");
        assert!(reads >= len / piece.len());
        assert_eq!(scanned, Some(len));
        assert_eq!(arrived.len(), len);
        let reply = Reply::from_scanned(arrived.freeze());
        let got: Bytes = reply.decode().expect("bytes");
        assert!(got == payload, "not the same bytes");
        // Not a copy, but a part of what was read.
        assert_eq!(got.as_ptr(), reply.as_bytes()[header..].as_ptr());
    })
    .await;
}

#[tokio::test]
async fn a_bulk_of_4_mib_cut_at_every_position() {
    let payload = payload(4 * MIB);
    in_both(async |connection| {
        store(connection, &payload).await;
        let reply = connection.ask(&["GET", "big"]).await;
        assert!(reply.decode() == Ok(&payload[..]), "not the same bytes");
        // And in the middle of others.
        connection.set_up(&[&["RPUSH", "list", "a", "", "c"]]).await;
        let script = "return {redis.call('LRANGE', KEYS[1], 0, -1), redis.call('GET', KEYS[2]), 7}";
        let reply = connection.ask(&["EVAL", script, "2", "list", "big"]).await;
        let (list, big, seven): (Vec<&str>, &[u8], u8) = reply.decode().expect("three of them");
        assert_eq!((list, seven), (vec!["a", "", "c"], 7));
        assert!(big == payload, "not the same bytes");
    })
    .await;
}

#[tokio::test]
async fn a_longer_bulk_than_allowed_is_refused_at_its_header() {
    in_both(async |connection| {
        connection
            .set_up(&[&["SETRANGE", "big", "999999", "x"]])
            .await;
        connection.send(&["GET", "big"]).await;
        let recorded = connection.record(1).await;
        for (limits, fits) in [
            (Limits::default().bulk(1_000_000), true),
            (Limits::default().bulk(999_999), false),
            (Limits::default().total(recorded.len()), true),
            (Limits::default().total(recorded.len() - 1), false),
        ] {
            let whole = Scanner::new(limits).scan(&recorded);
            let header = Scanner::new(limits).scan(&recorded[..b"$1000000\r\n".len()]);
            match fits {
                true => {
                    assert_eq!(whole, Ok(Some(recorded.len())));
                    assert_eq!(header, Ok(None));
                }
                false => {
                    let refused = header.expect_err("too long");
                    assert!(refused.is_limit(), "{refused}");
                    assert_eq!(whole, Err(refused));
                }
            }
        }
    })
    .await;
}
