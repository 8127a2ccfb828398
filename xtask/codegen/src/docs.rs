//! Reading a server's answer to COMMAND DOCS.

use anyhow::{Context, Result, bail};
use slotline_testkit::Value;
use std::collections::BTreeMap;

use super::facts::{list, text};
use super::syntax::Node;

/// What is kept of what a server says of one command. Its summary is not: the words in
/// this project are its own.
#[derive(Debug, Clone)]
pub(crate) struct Doc {
    pub(crate) group: String,
    pub(crate) since: String,
    pub(crate) complexity: Option<String>,
    pub(crate) arguments: Vec<Node>,
}

/// All commands and subcommands of the answer, by name.
pub(crate) fn read(answer: &Value) -> Result<BTreeMap<String, Doc>> {
    let mut all = BTreeMap::new();
    commands(answer, &mut all)?;
    Ok(all)
}

fn commands(answer: &Value, all: &mut BTreeMap<String, Doc>) -> Result<()> {
    for pair in list(answer)?.chunks_exact(2) {
        let [name, doc] = pair else { continue };
        let name = text(name)?.to_ascii_uppercase().replace('|', " ");
        let about = || format!("command {name}");
        // Modules may be silent about either.
        let string = |field| -> Result<String> {
            let value = get(doc, field)?.map(text).transpose()?;
            Ok(value.unwrap_or("unknown").to_owned())
        };
        let arguments = get(doc, "arguments")?;
        let complexity = get(doc, "complexity")?.map(text).transpose()?;
        all.insert(
            name.clone(),
            Doc {
                group: string("group").with_context(about)?,
                since: string("since").with_context(about)?,
                complexity: complexity.and_then(order),
                arguments: match arguments {
                    Some(arguments) => nodes(arguments).with_context(about)?,
                    None => Vec::new(),
                },
            },
        );
        if let Some(subcommands) = get(doc, "subcommands")? {
            commands(subcommands, all)?;
        }
    }
    Ok(())
}

/// The first order of growth that is named, as `O(log(N))`.
fn order(complexity: &str) -> Option<String> {
    let from = complexity.find("O(")?;
    let mut depth = 0;
    let rest = complexity.get(from..)?;
    for (at, c) in rest.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return rest.get(..=at).map(str::to_owned);
        }
    }
    None
}

fn nodes(arguments: &Value) -> Result<Vec<Node>> {
    let mut nodes = Vec::new();
    for argument in list(arguments)? {
        match node(argument)? {
            // A word and its value are two nodes of what they belong to.
            Node::Block(None, inner) => nodes.extend(inner),
            other => nodes.push(other),
        }
    }
    Ok(nodes)
}

/// Each is a node of its own.
fn choices(arguments: &Value) -> Result<Vec<Node>> {
    list(arguments)?.iter().map(node).collect()
}

fn node(argument: &Value) -> Result<Node> {
    let name = name(text(
        get(argument, "name")?.context("an argument without a name")?,
    )?);
    let kind = text(get(argument, "type")?.context("an argument without a type")?)?;
    let token = get(argument, "token")?.map(text).transpose()?;
    let flags = match get(argument, "flags")? {
        Some(flags) => list(flags)?.iter().map(text).collect::<Result<_>>()?,
        None => Vec::new(),
    };
    let word = token.map(|token| match token {
        "" => Node::Word("\"\"".to_owned()),
        token => Node::Word(token.to_ascii_uppercase()),
    });
    let inner = || get(argument, "arguments")?.context("an argument without its parts");
    let mut found = match kind {
        "pure-token" => word.clone().context("a token without its word")?,
        "oneof" => Node::OneOf(Some(name), choices(inner()?)?),
        "block" => Node::Block(None, nodes(inner()?)?),
        "string" | "integer" | "double" | "key" | "pattern" | "unix-time" => Node::Value {
            name,
            kind: kind.to_owned(),
            is_key: get(argument, "key_spec_index")?.is_some(),
        },
        other => bail!("a type of argument that is not known: {other}"),
    };
    let repeats_token = flags.contains(&"multiple_token");
    let is_many = flags.contains(&"multiple") || repeats_token;
    if is_many && !repeats_token {
        found = Node::Many(Box::new(found));
    }
    if let Some(word) = word.filter(|_| kind != "pure-token") {
        found = match found {
            Node::Block(None, mut nodes) => {
                nodes.insert(0, word);
                Node::Block(None, nodes)
            }
            other => Node::Block(None, vec![word, other]),
        };
    }
    if flags.contains(&"optional") {
        found = Node::Optional(Box::new(unwrapped(found)));
    }
    if repeats_token {
        found = Node::Many(Box::new(found));
    }
    Ok(found)
}

/// A block of one is what is in it.
fn unwrapped(node: Node) -> Node {
    match node {
        Node::Block(None, mut nodes) if nodes.len() == 1 => nodes.swap_remove(0),
        other => other,
    }
}

/// Servers have names such as `ip:port` and `entries_read`.
fn name(name: &str) -> String {
    name.to_ascii_lowercase()
        .replace(|c: char| !c.is_ascii_alphanumeric(), "-")
}

fn get<'a>(map: &'a Value, name: &str) -> Result<Option<&'a Value>> {
    let mut pairs = list(map)?.chunks_exact(2);
    let pair = pairs.find(|pair| pair.first().and_then(Value::as_str) == Some(name));
    Ok(pair.and_then(|pair| pair.get(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::print;

    fn word(word: &str) -> Value {
        Value::Simple(word.into())
    }

    fn map(pairs: &[(&str, Value)]) -> Value {
        let flat = pairs
            .iter()
            .flat_map(|(name, value)| [word(name), value.clone()]);
        Value::Array(flat.collect())
    }

    fn array(values: Vec<Value>) -> Value {
        Value::Array(values.into())
    }

    fn argument(name: &str, kind: &str, more: &[(&str, Value)]) -> Value {
        let mut pairs = vec![("name", word(name)), ("type", word(kind))];
        pairs.extend(more.iter().cloned());
        map(&pairs)
    }

    fn flags(flags: &[&str]) -> (&'static str, Value) {
        (
            "flags",
            array(flags.iter().map(|flag| word(flag)).collect()),
        )
    }

    #[test]
    fn arguments_become_a_line() {
        let check = |argument: Value, expected: &str| {
            assert_eq!(print(&[node(&argument).unwrap()]), expected);
        };
        let key = argument("key", "key", &[("key_spec_index", Value::Int(0))]);
        check(key, "key:key#");
        let token = |token: &str| ("token", word(token));
        check(
            argument(
                "get",
                "pattern",
                &[
                    token("GET"),
                    flags(&["optional", "multiple", "multiple_token"]),
                ],
            ),
            "[GET get:pattern]...",
        );
        check(
            argument(
                "id",
                "integer",
                &[token("ID"), flags(&["optional", "multiple"])],
            ),
            "[ID id:integer...]",
        );
        let either = array(vec![
            argument("nx", "pure-token", &[token("nx")]),
            argument("ms", "integer", &[token("PX")]),
        ]);
        check(
            argument(
                "condition",
                "oneof",
                &[flags(&["optional"]), ("arguments", either)],
            ),
            "condition=[NX|PX ms:integer]",
        );
        let parts = array(vec![argument("ip:port", "string", &[])]);
        check(
            argument("b", "block", &[flags(&["multiple"]), ("arguments", parts)]),
            "(ip-port:string)...",
        );
        assert!(node(&argument("x", "whim", &[])).is_err());
    }

    #[test]
    fn the_order_of_growth_is_taken_without_the_words() {
        assert_eq!(
            order("O(log(N)) for each item"),
            Some("O(log(N))".to_owned())
        );
        assert_eq!(order("Depends."), None);
        assert_eq!(order("O(N"), None);
    }
}
