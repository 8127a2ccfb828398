//! The facts about a command: how a server's answer to COMMAND tells them, and how a line of
//! the table does.

use anyhow::{Context, Result, bail};
use slotline_testkit::Value;
use std::collections::BTreeSet;

use super::keys::{self, Keys};

/// What is kept of one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    /// In upper case, a subcommand's after its container's.
    pub(crate) name: String,
    /// The server's flags that have a counterpart, as the table spells them.
    pub(crate) flags: BTreeSet<&'static str>,
    pub(crate) keys: Keys,
    pub(crate) request: &'static str,
    pub(crate) response: &'static str,
}

/// A server's flag and the table's.
const FLAGS: [(&str, &str); 6] = [
    ("readonly", "READONLY"),
    ("write", "WRITE"),
    ("blocking", "BLOCKING"),
    ("admin", "ADMIN"),
    ("pubsub", "PUBSUB"),
    ("movablekeys", "MOVABLE_KEYS"),
];

/// Flags that no server has.
const OWN_FLAGS: [&str; 4] = ["CONTAINER", "IDEMPOTENT", "SESSION", "SCRIPT"];

const REQUEST: [(&str, &str); 4] = [
    ("all_nodes", "AllNodes"),
    ("all_shards", "AllShards"),
    ("multi_shard", "MultiShard"),
    ("special", "Special"),
];

const RESPONSE: [(&str, &str); 8] = [
    ("one_succeeded", "OneSucceeded"),
    ("all_succeeded", "AllSucceeded"),
    ("agg_sum", "AggSum"),
    ("agg_min", "AggMin"),
    ("agg_max", "AggMax"),
    ("agg_logical_and", "AggLogicalAnd"),
    ("agg_logical_or", "AggLogicalOr"),
    ("special", "Special"),
];

/// All commands and subcommands of the answer.
pub(crate) fn read(answer: &Value) -> Result<Vec<Facts>> {
    let mut all = Vec::new();
    for command in list(answer)? {
        read_one(command, &mut all)?;
    }
    Ok(all)
}

fn read_one(command: &Value, all: &mut Vec<Facts>) -> Result<()> {
    let fields = list(command)?;
    let field = |at: usize| fields.get(at).context("a command with too few fields");
    let name = text(field(0)?)?.to_ascii_uppercase().replace('|', " ");
    let about = || format!("command {name}");

    let mut flags = BTreeSet::new();
    for flag in list(field(2)?)? {
        let flag = text(flag)?;
        flags.extend(
            FLAGS
                .iter()
                .filter(|(theirs, _)| *theirs == flag)
                .map(|(_, ours)| *ours),
        );
    }
    let subcommands = list(field(9)?)?;
    if !subcommands.is_empty() {
        flags.insert("CONTAINER");
    }
    let mut facts = Facts {
        keys: keys::read(list(field(8)?)?).with_context(about)?,
        name: name.clone(),
        flags,
        request: "Default",
        response: "Default",
    };
    for tip in list(field(7)?)? {
        let tip = text(tip)?;
        if let Some(policy) = tip.strip_prefix("request_policy:") {
            facts.request = known(&REQUEST, policy).with_context(about)?;
        } else if let Some(policy) = tip.strip_prefix("response_policy:") {
            facts.response = known(&RESPONSE, policy).with_context(about)?;
        }
    }
    all.push(facts);
    subcommands
        .iter()
        .try_for_each(|subcommand| read_one(subcommand, all))
}

fn known(table: &[(&str, &'static str)], policy: &str) -> Result<&'static str> {
    match table.iter().find(|(theirs, _)| *theirs == policy) {
        Some((_, ours)) => Ok(ours),
        None => bail!("a policy that is not known: {policy}"),
    }
}

/// The table's lines for them: what is said of most commands is left out.
pub(crate) fn print(facts: &Facts) -> Vec<(&'static str, String)> {
    let flags: Vec<&str> = facts.flags.iter().copied().collect();
    let lines = [
        ("flags", flags.join(" "), ""),
        ("keys", facts.keys.to_string(), "none"),
        (
            "policies",
            format!("{} {}", facts.request, facts.response),
            "Default Default",
        ),
    ];
    let told = lines.into_iter().filter(|(_, value, usual)| value != usual);
    told.map(|(field, value, _)| (field, value)).collect()
}

/// Takes in one of the lines; tells whether it is one.
pub(crate) fn read_field(facts: &mut Facts, field: &str, value: &str) -> Result<bool> {
    match field {
        "flags" => {
            let ours = FLAGS.iter().map(|(_, ours)| *ours).chain(OWN_FLAGS);
            for flag in value.split_whitespace() {
                let known = ours.clone().find(|ours| *ours == flag);
                facts
                    .flags
                    .insert(known.with_context(|| format!("no flag {flag}"))?);
            }
        }
        "keys" => facts.keys = value.parse()?,
        "policies" => {
            let (request, response) = value.split_once(' ').context("two policies")?;
            let find = |table: &[(&str, &'static str)], policy: &str| {
                let mut ours = table.iter().map(|(_, ours)| *ours).chain(["Default"]);
                ours.find(|ours| *ours == policy)
                    .with_context(|| format!("no policy {policy}"))
            };
            facts.request = find(&REQUEST, request)?;
            facts.response = find(&RESPONSE, response)?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

pub(crate) fn list(value: &Value) -> Result<&[Value]> {
    value.as_slice().context("something that should be a list")
}

pub(crate) fn text(value: &Value) -> Result<&str> {
    value.as_str().context("something that should be a string")
}

impl Facts {
    /// Of a command of which nothing is known but its name.
    pub(crate) fn new(name: &str) -> Facts {
        Facts {
            name: name.to_owned(),
            flags: BTreeSet::new(),
            keys: Keys::None,
            request: "Default",
            response: "Default",
        }
    }

    /// Takes in what another server says of the same command, and returns what
    /// they disagree on. It only reads if both say so, writes if either does,
    /// and may block if either does; for the rest the first server counts.
    pub(crate) fn merge(&mut self, other: &Facts) -> Vec<String> {
        let mut differences = Vec::new();
        let mut differ = |what: &str, own: String, theirs: String| {
            if own != theirs {
                differences.push(format!("{what} {theirs} instead of {own}"));
            }
        };
        differ(
            "flags",
            format!("{:?}", self.flags),
            format!("{:?}", other.flags),
        );
        differ(
            "keys",
            format!("{:?}", self.keys),
            format!("{:?}", other.keys),
        );
        differ("request policy", self.request.into(), other.request.into());
        differ(
            "response policy",
            self.response.into(),
            other.response.into(),
        );
        if !other.flags.contains("READONLY") {
            self.flags.remove("READONLY");
        }
        for flag in ["WRITE", "BLOCKING", "CONTAINER"] {
            if let Some(flag) = other.flags.get(flag) {
                self.flags.insert(flag);
            }
        }
        differences
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn words(words: &[&str]) -> Value {
        Value::Array(
            words
                .iter()
                .map(|word| Value::Simple((*word).into()))
                .collect(),
        )
    }

    fn command(name: &str, flags: &[&str], tips: &[&str], subcommands: Vec<Value>) -> Value {
        let row = [
            Value::Simple(name.into()),
            Value::Int(-2),
            words(flags),
            Value::Int(0),
            Value::Int(0),
            Value::Int(0),
            words(&[]),
            words(tips),
            words(&[]),
            Value::Array(subcommands.into()),
        ];
        Value::Array(row.into())
    }

    #[test]
    fn commands_and_subcommands_are_read_with_flags_and_policies() {
        let tips = [
            "nondeterministic_output",
            "request_policy:all_nodes",
            "response_policy:agg_sum",
        ];
        let sub = command("slowlog|len", &["admin", "loading"], &tips, vec![]);
        let answer = Value::Array([command("slowlog", &[], &[], vec![sub])].into());
        let facts = read(&answer).unwrap();
        assert_eq!(
            (facts[0].name.as_str(), facts[1].name.as_str()),
            ("SLOWLOG", "SLOWLOG LEN")
        );
        assert!(facts[0].flags.contains("CONTAINER"));
        assert_eq!(facts[1].flags, BTreeSet::from(["ADMIN"]));
        assert_eq!(
            (facts[1].request, facts[1].response),
            ("AllNodes", "AggSum")
        );
        let odd = Value::Array([command("x", &[], &["request_policy:whim"], vec![])].into());
        assert!(format!("{:#}", read(&odd).unwrap_err()).contains("whim"));
    }

    #[test]
    fn where_servers_disagree_the_safe_flags_win() {
        let read_flags = |flags: &[&str]| {
            read(&Value::Array([command("x", flags, &[], vec![])].into()))
                .unwrap()
                .remove(0)
        };
        let mut facts = read_flags(&["readonly", "admin"]);
        assert_eq!(facts.merge(&read_flags(&["write", "blocking"])).len(), 1);
        assert_eq!(facts.flags, BTreeSet::from(["ADMIN", "BLOCKING", "WRITE"]));
        assert!(facts.clone().merge(&facts).is_empty());
    }
}
