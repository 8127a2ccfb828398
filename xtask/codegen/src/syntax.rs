//! The arguments of commands as trees, and how a line of text spells them:
//! `key:key# value:string condition=[NX|XX] [PX milliseconds:integer]`.
//!
//! `name:kind` is an argument, `#` marks a key; what has no colon is a word that is sent
//! as it is. `[…]` may be left out, `<…>` is one of several, `(…)` belongs together, `…`
//! behind any of them says once or more, and `label=` names it. `[a|b]` is `[<a|b>]`.

use anyhow::{Result, bail};
use std::fmt;

/// A piece of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    /// Sent as it is.
    Word(String),
    Value {
        name: String,
        kind: String,
        is_key: bool,
    },
    Block(Label, Vec<Node>),
    OneOf(Label, Vec<Node>),
    Optional(Box<Node>),
    Many(Box<Node>),
}

pub(crate) type Label = Option<String>;

impl Node {
    /// Every word in it.
    pub(crate) fn words(&self) -> Vec<&str> {
        match self {
            Node::Word(word) => vec![word],
            Node::Value { .. } => Vec::new(),
            Node::Block(_, nodes) | Node::OneOf(_, nodes) => {
                nodes.iter().flat_map(Node::words).collect()
            }
            Node::Optional(node) | Node::Many(node) => node.words(),
        }
    }
}

/// As it is written in the table.
pub(crate) fn print(nodes: &[Node]) -> String {
    let each: Vec<String> = nodes.iter().map(Node::to_string).collect();
    each.join(" ")
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = |label: &Label| match label {
            Some(label) => format!("{label}="),
            None => String::new(),
        };
        match self {
            Node::Word(word) => f.write_str(word),
            Node::Value { name, kind, is_key } => {
                write!(f, "{name}:{kind}{}", if *is_key { "#" } else { "" })
            }
            Node::Block(name, nodes) => write!(f, "{}({})", label(name), print(nodes)),
            Node::OneOf(name, nodes) => write!(f, "{}<{}>", label(name), alternatives(nodes)),
            Node::Optional(node) => match &**node {
                Node::OneOf(name, nodes) => write!(f, "{}[{}]", label(name), alternatives(nodes)),
                Node::Block(name, nodes) => write!(f, "{}[{}]", label(name), print(nodes)),
                other => write!(f, "[{other}]"),
            },
            Node::Many(node) => write!(f, "{node}..."),
        }
    }
}

fn alternatives(nodes: &[Node]) -> String {
    let each = nodes.iter().map(|node| match node {
        Node::Block(None, nodes) => print(nodes),
        other => other.to_string(),
    });
    each.collect::<Vec<_>>().join("|")
}

/// Reads a line.
pub(crate) fn parse(text: &str) -> Result<Vec<Node>> {
    let mut reader = Reader { rest: text };
    let nodes = reader.sequence()?;
    if !reader.rest.is_empty() {
        bail!("{:?} closes nothing, in {text:?}", reader.rest);
    }
    Ok(nodes)
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn skip(&mut self, c: char) -> bool {
        let after = self.rest.strip_prefix(c);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn sequence(&mut self) -> Result<Vec<Node>> {
        let mut nodes = Vec::new();
        loop {
            self.rest = self.rest.trim_start();
            if self.rest.is_empty() || self.rest.starts_with([']', '>', ')', '|']) {
                return Ok(nodes);
            }
            nodes.push(self.node()?);
        }
    }

    fn node(&mut self) -> Result<Node> {
        let label = self.label();
        let mut node = match self.rest.chars().next() {
            Some('[') => Node::Optional(Box::new(self.group('[', ']', label)?)),
            Some('<') => self.group('<', '>', label)?,
            Some('(') => self.group('(', ')', label)?,
            _ => self.word()?,
        };
        if let Some(after) = self.rest.strip_prefix("...") {
            self.rest = after;
            node = Node::Many(Box::new(node));
        }
        Ok(node)
    }

    /// A name before an `=` that stands before a bracket.
    fn label(&mut self) -> Label {
        let (name, after) = self.rest.split_once('=')?;
        let is_name = !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_alphanumeric() || "-_".contains(c));
        if !is_name || !after.starts_with(['[', '<', '(']) {
            return None;
        }
        let name = name.to_owned();
        self.rest = after;
        Some(name)
    }

    fn group(&mut self, open: char, close: char, label: Label) -> Result<Node> {
        self.skip(open);
        let mut each = vec![self.sequence()?];
        while self.skip('|') {
            each.push(self.sequence()?);
        }
        if !self.skip(close) {
            bail!("{open} is not closed before {:?}", self.rest);
        }
        if each.len() == 1 {
            let mut nodes = each.swap_remove(0);
            return Ok(match (nodes.len(), &label, open) {
                (1, None, '[') => nodes.swap_remove(0),
                _ => Node::Block(label, nodes),
            });
        }
        let one = |mut nodes: Vec<Node>| match nodes.len() {
            1 => nodes.swap_remove(0),
            _ => Node::Block(None, nodes),
        };
        Ok(Node::OneOf(label, each.into_iter().map(one).collect()))
    }

    fn word(&mut self) -> Result<Node> {
        let ends = |c: char| c.is_whitespace() || "[]<>()|".contains(c);
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let (mut word, _) = self.rest.split_at(end);
        if let Some(before) = word.strip_suffix("...") {
            word = before;
        }
        if word.is_empty() {
            bail!("a word is missing before {:?}", self.rest);
        }
        self.rest = self.rest.strip_prefix(word).unwrap_or_default();
        Ok(match word.split_once(':') {
            Some((name, kind)) => Node::Value {
                name: name.to_owned(),
                kind: kind.trim_end_matches('#').to_owned(),
                is_key: kind.ends_with('#'),
            },
            None => Node::Word(word.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_as_the_same() {
        for line in [
            "",
            "key:key# value:string",
            "key:key# condition=[NX|XX|IFEQ comparison:string] [GET] expiration=[EX seconds:integer|KEEPTTL]",
            "numkeys:integer key:key#... where=<LEFT|RIGHT> [COUNT count:integer]",
            "key:key# [GET pattern:pattern]... (score:double member:string)...",
            "key:key# [(encoding:string offset:integer)...]",
            "[COUNT count:integer [ANY]] range=[start:integer end:integer unit=[BYTE|BIT]]",
            "id=<*|id:string> [=|~] \"\"",
            "FIELDS numfields:integer field:string...",
        ] {
            let nodes = parse(line).unwrap();
            assert_eq!(print(&nodes), line, "{nodes:?}");
            assert_eq!(parse(&print(&nodes)).unwrap(), nodes);
        }
    }

    #[test]
    fn what_is_not_closed_is_an_error() {
        for line in ["[NX", "(a:b", "<NX|XX", "NX]", "..."] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn words_are_found_at_any_depth() {
        let nodes = parse("key:key# [<NX|XX> [LIMIT count:integer]]").unwrap();
        let words: Vec<&str> = nodes.iter().flat_map(Node::words).collect();
        assert_eq!(words, ["NX", "XX", "LIMIT"]);
    }
}
