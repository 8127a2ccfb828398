//! Commands as the codec encodes them, and what servers make of them.

use bytes::Bytes;
use slotline_resp::{CommandBuffer, Limits, Value, known};
use slotline_tests::server;
use std::collections::{HashMap, HashSet};

use crate::connection::{Connection, Resp2, Resp3, encode, in_both};
use crate::cuts;

/// Arguments that an encoder could trip over.
fn odd_arguments() -> Vec<Vec<u8>> {
    let every_byte: Vec<u8> = (0..=255).collect();
    let words: [&[u8]; 16] = [
        b"",
        b" ",
        b"\r\n",
        b"\r",
        b"\n",
        b"\0",
        b"\r\n\r\n",
        b"+OK\r\n",
        b"-ERR no\r\n",
        b"$5\r\nhello\r\n",
        b"*1\r\n$4\r\nQUIT\r\n",
        b"$-1\r\n",
        b"\xff\xfe\xfd",
        b"\"quoted\" 'and' \\x00",
        "caf\u{e9} \u{4e16}\u{754c} \u{1f980}".as_bytes(),
        &every_byte,
    ];
    let mut all: Vec<Vec<u8>> = words.map(<[u8]>::to_vec).into();
    all.extend(every_byte.iter().map(|byte| vec![*byte]));
    // At and around the sizes where digits or buffers change.
    for len in [9, 10, 99, 100, 127, 128, 129, 16_383, 16_384, 16_385] {
        all.push(every_byte.iter().copied().cycle().take(len).collect());
    }
    all.push(b"\r\n".repeat(1 << 19));
    all
}

#[tokio::test]
async fn odd_arguments_come_back_as_they_were_sent() {
    in_both(async |connection| {
        let arguments = odd_arguments();
        let mut buffer = CommandBuffer::new();
        for argument in &arguments {
            buffer.begin(&known::ECHO, 1).arg(argument);
        }
        // And once more as `Bytes`, which the buffer may keep rather than copy.
        for argument in &arguments {
            let argument = Bytes::copy_from_slice(argument);
            buffer.begin(&known::ECHO, 1).arg(&argument);
        }
        connection.write(&buffer.freeze()).await;
        for argument in arguments.iter().chain(&arguments) {
            let reply = connection.frames(1).await.remove(0);
            assert!(reply.decode() == Ok(argument.as_slice()), "{argument:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn odd_keys_fields_and_values_are_stored_as_they_were_sent() {
    in_both(async |connection| {
        let names = odd_arguments();
        let mut buffer = CommandBuffer::new();
        for name in &names {
            buffer.begin(&known::SET, 2).key(name).arg(name);
            buffer
                .begin(&known::HSET, 3)
                .key("hash")
                .arg(name)
                .arg(name);
            buffer.begin(&known::GET, 1).key(name);
        }
        connection.write(&buffer.freeze()).await;
        for name in &names {
            for _ in 0..2 {
                assert!(!connection.frames(1).await[0].is_error());
            }
            let value = connection.frames(1).await.remove(0);
            assert!(value.decode() == Ok(name.as_slice()), "{name:?}");
        }
        let distinct: HashSet<&[u8]> = names.iter().map(Vec::as_slice).collect();
        let reply = connection.ask(&["HGETALL", "hash"]).await;
        let hash: HashMap<&[u8], &[u8]> = reply.decode().expect("a map");
        assert!(hash == distinct.iter().map(|name| (*name, *name)).collect());
        let reply = connection.ask(&["KEYS", "*"]).await;
        let mut keys: HashSet<&[u8]> = reply.decode().expect("keys");
        assert!(keys.remove(&b"hash"[..]));
        assert!(keys == distinct, "not the same keys");
    })
    .await;
}

#[tokio::test]
async fn a_thousand_commands_in_one_write_are_answered_in_order() {
    in_both(async |connection| {
        let mut buffer = CommandBuffer::new();
        let value = |n: usize| format!("{n}:").repeat(n % 50 + 1);
        for n in 0..250 {
            let key = format!("key:{n}");
            buffer.begin(&known::SET, 2).key(&key).arg(&value(n));
            buffer.begin(&known::GET, 1).key(&key);
            buffer.begin(&known::INCRBY, 2).key("sum").arg(&n);
            buffer.begin(&known::LPUSH, 2).key(&key).arg(&n);
        }
        assert_eq!(buffer.len(), 1000);
        connection.write(&buffer.freeze()).await;
        let replies = connection.frames(1000).await;
        let mut sum = 0;
        for (n, four) in replies.chunks_exact(4).enumerate() {
            sum += n;
            assert_eq!(four[0].decode(), Ok("OK"));
            assert_eq!(four[1].decode(), Ok(value(n)));
            assert_eq!(four[2].decode(), Ok(sum));
            assert_eq!(four[3].error_code(), Some("WRONGTYPE"));
        }
        assert_eq!(sum, 31125);
    })
    .await;
}

#[tokio::test]
async fn a_count_that_was_guessed_wrong_is_put_right() {
    in_both(async |connection| {
        for count in [1, 7, 8, 9, 10, 97, 98, 99, 100, 998, 1000] {
            for guess in [0, 1, count, 2 * count, 100_000] {
                let mut buffer = CommandBuffer::new();
                buffer.begin(&known::RPUSH, guess).key("list");
                for n in 0..count {
                    buffer.arg(&n);
                }
                buffer
                    .begin(&known::LRANGE, guess)
                    .key("list")
                    .arg(&0)
                    .arg(&-1);
                buffer.begin(&known::DEL, guess).key("list");
                connection.write(&buffer.freeze()).await;
                let replies = connection.frames(3).await;
                assert_eq!(replies[0].decode(), Ok(count), "{count} guessed as {guess}");
                let list: Vec<usize> = replies[1].decode().expect("a list");
                assert!(list.into_iter().eq(0..count), "{count} guessed as {guess}");
                assert_eq!(replies[2].decode(), Ok(1));
            }
        }
    })
    .await;
}

/// Large arguments lie apart from the rest, which moves as the count grows.
#[tokio::test]
async fn large_arguments_stay_in_their_places_while_the_count_grows() {
    in_both(async |connection| {
        let large = Bytes::from(b"large\r\n".repeat(3_000));
        for guess in [0, 50, 1_000] {
            let mut buffer = CommandBuffer::new();
            let mut expected: Vec<Bytes> = Vec::new();
            buffer.begin(&known::ECHO, 1).arg(&large);
            buffer.begin(&known::RPUSH, guess).key("list");
            for n in 0..150 {
                buffer.arg(&n);
                expected.push(n.to_string().into());
                if n % 50 == 49 {
                    buffer.arg(&large);
                    expected.push(large.clone());
                }
            }
            buffer.begin(&known::GETDEL, guess).key(&large);
            buffer.begin(&known::SET, guess).key(&large).arg(&large);
            connection.write(&buffer.freeze()).await;
            let replies = connection.frames(4).await;
            assert_eq!(replies[0].decode(), Ok(large.clone()));
            assert_eq!(replies[1].decode(), Ok(expected.len()));
            let old = (guess > 0).then(|| large.clone());
            assert_eq!(replies[2].decode(), Ok(old));
            assert_eq!(replies[3].decode(), Ok("OK"));
            let list: Vec<Bytes> = connection.get(&["LRANGE", "list", "0", "-1"]).await;
            assert!(list == expected, "guessed as {guess}");
            connection.set_up(&[&["DEL", "list"]]).await;
        }
    })
    .await;
}

#[tokio::test]
async fn numbers_are_read_by_the_server_as_what_they_are() {
    in_both(async |connection| {
        for n in [0, 1, -1, 9, 10, i64::from(i32::MIN), i64::MAX, i64::MIN] {
            let mut buffer = CommandBuffer::new();
            buffer.begin(&known::SET, 2).key("n").arg(&n);
            buffer.begin(&known::INCRBY, 2).key("n").arg(&0_u8);
            connection.write(&buffer.freeze()).await;
            let replies = connection.frames(2).await;
            assert_eq!(replies[1].value(), Ok(Value::Int(n)));
        }
        for n in [
            0.0,
            -0.0,
            1.0,
            0.1,
            -2.5,
            1e15,
            1e16,
            1e17,
            1e21,
            1e22,
            1e-5,
            1e-7,
            1e300,
            1e-300,
            5e-324,
            f64::MIN_POSITIVE,
            f64::EPSILON,
            f64::MAX,
            f64::MIN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            1.0 / 3.0,
            2.0_f64.powi(63),
            123_456_789.123_456_79,
        ] {
            let mut buffer = CommandBuffer::new();
            buffer.begin(&known::ZADD, 3).key("scores").arg(&n).arg("m");
            buffer.begin(&known::ZSCORE, 2).key("scores").arg("m");
            connection.write(&buffer.freeze()).await;
            let replies = connection.frames(2).await;
            assert!(!replies[0].is_error(), "{n}");
            assert_eq!(replies[1].decode(), Ok(n), "{n}");
        }
        let mut buffer = CommandBuffer::new();
        buffer
            .begin(&known::ZADD, 3)
            .key("scores")
            .arg(&f64::NAN)
            .arg("m");
        connection.write(&buffer.freeze()).await;
        let refused = connection.frames(1).await.remove(0);
        assert_eq!(refused.error_code(), Some("ERR"), "there is no such score");
    })
    .await;
}

#[tokio::test]
async fn maps_pairs_options_and_slices_become_arguments() {
    in_both(async |connection| {
        let fields = HashMap::from([("a", 1.5), ("b", -2.0), ("c\r\n", 1e300)]);
        let mut buffer = CommandBuffer::new();
        buffer.begin(&known::HSET, 0).key("hash").args(&fields);
        buffer
            .begin(&known::SET, 0)
            .key("k")
            .arg("v")
            .args(&Some(("PX", 100_000)));
        buffer
            .begin(&known::SET, 0)
            .key("l")
            .arg("w")
            .args(&None::<&str>);
        buffer.begin(&known::MGET, 0).keys(&["k", "l", "none"]);
        buffer.begin(&known::CONFIG_GET, 1).arg("maxmemory");
        buffer.begin_named("config get").arg("maxmemory");
        buffer.begin_named("ObJeCt").arg("EnCoDiNg").arg("k");
        connection.write(&buffer.freeze()).await;
        let replies = connection.frames(7).await;
        assert_eq!(replies[0].decode(), Ok(3));
        assert_eq!(replies[1].decode(), Ok("OK"));
        assert_eq!(replies[2].decode(), Ok("OK"));
        assert_eq!(
            replies[3].decode(),
            Ok((Some("v"), Some("w"), None::<&str>))
        );
        let setting = HashMap::from([("maxmemory", 0)]);
        assert_eq!(replies[4].decode(), Ok(setting.clone()));
        assert_eq!(replies[5].decode(), Ok(setting));
        assert_eq!(replies[6].decode(), Ok("embstr"));
        let reply = connection.ask(&["HGETALL", "hash"]).await;
        assert_eq!(reply.decode(), Ok(fields));
        let left: i64 = connection.get(&["PTTL", "k"]).await;
        assert!((1..=100_000).contains(&left), "{left}");
    })
    .await;
}

#[tokio::test]
async fn part_of_the_commands_can_be_sent_in_any_order() {
    in_both(async |connection| {
        let mut buffer = CommandBuffer::new();
        for n in 0..100 {
            encode(
                &mut buffer,
                &["ECHO".to_owned(), format!("{n}\r\n").repeat(n + 1)],
            );
        }
        let all = buffer.freeze();
        let picks: Vec<u32> = (0..100).rev().step_by(3).chain([7, 8, 9, 7]).collect();
        for (commands, expected) in [
            (all.slice(10..20), (10..20).collect()),
            (all.pick(&picks), picks),
        ] {
            assert_eq!(commands.to_vec().len(), commands.byte_len());
            connection.write(&commands).await;
            let replies = connection.frames(expected.len()).await;
            for (reply, n) in replies.iter().zip(expected) {
                let echoed = format!("{n}\r\n").repeat(n as usize + 1);
                assert_eq!(reply.decode(), Ok(echoed));
            }
        }
    })
    .await;
}

/// The codec writes none of these, but a server answers them all the same.
#[tokio::test]
async fn inline_commands_are_answered_like_any_other() {
    in_both(async |connection| {
        let typed =
            b"PING\r\n\r\n  \r\nECHO \"a b\\r\\n\\x00\\xff\"\nECHO 'it\\'s'\r\n\"ECHO\" x\r\n";
        connection.say(typed).await;
        let replies = connection.frames(4).await;
        assert_eq!(replies[0].decode(), Ok("PONG"));
        assert_eq!(replies[1].decode(), Ok(&b"a b\r\n\0\xff"[..]));
        assert_eq!(replies[2].decode(), Ok("it's"));
        assert_eq!(replies[3].decode(), Ok("x"));
        // Among encoded ones, and after an empty array, which is no command.
        connection
            .say(b"*0\r\nECHO 1\r\n*2\r\n$4\r\nECHO\r\n$1\r\n2\r\n*-1\r\nECHO 3\r\n")
            .await;
        let replies = connection.frames(3).await;
        let numbers = replies.iter().map(|reply| reply.decode::<u8>());
        assert!(numbers.eq([Ok(1), Ok(2), Ok(3)]));
    })
    .await;
}

/// What a server says to bytes that are no commands is an error, then the end.
#[tokio::test]
async fn what_is_no_command_is_an_error_and_the_end() {
    let server = server().await;
    // One byte more than a line may have: were it more, the server would close with
    // bytes unread, and its last words could be lost.
    let long = [b"*1\r\n$", &b"1".repeat(65_536)[..]].concat();
    for bytes in [
        b"*1\r\n:5\r\n",
        &b"*1\r\n$-1\r\n"[..],
        b"*x\r\n",
        b"*2147483648\r\n",
        b"*1\r\n$999999999999\r\n",
        b"ECHO \"no end\r\n",
        &b"x".repeat(65_537),
        &long,
    ] {
        for protocol in [Resp2, Resp3] {
            let mut connection = Connection::open(&server, protocol).await;
            connection.say(b"PING\r\n").await;
            connection.say(bytes).await;
            let recorded = connection.record_to_end().await;
            let frames = cuts::frames(Limits::default(), &recorded);
            assert_eq!(frames.len(), 2);
            assert_eq!(frames[0].decode(), Ok("PONG"));
            let error = frames[1].error().expect("an error");
            assert!(error.message().starts_with("ERR Protocol error"), "{error}");
        }
    }
}
