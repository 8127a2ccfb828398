//! What the table says of each command, compared with COMMAND INFO.

use std::collections::BTreeSet;

use slotline_resp::{CommandInfo, Flags, RequestPolicy, ResponsePolicy, Value, command_info};
use slotline_tests::{binary, server};

/// Flags that the server has too, as it writes them. SESSION and SCRIPT are the
/// table's own.
const FLAGS: [(&str, Flags); 6] = [
    ("readonly", Flags::READONLY),
    ("write", Flags::WRITE),
    ("blocking", Flags::BLOCKING),
    ("admin", Flags::ADMIN),
    ("pubsub", Flags::PUBSUB),
    ("movablekeys", Flags::MOVABLE_KEYS),
];

/// What is said of a command that has subcommands.
const CONTAINER: &str = "container";

/// Where the table says other than a server on purpose: the server's release, or
/// any; the command; what the table alone says; what the server alone says.
const DELIBERATE: [(&str, &str, &str, &str); 12] = [
    // Any node answers it. Asked of every primary it would fail with one of them.
    (
        "",
        "PING",
        "",
        "request_policy:all_shards response_policy:all_succeeded",
    ),
    // Split by slot it would no longer be all or nothing. Later releases say so.
    (
        "7.0",
        "MSETNX",
        "",
        "request_policy:multi_shard response_policy:agg_min",
    ),
    // It blocks in every release, and later ones say so.
    ("7.0", "WAIT", "blocking", ""),
    // It answers how many series it has reset, which are to be added up.
    (
        "7.0",
        "LATENCY RESET",
        "response_policy:agg_sum",
        "response_policy:all_succeeded",
    ),
    // These are for every node in later releases; done at one node alone they would
    // be done by halves.
    ("7.0", "ACL DELUSER", TO_ALL, ""),
    ("7.0", "ACL SAVE", TO_ALL, ""),
    ("7.0", "ACL SETUSER", TO_ALL, ""),
    ("7.0", "CLIENT SETNAME", TO_ALL, ""),
    ("7.0", "CONFIG RESETSTAT", TO_ALL, ""),
    ("7.0", "CONFIG REWRITE", TO_ALL, ""),
    // Neither several keys nor several cursors make a list, as no policy would mean.
    ("7.0", "RANDOMKEY", "response_policy:special", ""),
    ("7.0", "SCAN", "response_policy:special", ""),
];

const TO_ALL: &str = "request_policy:all_nodes response_policy:all_succeeded";

type Facts = BTreeSet<String>;

fn by_table(info: &CommandInfo) -> Facts {
    let flags = FLAGS.iter().filter(|(_, flag)| info.flags.contains(*flag));
    let mut facts: Facts = flags.map(|(name, _)| (*name).to_owned()).collect();
    if info.flags.contains(Flags::CONTAINER) {
        facts.insert(CONTAINER.to_owned());
    }
    let request = match info.request {
        RequestPolicy::Default => None,
        RequestPolicy::AllNodes => Some("all_nodes"),
        RequestPolicy::AllShards => Some("all_shards"),
        RequestPolicy::MultiShard => Some("multi_shard"),
        RequestPolicy::Special => Some("special"),
        other => panic!("{}: {other:?}", info.name),
    };
    let response = match info.response {
        ResponsePolicy::Default => None,
        ResponsePolicy::OneSucceeded => Some("one_succeeded"),
        ResponsePolicy::AllSucceeded => Some("all_succeeded"),
        ResponsePolicy::AggSum => Some("agg_sum"),
        ResponsePolicy::AggMin => Some("agg_min"),
        ResponsePolicy::AggMax => Some("agg_max"),
        ResponsePolicy::AggLogicalAnd => Some("agg_logical_and"),
        ResponsePolicy::AggLogicalOr => Some("agg_logical_or"),
        ResponsePolicy::Special => Some("special"),
        other => panic!("{}: {other:?}", info.name),
    };
    facts.extend(request.map(|policy| format!("request_policy:{policy}")));
    facts.extend(response.map(|policy| format!("response_policy:{policy}")));
    facts
}

/// The words of a list in the server's answer.
fn words(list: &Value) -> impl Iterator<Item = &str> {
    let list = list.as_slice().unwrap().iter();
    list.map(|word| word.as_str().unwrap())
}

/// A command as the server describes it: name, arity, flags, first, last and step,
/// categories, tips, key specifications, subcommands.
struct Described<'v> {
    name: String,
    flags: &'v Value,
    tips: &'v Value,
    subcommands: &'v [Value],
}

impl<'v> Described<'v> {
    fn read(entry: &'v Value) -> Described<'v> {
        let [name, _, flags, .., tips, _, subcommands] = entry.as_slice().unwrap() else {
            panic!("{entry:?}");
        };
        Described {
            name: name.as_str().unwrap().to_uppercase().replace('|', " "),
            flags,
            tips,
            subcommands: subcommands.as_slice().unwrap(),
        }
    }

    fn facts(&self) -> Facts {
        let known = |flag: &&str| FLAGS.iter().any(|(name, _)| name == flag);
        let policy = |tip: &&str| tip.contains("_policy:");
        let mut facts: Facts = words(self.flags)
            .filter(known)
            .chain(words(self.tips).filter(policy))
            .map(str::to_owned)
            .collect();
        if !self.subcommands.is_empty() {
            facts.insert(CONTAINER.to_owned());
        }
        facts
    }
}

/// The commands, and behind each its subcommands.
fn all(entries: &[Value]) -> Vec<Described<'_>> {
    let mut all = Vec::new();
    for entry in entries {
        let command = Described::read(entry);
        let subcommands = command.subcommands;
        all.push(command);
        all.extend(subcommands.iter().map(Described::read));
    }
    all
}

fn only_in(one: &Facts, other: &Facts) -> String {
    let own: Vec<&str> = one.difference(other).map(String::as_str).collect();
    own.join(" ")
}

/// Fails when a command's flags or policies are other than its server's. With EXPIRE
/// taken for a read, say, it would go to replicas.
#[tokio::test]
async fn the_table_says_of_each_command_what_the_server_says() {
    let binary = binary();
    let release = format!("{}.{}", binary.version().major, binary.version().minor);
    let server = server().await;
    let answer: Value = server.ask(&["COMMAND", "INFO"]).await.unwrap();
    let mut found = BTreeSet::new();
    let (mut commands, mut reads, mut writes) = (0, 0, 0);
    for command in all(answer.as_slice().unwrap()) {
        let info = command_info(&command.name);
        assert_eq!(info.name, command.name, "the table does not know it");
        let (ours, theirs) = (by_table(info), command.facts());
        // No replica is asked for what the server does not call a read.
        assert_eq!(info.is_readonly(), theirs.contains("readonly"), "{info:?}");
        commands += 1;
        reads += usize::from(theirs.contains("readonly"));
        writes += usize::from(theirs.contains("write"));
        if ours != theirs {
            let (ours, theirs) = (only_in(&ours, &theirs), only_in(&theirs, &ours));
            found.insert((command.name, ours, theirs));
        }
    }
    let here = |of: &&(&str, &str, &str, &str)| of.0.is_empty() || of.0 == release;
    let deliberate: BTreeSet<_> = DELIBERATE
        .iter()
        .filter(here)
        .map(|(_, name, ours, theirs)| {
            let [name, ours, theirs] = [name, ours, theirs].map(|text| (*text).to_owned());
            (name, ours, theirs)
        })
        .collect();
    // Both ways: a difference that there is no longer has no business in the list.
    assert_eq!(found, deliberate);
    println!("{commands} commands compared, {reads} that read, {writes} that write");
    assert!(commands > 350 && reads > 80 && writes > 100);
}
