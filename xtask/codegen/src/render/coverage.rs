//! The list of all commands for whoever looks for one.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::params::page;
use crate::corrections::{Corrections, Reply};
use crate::facts::Facts;
use crate::keys::Keys;
use crate::shape::Shape;
use crate::table::Table;

pub(crate) const FILE: &str = "docs/commands.md";

const HEAD: &str = "\
# Commands

Every command that redis 8.0 and valkey 8.1 have, those of modules, and many of newer servers:
what it is called here, and what a cluster does with it. `R` is the caller's type.

Written by `cargo xtask codegen` from [what servers say](../crates/slotline-commands/table/servers.txt)
and [what is put right by hand](../crates/slotline-commands/table/corrections). The exact bytes of
each method with each of its options are tested (`cargo test -p slotline-commands`); where a server
is named, each was called there too, and its reply decoded as its method says
(`cargo xtask integration commands`).
";

/// The whole file. `facts` are what is sent with each command.
pub(crate) fn file(
    rows: &Table,
    facts: &BTreeMap<String, Facts>,
    groups: &BTreeMap<&str, Vec<Shape<'_>>>,
    corrections: &Corrections,
) -> String {
    let mut text = HEAD.to_owned();
    let methods: usize = groups.values().map(Vec::len).sum();
    let _ = writeln!(text, "\n{methods} methods of {} commands.", rows.len());
    for (group, shapes) in groups {
        let _ = write!(
            text,
            "\n## {group}\n\n| command | method | becomes | since | in a cluster | called on |\n|---|---|---|---|---|---|\n"
        );
        for shape in shapes {
            let row = shape.row;
            let name = &row.facts.name;
            let goes = facts.get(name).map(goes).unwrap_or_default();
            let servers = servers(&row.servers_with(&shape.words()));
            let _ = writeln!(
                text,
                "| [{name}]({}) | `{}` | {} | {} | {goes} | {servers} |",
                page(name, &row.since),
                shape.name,
                becomes(shape),
                row.since,
            );
        }
    }
    text += "\n## Without a method\n\n`client.command(\"…\")` sends them, where that is not refused.\n\n| command | why |\n|---|---|\n";
    for (name, correction) in &corrections.commands {
        if let Some(reason) = &correction.skipped {
            let _ = writeln!(text, "| {name} | {reason} |");
        }
    }
    text
}

/// All four, or which, or none.
fn servers(names: &[&str]) -> String {
    match names.len() {
        0 => "bytes alone".to_owned(),
        4 => "all".to_owned(),
        _ => names.join(", "),
    }
}

fn becomes(shape: &Shape<'_>) -> String {
    let all = std::iter::once(&shape.method.reply);
    let all = all.chain(shape.groups.iter().filter_map(|group| group.reply.as_ref()));
    let mut each: Vec<String> = all.map(reply).collect();
    each.dedup();
    each.join(" or ")
}

fn reply(reply: &Reply) -> String {
    let text = match reply {
        Reply::Caller => "R",
        Reply::Done => "()",
        Reply::Flag => "bool",
        Reply::Type(name) => name,
        Reply::Output(output) => match output.as_str() {
            "InSeconds" | "InMillis" => "TimeToLive",
            "EachInSeconds" | "EachInMillis" => "Vec<TimeToLive>",
            "AtSeconds" | "AtMillis" => "Expiry",
            "EachAtSeconds" | "EachAtMillis" => "Vec<Expiry>",
            "IdleSeconds" => "Option<Duration>",
            _ => "SystemTime",
        },
    };
    format!("`{text}`")
}

/// Where the command goes.
fn goes(facts: &Facts) -> String {
    let has = |flag: &str| facts.flags.contains(flag);
    let mut text = match (facts.request, facts.keys) {
        ("MultiShard", _) => "split by slot".to_owned(),
        ("AllShards", _) => "all primaries".to_owned(),
        ("AllNodes", _) => "all nodes".to_owned(),
        ("Special", _) => "one node, by its handle".to_owned(),
        (_, Keys::None) if has("READONLY") => "any node".to_owned(),
        (_, Keys::None) => "any primary".to_owned(),
        _ => "its slot".to_owned(),
    };
    let together = match facts.response {
        "OneSucceeded" => ", one success is enough",
        "AllSucceeded" => ", all must succeed",
        "AggSum" => ", the sum",
        "AggMin" => ", the least",
        "AggMax" => ", the greatest",
        "AggLogicalAnd" => ", and",
        "AggLogicalOr" => ", or",
        "Special" if facts.request != "Special" => ", by node",
        _ => "",
    };
    if facts.request != "Default" {
        text += together;
    }
    if has("READONLY") && !matches!(facts.keys, Keys::None) {
        text += "; may be read from replicas";
    }
    if has("BLOCKING") {
        text += "; on a connection of its own while it waits";
    }
    text
}
