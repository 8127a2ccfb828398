//! What the codec allocates: in proportion to what has arrived, whatever that
//! announces, and nothing where nothing is needed.

use std::collections::HashMap;

use allocation_counter::measure;
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use slotline_resp::{
    CommandBuffer, CommandDecoder, Error, FromReply, Limits, Protocol, Reader, Reply, ReplyBuffer,
    Scanner, Value, known,
};

use crate::properties::{almost_commands, almost_resp};

/// The most that may be allocated at once for each byte that has arrived: a
/// `Value` for every three bytes, twice while a vector grows.
const PER_BYTE: u64 = 2 * 80;
/// For errors and a scanner's own nest.
const BESIDES: u64 = 4096;

/// The most bytes that scanning and decoding hold at any moment.
fn peak(bytes: &[u8]) -> u64 {
    let whole = Bytes::copy_from_slice(bytes);
    let work = || {
        let mut scanner = Scanner::new(Limits::default().depth(u32::MAX));
        let end = scanner.scan(&whole).ok().flatten();
        // Bytes that no scanner let pass must be as harmless.
        let reply = Reply::from_scanned(whole.slice(..end.unwrap_or(whole.len())));
        let _ = reply.value();
        let _ = reply.decode::<Vec<i64>>();
        let _ = reply.decode::<HashMap<Bytes, Vec<Value>>>();
        let _ = reply.decode::<Vec<Vec<Result<(String, f64), Error>>>>();
        let _ = reply.reader().skip();
        #[cfg(feature = "serde")]
        {
            let _ = reply.deserialize::<Value>();
            let _ = reply.deserialize::<Vec<Vec<Vec<i64>>>>();
            let _ = reply.deserialize::<HashMap<String, HashMap<String, Option<f64>>>>();
        }
    };
    measure(work).bytes_max
}

#[track_caller]
fn modest(bytes: &[u8]) {
    let (peak, allowed) = (peak(bytes), PER_BYTE * bytes.len() as u64 + BESIDES);
    assert!(peak <= allowed, "{} bytes made us hold {peak}", bytes.len());
}

#[test]
fn what_is_announced_is_not_believed() {
    for header in [
        "*134217727\r\n",
        "%67108863\r\n",
        "~134217727\r\n",
        ">134217727\r\n",
        "|67108863\r\n",
        "$536870912\r\n",
        "=536870912\r\n",
        "*9223372036854775807\r\n",
    ] {
        modest(header.as_bytes());
        modest(format!("*1\r\n{header}:1\r\n").as_bytes());
        // Each level announces as much again.
        modest(header.repeat(10_000).as_bytes());
        modest(format!("{}{}", header.repeat(100), ":1\r\n".repeat(1000)).as_bytes());
    }
    modest("*1\r\n".repeat(100_000).as_bytes());
    modest("*?\r\n".repeat(100_000).as_bytes());
    modest("$?\r\n".repeat(100_000).as_bytes());
    modest(&[b"+".as_slice(), &[b'x'; 1 << 20]].concat());
}

/// What is reserved for an argument on the peer's word alone.
const TRUSTED: u64 = 1 << 20;

#[track_caller]
fn modest_command(bytes: &[u8]) {
    let work = || {
        let mut buffer = BytesMut::from(bytes);
        let mut decoder = CommandDecoder::new(Limits::default());
        while let Ok(Some(command)) = decoder.decode(&mut buffer) {
            assert!(!command.is_empty());
        }
    };
    let (peak, len) = (measure(work).bytes_max, bytes.len() as u64);
    let allowed = PER_BYTE * len + TRUSTED + BESIDES;
    assert!(peak <= allowed, "{len} bytes made us hold {peak}");
}

#[test]
fn what_a_command_announces_is_not_believed() {
    modest_command(b"*134217727\r\n");
    modest_command(b"*2\r\n$536870912\r\nx");
    modest_command("*134217727\r\n$0\r\n\r\n".repeat(1000).as_bytes());
    let many = format!("*100000\r\n{}", "$0\r\n\r\n".repeat(99_999));
    modest_command(many.as_bytes());
    modest_command((many + "$0\r\n\r\n").as_bytes());
    modest_command("x ".repeat(32_000).as_bytes());
    modest_command("x\n".repeat(100_000).as_bytes());
}

proptest! {
    #[test]
    fn any_bytes_of_a_client_allocate_no_more_than_a_constant_times_their_length(
        bytes in almost_commands(),
    ) {
        modest_command(&bytes);
    }

    #[test]
    fn any_bytes_allocate_no_more_than_a_constant_times_their_length(
        bytes in prop_oneof![almost_resp(), prop::collection::vec(any::<u8>(), 0..200)],
    ) {
        modest(&bytes);
    }
}

#[test]
fn what_is_borrowed_or_shared_allocates_nothing() {
    let frame = Bytes::from("*3\r\n$5\r\nhello\r\n+OK\r\n=7\r\ntxt:abc\r\n");
    // The first reference to a vector's memory makes its counter.
    let reply = Reply::from_scanned(frame.clone());
    let made = measure(|| {
        let mut scanner = Scanner::new(Limits::default());
        assert_eq!(scanner.scan(&frame), Ok(Some(frame.len())));
        assert!(reply.decode::<(&str, &str, &str)>().is_ok());
        assert!(reply.decode::<(&[u8], &[u8], &[u8])>().is_ok());
        assert!(reply.decode::<(Bytes, Bytes, Bytes)>().is_ok());
        let mut reader = Reader::new(&frame, 0..frame.len());
        assert!(Option::<(&str, Bytes, &[u8])>::from_reply(&mut reader).is_ok());
    });
    assert_eq!(made.count_total, 0);
}

#[test]
fn a_list_of_tuples_takes_no_more_room_than_it_needs_in_any_spelling() {
    for text in [
        "*6\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n",
        "%3\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n",
        "*3\r\n*2\r\n:1\r\n:2\r\n*2\r\n:3\r\n:4\r\n*2\r\n:5\r\n:6\r\n",
    ] {
        let reply = Reply::from_frame(text.into()).unwrap();
        let pairs: Vec<(i64, i64)> = reply.decode().unwrap();
        assert_eq!(pairs, [(1, 2), (3, 4), (5, 6)]);
        assert_eq!(pairs.capacity(), 3, "{text:?}");
    }
}

#[test]
fn a_batch_of_known_length_allocates_as_often_however_long_it_is() {
    for commands in [10, 100, 10_000] {
        let made = measure(|| {
            let mut buffer = CommandBuffer::with_capacity(commands);
            for n in 0..commands {
                buffer.begin(&known::GET, 1).key(&n);
            }
            assert_eq!(buffer.freeze().len(), commands);
        });
        // Bytes, commands, keys, and what shares them.
        assert_eq!(made.count_total, 4, "{commands} commands");
    }
}

#[test]
fn a_lone_small_command_allocates_once() {
    let value = [b'v'; 64];
    let made = measure(|| {
        let mut buffer = CommandBuffer::new();
        buffer.begin(&known::SET, 2).key("key:000001").arg(&value);
        let command = buffer.freeze();
        let again = command.clone();
        assert_eq!(again.byte_len(), command.byte_len());
    });
    // It then travels as one pointer, through whatever layers there are.
    assert_eq!(made.count_total, 1);
}

/// Fails when the last bytes of a batch double what is there for them.
#[test]
fn what_is_kept_of_a_batch_is_little_more_than_its_bytes() {
    let value = [b'v'; 4 << 10];
    let mut kept = None;
    let made = measure(|| {
        let mut buffer = CommandBuffer::new();
        buffer.begin(&known::SET, 2).key("key:000001").arg(&value);
        buffer.begin(&known::INCR, 1).key("key:000002");
        kept = Some(buffer.freeze());
    });
    let bytes = kept.map_or(0, |kept| kept.byte_len()) as i64;
    assert!(bytes > 4 << 10);
    assert!(made.bytes_current < bytes + 512, "{made:?}");
}

#[test]
fn a_batch_allocates_a_handful_however_long_it_is() {
    let value = Bytes::from(vec![b'v'; 32 << 10]);
    let encode = |commands: usize| {
        let made = measure(|| {
            let mut buffer = CommandBuffer::new();
            for n in 0..commands {
                buffer.begin(&known::SET, 2).key(&n).arg(&value);
            }
            let all = buffer.freeze();
            let parts = (all.slice(0..commands / 2), all.clone());
            assert_eq!(parts.1.len(), commands);
        });
        (made.count_total, made.bytes_total)
    };
    let (few, _) = encode(10);
    let (many, bytes) = encode(1000);
    // Only what doubles as it grows: entries, keys, large arguments, bytes.
    assert!(many - few <= 4 * 7, "{few} for ten, {many} for a thousand");
    assert!(
        bytes < 1 << 20,
        "the 32 MiB of values were not copied, {bytes} bytes"
    );
}

#[test]
fn small_commands_allocate_nothing_but_their_buffer_s_counter() {
    let frame = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\n";
    let mut buffer = BytesMut::from(frame.repeat(1000).as_bytes());
    let mut decoder = CommandDecoder::new(Limits::default());
    let mut decoded = 0;
    let made = measure(|| {
        while let Ok(Some(command)) = decoder.decode(&mut buffer) {
            let value = command.arg(2);
            assert_eq!(value.as_deref(), Some(&b"hello"[..]));
            assert_eq!(command.clone().name(), "SET");
            decoded += 1;
        }
    });
    assert_eq!((decoded, made.count_total), (1000, 1));
}

#[test]
fn replies_are_written_without_anything_in_between() {
    let tree = Value::Map([(Value::Simple("a".into()), Value::Double(0.1))].into());
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let mut replies = ReplyBuffer::onto(BytesMut::with_capacity(1024), protocol);
        let made = measure(|| {
            replies.simple("OK").integer(i64::MIN).double(-1.25e-7);
            replies.error("ERR a\r\nb").verbatim("txt", "text");
            replies.big_number("-12345678901234567890").array(2);
            replies.boolean(true).null_array().bulk(b"bytes");
        });
        assert_eq!(made.count_total, 0);
        // A walk remembers what is open: one stack for the whole tree.
        let made = measure(|| {
            replies.value(&tree);
        });
        assert_eq!(made.count_total, 1);
    }
}
