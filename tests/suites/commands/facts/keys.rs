//! Where the keys of each command are, compared with COMMAND GETKEYS.

use std::collections::BTreeSet;

use slotline_resp::{CommandBuffer, Value};
use slotline_testkit::Node;
use slotline_tests::server;

use super::calls::{calls, commands};

/// The keys by the server, none where it finds none; `None` if it does not take this
/// for a call.
async fn by_server(server: &Node, words: &[String]) -> Option<Vec<String>> {
    let mut command = vec!["COMMAND".to_owned(), "GETKEYS".to_owned()];
    command.extend_from_slice(words);
    match server.ask(&command).await {
        Ok(keys) => Some(keys),
        Err(error) if is_none(&error.to_string()) => Some(Vec::new()),
        Err(error) => {
            assert_eq!(error.code(), Some("ERR"), "{words:?}: {error}");
            None
        }
    }
}

fn is_none(error: &str) -> bool {
    ["no key arguments", "Invalid arguments specified"]
        .iter()
        .any(|text| error.contains(text))
}

fn by_specification(words: &[String]) -> Vec<String> {
    let (name, arguments) = words.split_first().unwrap();
    let mut buffer = CommandBuffer::new();
    buffer.begin_named(name);
    for argument in arguments {
        buffer.arg(argument);
    }
    let commands = buffer.freeze();
    let keys = commands.get(0).unwrap().keys();
    keys.map(|key| String::from_utf8_lossy(key).into_owned())
        .collect()
}

fn words(line: &str) -> Vec<String> {
    let words = line.split(' ').map(|word| word.trim_matches('\''));
    words.map(str::to_owned).collect()
}

/// Where the server finds no keys and the table does, on purpose. The server's own code
/// takes these for no calls; sent they are refused by it, wherever they go.
const DELIBERATE: [&str; 3] = [
    // A range of keys that may be empty, which it is here: nothing is merged, and made.
    "pfmerge key:1",
    // Either a key or a list of them.
    "migrate word 1 key:1 1 1 KEYS key:2",
    "migrate word 1 key:1 1 1 KEYS key:2 key:3 key:4",
];

/// What COMMAND DOCS does not lead to.
const BY_HAND: [&str; 17] = [
    "MIGRATE h 1 '' 0 9 KEYS a b",
    "MIGRATE h 1 '' 0 9 COPY AUTH p KEYS a b",
    "MIGRATE h 1 k 0 9",
    "SORT k BY STORE GET STORE LIMIT 0 1 STORE d",
    "SORT k STORE c STORE d",
    // Of a STORE and a STOREDIST some servers name the last and some both.
    "GEORADIUS k 1 1 1 m COUNT 1 STOREDIST d",
    "GEORADIUSBYMEMBER k m 1 m STORE d",
    "XREAD COUNT 1 BLOCK 0 STREAMS a b c 0 0 0",
    "XREADGROUP GROUP streams streams STREAMS a >",
    "EVAL s 0 a",
    "EVALSHA s 2 a b c",
    "ZUNIONSTORE d 2 a b WEIGHTS 1 2",
    "LMPOP 2 a b LEFT",
    "BZMPOP 0 2 a b MIN",
    "OBJECT ENCODING k",
    "MEMORY USAGE k",
    "BITOP AND d a b",
];

/// Fails when a command's key specification is another than its server's: with
/// SORT's taken for a range, say, the key behind STORE is missed.
#[tokio::test]
async fn keys_are_where_the_server_finds_them() {
    let server = server().await;
    let docs: Value = server.ask(&["COMMAND", "DOCS"]).await.unwrap();
    let mut all: Vec<Vec<String>> = BY_HAND.map(words).to_vec();
    // Each command until one of its calls has been compared.
    let mut never = BTreeSet::new();
    for (name, arguments) in commands(&docs) {
        // Channels of a slot are found as keys are, and are none by COMMAND GETKEYS.
        if ["spublish", "ssubscribe", "sunsubscribe"].contains(&&*name[0]) {
            continue;
        }
        let calls = calls(arguments);
        // Redis 7.0 wants an argument, of those that have none too.
        if calls.iter().any(|words| !words.is_empty()) {
            never.insert(name.clone());
        }
        all.extend(calls.iter().map(|words| [&name[..], words].concat()));
    }
    let (mut compared, mut with_keys) = (0, 0);
    let (mut wrong, mut deliberate) = (Vec::new(), BTreeSet::new());
    for words in &all {
        let Some(expected) = by_server(&server, words).await else {
            continue;
        };
        compared += 1;
        with_keys += usize::from(!expected.is_empty());
        for len in 1..=words.len().min(2) {
            never.remove(&words[..len]);
        }
        let found = by_specification(words);
        let line = words.join(" ");
        if DELIBERATE.contains(&&*line) && expected.is_empty() && !found.is_empty() {
            deliberate.insert(line);
        } else if found != expected {
            wrong.push(format!("{words:?}: {found:?}, by the server {expected:?}"));
        }
    }
    println!(
        "{compared} of {} calls compared, {with_keys} with keys",
        all.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(never.is_empty(), "no call was compared of {never:?}");
    assert!(with_keys > 600);
    // A difference that there is no longer has no business in the list.
    let asked = |line: &&str| all.contains(&words(line));
    let expected: BTreeSet<String> = DELIBERATE
        .iter()
        .copied()
        .filter(asked)
        .map(str::to_owned)
        .collect();
    assert_eq!(deliberate, expected);
}
