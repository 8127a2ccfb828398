//! Where the keys of each command are, compared with COMMAND GETKEYS.

use slotline_resp::{CommandBuffer, Value};
use slotline_testkit::Node;
use slotline_tests::server;

/// Which of the arguments that may be left out are there, and which of several
/// forms they have.
#[derive(Clone, Copy)]
enum Form {
    Shortest,
    WithTheFirst,
    WithTheLast,
}

/// A field of a map, which RESP2 writes as names and values in turn.
fn field<'v>(map: &'v Value, name: &str) -> Option<&'v Value> {
    let mut pairs = map.as_slice()?.chunks_exact(2);
    let found = pairs.find(|pair| pair[0].as_str() == Some(name));
    found.map(|pair| &pair[1])
}

fn text<'v>(map: &'v Value, name: &str) -> &'v str {
    field(map, name).and_then(Value::as_str).unwrap_or_default()
}

fn list<'v>(map: &'v Value, name: &str) -> &'v [Value] {
    field(map, name)
        .and_then(Value::as_slice)
        .unwrap_or_default()
}

fn has(argument: &Value, flag: &str) -> bool {
    let mut flags = list(argument, "flags").iter();
    flags.any(|own| own.as_str() == Some(flag))
}

/// The commands that COMMAND DOCS describes, subcommands in place of what holds
/// them.
fn commands(docs: &Value) -> Vec<(Vec<String>, &Value)> {
    let mut all = Vec::new();
    for pair in docs.as_slice().unwrap().chunks_exact(2) {
        let (name, about) = (pair[0].as_str().unwrap(), &pair[1]);
        let subcommands = list(about, "subcommands");
        if subcommands.is_empty() {
            all.push((vec![name.to_owned()], about));
        }
        for pair in subcommands.chunks_exact(2) {
            let words = pair[0].as_str().unwrap().split('|');
            all.push((words.map(str::to_owned).collect(), &pair[1]));
        }
    }
    all
}

/// Words that make a call of the arguments, in this form.
fn call(arguments: &[Value], form: Form, next_key: &mut u32) -> Vec<String> {
    let mut words = Vec::new();
    for (index, argument) in arguments.iter().enumerate() {
        if !is_there(argument, form) {
            continue;
        }
        let times = if has(argument, "multiple") { 2 } else { 1 };
        let token = field(argument, "token").and_then(Value::as_str);
        for turn in 0..times {
            if turn == 0 || has(argument, "multiple_token") {
                words.extend(token.filter(|token| !token.is_empty()).map(str::to_owned));
            }
            match text(argument, "type") {
                "key" => {
                    *next_key += 1;
                    words.push(format!("key:{next_key}"));
                }
                "block" => words.extend(call(list(argument, "arguments"), form, next_key)),
                "oneof" => {
                    let all = list(argument, "arguments");
                    let chosen = match form {
                        Form::WithTheLast => all.last(),
                        _ => all.first(),
                    };
                    words.extend(call(
                        chosen.map(std::slice::from_ref).unwrap(),
                        form,
                        next_key,
                    ));
                }
                "pure-token" => {}
                "integer" if text(argument, "name") == "numkeys" => {
                    let keys = |argument: &&Value| text(argument, "type") == "key";
                    let keys = arguments.iter().skip(index).find(keys);
                    let keys = keys.filter(|keys| is_there(keys, form));
                    let count = keys.map_or(0, |keys| 1 + u8::from(has(keys, "multiple")));
                    words.push(count.to_string());
                }
                "integer" | "double" | "unix-time" => words.push("1".to_owned()),
                _ => words.push("word".to_owned()),
            }
        }
    }
    words
}

fn is_there(argument: &Value, form: Form) -> bool {
    !matches!(form, Form::Shortest) || !has(argument, "optional")
}

/// The keys by the server; `None` if it does not take this for a call.
async fn by_server(server: &Node, words: &[String]) -> Option<Vec<String>> {
    let mut command = vec!["COMMAND".to_owned(), "GETKEYS".to_owned()];
    command.extend_from_slice(words);
    match server.ask(&command).await {
        Ok(keys) => Some(keys),
        Err(error) if error.to_string().contains("no key arguments") => Some(Vec::new()),
        Err(error) => {
            assert_eq!(error.code(), Some("ERR"), "{words:?}: {error}");
            None
        }
    }
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

/// Fails when a command's key specification is another than its server's: with
/// SORT's taken for a range, say, the key behind STORE is missed.
#[tokio::test]
async fn keys_are_where_the_server_finds_them() {
    let server = server().await;
    let docs: Value = server.ask(&["COMMAND", "DOCS"]).await.unwrap();
    let mut calls: Vec<Vec<String>> = Vec::new();
    let mut by_command = std::collections::BTreeMap::new();
    for (name, about) in commands(&docs) {
        for form in [Form::Shortest, Form::WithTheFirst, Form::WithTheLast] {
            let mut words = name.clone();
            words.extend(call(list(about, "arguments"), form, &mut 0));
            calls.push(words);
        }
        by_command.insert(name.join(" "), 0);
    }
    // What COMMAND DOCS does not lead to.
    for line in [
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
    ] {
        calls.push(words(line));
    }
    // Channels of a slot are found as keys are, and are none by COMMAND GETKEYS.
    calls.retain(|words| !matches!(&*words[0], "spublish" | "ssubscribe" | "sunsubscribe"));
    let (mut compared, mut with_keys) = (0, 0);
    let mut wrong = Vec::new();
    for words in &calls {
        let Some(expected) = by_server(&server, words).await else {
            continue;
        };
        compared += 1;
        with_keys += usize::from(!expected.is_empty());
        for len in 1..=words.len().min(2) {
            if let Some(count) = by_command.get_mut(&words[..len].join(" ").to_lowercase()) {
                *count += 1;
            }
        }
        let found = by_specification(words);
        if found != expected {
            wrong.push(format!("{words:?}: {found:?}, by the server {expected:?}"));
        }
    }
    let never: Vec<&String> = by_command
        .iter()
        .filter(|(_, count)| **count == 0)
        .map(|(name, _)| name)
        .collect();
    println!(
        "{compared} of {} calls compared, {with_keys} with keys; none of {never:?}",
        calls.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(with_keys > 300 && never.len() < 30);
}
