//! Replies as commands give them: of other types in RESP2 and RESP3, and the same
//! once they are decoded.

use slotline_resp::{FromReplyOwned, ReplyKind, Value};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;

use crate::connection::{Connection, Protocol, Resp2, Resp3, in_both, one_of_each};

type Pairs = HashMap<String, Value>;

/// What both connections decode from the same command.
async fn same<T: FromReplyOwned + PartialEq + Debug>(
    (resp2, resp3): (&mut Connection, &mut Connection),
    command: &[&str],
    kinds: (ReplyKind, ReplyKind),
) -> T {
    let replies = (resp2.ask(command).await, resp3.ask(command).await);
    assert_eq!((replies.0.kind(), replies.1.kind()), kinds, "{command:?}");
    let [old, new] = [replies.0, replies.1].map(|reply| {
        let decoded = reply.decode::<T>();
        decoded.unwrap_or_else(|error| panic!("{command:?}: {error}"))
    });
    assert_eq!(old, new, "{command:?}");
    old
}

const MAPS: (ReplyKind, ReplyKind) = (ReplyKind::Array, ReplyKind::Map);
const SETS: (ReplyKind, ReplyKind) = (ReplyKind::Array, ReplyKind::Set);
const ARRAYS: (ReplyKind, ReplyKind) = (ReplyKind::Array, ReplyKind::Array);
const TEXTS: (ReplyKind, ReplyKind) = (ReplyKind::Bulk, ReplyKind::Verbatim);

#[tokio::test]
async fn hashes_and_sets_are_the_same_collections_in_both_versions() {
    let (_server, mut resp2, mut resp3) = one_of_each().await;
    let hash = ["HSET", "hash", "a", "1", "b", "-2", "c\r\n", "3", "", "4"];
    resp2
        .set_up(&[&hash, &["SADD", "set", "x", "y", "", "z"]])
        .await;
    let both = (&mut resp2, &mut resp3);
    let expected = [("a", 1), ("b", -2), ("c\r\n", 3), ("", 4)];
    let expected = expected.map(|(field, value)| (field.to_owned(), value));
    let got: HashMap<String, i64> = same(both, &["HGETALL", "hash"], MAPS).await;
    assert_eq!(got, HashMap::from(expected.clone()));
    let both = (&mut resp2, &mut resp3);
    let got: BTreeMap<String, i64> = same(both, &["HGETALL", "hash"], MAPS).await;
    assert_eq!(got, BTreeMap::from(expected));
    let both = (&mut resp2, &mut resp3);
    let got: HashMap<String, i64> = same(both, &["HGETALL", "none"], MAPS).await;
    assert!(got.is_empty());
    let both = (&mut resp2, &mut resp3);
    let got: HashSet<String> = same(both, &["SMEMBERS", "set"], SETS).await;
    assert_eq!(got, ["x", "y", "", "z"].map(str::to_owned).into());
    let both = (&mut resp2, &mut resp3);
    let got: Vec<Option<i64>> = same(both, &["HMGET", "hash", "a", "none", "b"], ARRAYS).await;
    assert_eq!(got, [Some(1), None, Some(-2)]);
    let both = (&mut resp2, &mut resp3);
    let members = ["SMISMEMBER", "set", "x", "none", ""];
    let got: (bool, bool, bool) = same(both, &members, ARRAYS).await;
    assert_eq!(got, (true, false, true));
}

/// Scores, as they are sent to the server and as numbers.
const SCORES: &[(&str, f64)] = &[
    ("-inf", f64::NEG_INFINITY),
    ("-1.5", -1.5),
    ("0", 0.0),
    ("5e-324", 5e-324),
    ("0.1", 0.1),
    ("3", 3.0),
    ("3.0000000000000004", 3.000_000_000_000_000_4),
    ("9007199254740993", 9_007_199_254_740_992.0),
    ("1e17", 1e17),
    ("1e300", 1e300),
    ("1.7976931348623157e308", f64::MAX),
    ("inf", f64::INFINITY),
];

async fn add_scores(connection: &mut Connection) {
    for (text, _) in SCORES {
        connection.set_up(&[&["ZADD", "scores", text, text]]).await;
    }
}

#[tokio::test]
async fn scores_are_the_same_doubles_in_both_versions() {
    in_both(async |connection| {
        add_scores(connection).await;
        let kind = connection.either(ReplyKind::Bulk, ReplyKind::Double);
        for (text, number) in SCORES {
            let reply = connection.ask(&["ZSCORE", "scores", text]).await;
            assert_eq!(reply.kind(), kind, "{text}");
            assert_eq!(reply.decode(), Ok(*number), "{text}");
            assert_eq!(reply.decode(), Ok(Some(*number)), "{text}");
        }
        let none: Option<f64> = connection.get(&["ZSCORE", "scores", "none"]).await;
        assert_eq!(none, None);

        let mut all = vec!["ZMSCORE", "scores", "none"];
        all.extend(SCORES.iter().map(|(text, _)| *text));
        let got: Vec<Option<f64>> = connection.get(&all).await;
        let numbers = SCORES.iter().map(|(_, number)| Some(*number));
        assert!(got.into_iter().eq([None].into_iter().chain(numbers)));

        // One flat array in RESP2, pairs in RESP3.
        let range = ["ZRANGE", "scores", "0", "-1", "WITHSCORES"];
        let pairs: Vec<(String, f64)> = connection.get(&range).await;
        let by_member: HashMap<String, f64> = connection.get(&range).await;
        assert_eq!(by_member.len(), SCORES.len());
        let expected = SCORES
            .iter()
            .map(|(text, number)| ((*text).to_owned(), *number));
        assert!(pairs.into_iter().eq(expected));
    })
    .await;
}

#[tokio::test]
async fn an_old_server_prints_17_digits_and_a_new_one_the_fewest() {
    in_both(async |connection| {
        add_scores(connection).await;
        let reply = connection.ask(&["ZSCORE", "scores", "1e300"]).await;
        let printed = String::from_utf8_lossy(reply.as_bytes()).into_owned();
        let info: String = connection.get(&["INFO", "server"]).await;
        let is_old = info.contains("redis_version:7.0.");
        println!("{printed:?}");
        let old = connection.either(
            "$23\r\n1.0000000000000001e+300\r\n",
            ",1.0000000000000001e+300\r\n",
        );
        let new = connection.either("$6\r\n1e+300\r\n", ",1e+300\r\n");
        assert_eq!(printed, if is_old { old } else { new });
        assert_eq!(reply.decode(), Ok(1e300));
    })
    .await;
}

#[tokio::test]
async fn coordinates_and_streams_nest_with_nil_among_them() {
    in_both(async |connection| {
        connection
            .set_up(&[
                &["GEOADD", "geo", "13.361389", "38.115556", "here"],
                &["XADD", "stream", "1-1", "f", "v", "g", ""],
                &["XADD", "stream", "2-1", "", "w"],
                &["XGROUP", "CREATE", "stream", "group", "0"],
            ])
            .await;
        let got: Vec<Option<(f64, f64)>> = connection.get(&["GEOPOS", "geo", "here", "no"]).await;
        let [Some((longitude, latitude)), None] = got[..] else {
            panic!("{got:?}")
        };
        assert!((longitude - 13.361_389).abs() < 1e-5, "{longitude}");
        assert!((latitude - 38.115_556).abs() < 1e-5, "{latitude}");

        type Entries = Vec<(String, HashMap<String, String>)>;
        let got: Entries = connection.get(&["XRANGE", "stream", "-", "+"]).await;
        let [first, second] = &got[..] else {
            panic!("{got:?}")
        };
        assert_eq!(
            (
                first.0.as_str(),
                first.1["f"].as_str(),
                first.1["g"].as_str()
            ),
            ("1-1", "v", "")
        );
        assert_eq!((second.0.as_str(), second.1[""].as_str()), ("2-1", "w"));

        // An array of pairs in RESP2, a map in RESP3; nil if there is nothing.
        let read = [
            "XREADGROUP",
            "GROUP",
            "group",
            "me",
            "STREAMS",
            "stream",
            ">",
        ];
        let by_key: HashMap<String, Entries> = connection.get(&read).await;
        let by_key = Vec::from_iter(by_key);
        assert_eq!(by_key, [("stream".to_owned(), got)]);
        let nothing: Option<Vec<Value>> = connection.get(&read).await;
        assert_eq!(nothing, None);

        let info: Pairs = connection.get(&["XINFO", "STREAM", "stream", "FULL"]).await;
        assert_eq!(info["length"], Value::Int(2));
        let groups = info["groups"].as_slice().expect("an array");
        assert_eq!(groups.len(), 1);
        let kind = connection.either(ReplyKind::Array, ReplyKind::Map);
        assert_eq!(groups[0].kind(), kind);
        let groups: Vec<Pairs> = connection.get(&["XINFO", "GROUPS", "stream"]).await;
        assert_eq!(groups[0]["pending"], Value::Int(2));
        assert_eq!(groups[0]["name"].as_str(), Some("group"));
    })
    .await;
}

#[tokio::test]
async fn nil_is_none_in_whichever_spelling() {
    in_both(async |connection| {
        let spellings = |protocol| match protocol {
            Resp2 => ["$-1\r\n", "*-1\r\n"],
            Resp3 => ["_\r\n", "_\r\n"],
        };
        let [string, list] = spellings(connection.protocol());
        for (command, spelling) in [
            (&["GET", "none"][..], string),
            (&["HGET", "none", "f"], string),
            (&["LPOP", "none"], string),
            (&["SPOP", "none"], string),
            (&["ZSCORE", "none", "m"], string),
            (&["RANDOMKEY"], string),
            (&["SET", "none", "v", "XX"], string),
            (&["LPOP", "none", "2"], list),
            (&["BLPOP", "none", "0.001"], list),
            (&["BZPOPMIN", "none", "0.001"], list),
            (&["XREAD", "STREAMS", "none", "0"], list),
        ] {
            let reply = connection.ask(command).await;
            assert_eq!(reply.as_bytes(), spelling.as_bytes(), "{command:?}");
            assert_eq!(reply.kind(), ReplyKind::Null);
            assert_eq!(reply.decode(), Ok(None::<String>));
            assert_eq!(reply.decode(), Ok(None::<Vec<(String, f64)>>));
            assert_eq!(reply.decode(), Ok(Value::Null));
            assert!(reply.decode::<Vec<String>>().is_err());
        }
    })
    .await;
}

#[tokio::test]
async fn texts_for_people_come_without_their_format() {
    let (_server, mut resp2, mut resp3) = one_of_each().await;
    for (command, begins) in [
        (&["INFO", "server"][..], "# Server\r\n"),
        (&["INFO", "everything"], "# Server\r\n"),
        (&["CLIENT", "LIST"], "id="),
        (&["CLIENT", "INFO"], "id="),
        (&["MEMORY", "DOCTOR"], ""),
        (&["LATENCY", "DOCTOR"], ""),
        (&["LOLWUT", "VERSION", "1"], ""),
    ] {
        for connection in [&mut resp2, &mut resp3] {
            let kind = connection.either(TEXTS.0, TEXTS.1);
            let reply = connection.ask(command).await;
            assert_eq!(reply.kind(), kind, "{command:?}");
            let text: &str = reply.decode().expect("text");
            assert!(text.starts_with(begins), "{command:?}: {text}");
            assert!(!text.starts_with("txt:"), "{command:?}");
            let value = reply.value().expect("it was scanned");
            assert_eq!(value.as_str(), Some(text));
            if let Value::Verbatim { format, .. } = value {
                assert_eq!(format, "txt", "{command:?}");
            }
        }
    }
}

#[tokio::test]
async fn the_configuration_is_the_same_map_in_both_versions() {
    let (_server, mut resp2, mut resp3) = one_of_each().await;
    let both = (&mut resp2, &mut resp3);
    let all: HashMap<String, String> = same(both, &["CONFIG", "GET", "*"], MAPS).await;
    println!("{} settings", all.len());
    assert!(all.len() > 150);
    assert_eq!(all["enable-debug-command"], "yes");
    assert_eq!(all["save"], "");
    let both = (&mut resp2, &mut resp3);
    let some: HashMap<String, String> = same(both, &["CONFIG", "GET", "no such"], MAPS).await;
    assert!(some.is_empty());
}

/// The longest and most nested of what servers answer by themselves.
#[tokio::test]
async fn the_documentation_of_every_command_is_the_same_in_both_versions() {
    let (_server, mut resp2, mut resp3) = one_of_each().await;
    let count: usize = resp2.get(&["COMMAND", "COUNT"]).await;
    let both = (&mut resp2, &mut resp3);
    let texts = ["summary", "since", "group", "complexity"];
    let command = ["COMMAND", "DOCS"];
    let [old, new] = [both.0.ask(&command).await, both.1.ask(&command).await].map(|reply| {
        println!("{} bytes", reply.as_bytes().len());
        let docs: HashMap<String, Pairs> = reply.decode().expect("maps in a map");
        let texts_of = |mut doc: Pairs| texts.map(|text| doc.remove(text));
        let docs = docs.into_iter().map(|(name, doc)| (name, texts_of(doc)));
        docs.collect::<BTreeMap<_, _>>()
    });
    println!("{} commands", old.len());
    assert_eq!(old, new);
    assert_eq!(old.len(), count);
    assert!(old["get"].iter().all(Option::is_some));

    for connection in [resp2, resp3] {
        check_command_info(connection, count).await;
    }
}

async fn check_command_info(mut connection: Connection, count: usize) {
    let all: Vec<Vec<Value>> = connection.get(&["COMMAND"]).await;
    assert_eq!(all.len(), count);
    let get = all
        .iter()
        .find(|command| command[0].as_str() == Some("get"));
    let get = get.expect("GET is a command");
    assert_eq!(get[1..2], [Value::Int(2)]);
    let flags = connection.either(ReplyKind::Array, ReplyKind::Set);
    assert_eq!(get[2].kind(), flags);
    let flags = get[2].as_slice().expect("flags");
    assert!(flags.contains(&Value::Simple("readonly".to_owned())));
    let some: (Option<Vec<Value>>, Option<Vec<Value>>) =
        connection.get(&["COMMAND", "INFO", "GET", "no such"]).await;
    assert_eq!(some, (Some(get.clone()), None));
}

#[tokio::test]
async fn numbers_and_words_decode_into_tuples() {
    in_both(async |connection| {
        let (seconds, micros): (u64, u32) = connection.get(&["TIME"]).await;
        assert!(seconds > 1_600_000_000 && micros < 1_000_000);
        let (role, offset, replicas): (String, u64, Vec<Value>) = connection.get(&["ROLE"]).await;
        assert_eq!((role.as_str(), offset, replicas.len()), ("master", 0, 0));
        connection
            .set_up(&[&["MSET", "a", "1", "b", "2"], &["LPUSH", "list", "x"]])
            .await;
        let (cursor, keys): (u64, HashSet<String>) =
            connection.get(&["SCAN", "0", "COUNT", "99"]).await;
        assert_eq!(cursor, 0);
        assert_eq!(keys, ["a", "b", "list"].map(str::to_owned).into());
        let popped: Option<(String, String)> = connection.get(&["BLPOP", "list", "1"]).await;
        assert_eq!(popped, Some(("list".to_owned(), "x".to_owned())));
        for (command, truth) in [
            (["EXISTS", "a"], true),
            (["EXISTS", "none"], false),
            (["PERSIST", "a"], false),
        ] {
            let got: bool = connection.get(&command).await;
            assert_eq!(got, truth, "{command:?}");
        }
        let (one, two): (i64, f32) = connection.get(&["MGET", "a", "b"]).await;
        assert_eq!((one, two), (1, 2.0));
    })
    .await;
}

/// HELLO changes the version between two replies, and the scanner need not know.
#[tokio::test]
async fn the_version_changes_in_mid_stream() {
    in_both(async |connection| {
        connection.set_up(&[&["HSET", "hash", "f", "v"]]).await;
        let versions: [(&str, Protocol); 4] =
            [("2", Resp2), ("3", Resp3), ("3", Resp3), ("2", Resp2)];
        for (version, _) in versions {
            connection.send(&["HELLO", version]).await;
            connection.send(&["HGETALL", "hash"]).await;
        }
        let frames = connection.frames(2 * versions.len()).await;
        for (pair, (version, protocol)) in frames.chunks_exact(2).zip(versions) {
            let kind = match protocol {
                Resp2 => ReplyKind::Array,
                Resp3 => ReplyKind::Map,
            };
            assert_eq!((pair[0].kind(), pair[1].kind()), (kind, kind));
            let hello: Pairs = pair[0].decode().expect("a map");
            assert_eq!(hello["proto"].as_int(), version.parse().ok());
            let hash: HashMap<&str, &str> = pair[1].decode().expect("a map");
            assert_eq!(hash, HashMap::from([("f", "v")]));
        }
    })
    .await;
}
