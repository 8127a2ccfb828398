//! How a command's arguments become a method's parameters and options.

use anyhow::{Context, Result, bail};

use super::corrections::{Corrections, Method, Reply};
use super::kind::{Kind, identifier};
use super::syntax::{Label, Node, print};
use super::table::Row;

/// A method, as it is to be written.
#[derive(Debug)]
pub(crate) struct Shape<'a> {
    pub(crate) row: &'a Row,
    pub(crate) method: &'a Method,
    pub(crate) name: String,
    /// What is always sent.
    pub(crate) fixed: Sent,
    pub(crate) groups: Vec<Group>,
    pub(crate) options: Vec<Opt>,
}

/// Arguments in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent {
    pub(crate) params: Vec<Param>,
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Word(String),
    /// The parameter at this place.
    Param(usize),
}

#[derive(Debug, Clone)]
pub(crate) struct Param {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Whether it may be several, and if they are counted first, how many make one.
    pub(crate) many: bool,
    pub(crate) counted: Option<usize>,
}

/// Options that exclude each other, or that change what the reply becomes.
#[derive(Debug)]
pub(crate) struct Group {
    /// The name of its type parameter.
    pub(crate) name: String,
    /// What the reply becomes with it.
    pub(crate) reply: Option<Reply>,
}

/// A method that adds an option.
#[derive(Debug)]
pub(crate) struct Opt {
    pub(crate) name: String,
    pub(crate) sent: Sent,
    /// The index before which it is put; else it comes last.
    pub(crate) at: Option<usize>,
    /// The groups whose place it takes.
    pub(crate) groups: Vec<usize>,
    /// The words and arguments that it stands for.
    pub(crate) nodes: Vec<Node>,
}

impl Shape<'_> {
    /// The words that are always sent, beside the name.
    pub(crate) fn words(&self) -> Vec<&str> {
        let words = self.fixed.steps.iter().filter_map(|step| match step {
            // Nothing is a word that no server documents.
            Step::Word(word) if word != "\"\"" => Some(word.as_str()),
            _ => None,
        });
        words.collect()
    }
}

/// Makes the shape of one method.
pub(crate) fn shape<'a>(row: &'a Row, method: &'a Method, all: &Corrections) -> Result<Shape<'a>> {
    let nodes = match &method.arguments {
        Some(nodes) => nodes,
        None => &row.arguments.first().context("no arguments")?.1,
    };
    let mut maker = Maker {
        all,
        method,
        shape: Shape {
            row,
            method,
            name: method
                .name
                .clone()
                .unwrap_or_else(|| identifier(&row.facts.name)),
            fixed: Sent::default(),
            groups: Vec::new(),
            options: Vec::new(),
        },
    };
    maker.all_nodes(nodes)?;
    maker.replies()?;
    Ok(maker.shape)
}

struct Maker<'a, 'c> {
    all: &'c Corrections,
    method: &'c Method,
    shape: Shape<'a>,
}

impl Maker<'_, '_> {
    fn all_nodes(&mut self, nodes: &[Node]) -> Result<()> {
        let mut rest = nodes;
        while let Some((node, after)) = rest.split_first() {
            rest = after;
            match node {
                Node::Optional(option) => self.option(option, after)?,
                Node::Many(option) if matches!(**option, Node::Optional(_)) => {
                    let Node::Optional(option) = &**option else {
                        continue;
                    };
                    self.option(option, after)?;
                }
                required => {
                    let taken = sent(&mut self.shape.fixed, required, after, self.all)?;
                    rest = rest.get(taken..).unwrap_or_default();
                }
            }
        }
        Ok(())
    }

    /// Something that may be left out, before `after`.
    fn option(&mut self, node: &Node, after: &[Node]) -> Result<()> {
        let at = self.place(after)?;
        let (label, alternatives) = match node {
            Node::OneOf(label, alternatives) => (label.clone(), alternatives.as_slice()),
            Node::Many(inner) => match &**inner {
                // Each as often as wished.
                Node::OneOf(_, alternatives) => {
                    for alternative in alternatives {
                        let alternative = match alternative {
                            Node::Optional(inner) => inner,
                            other => other,
                        };
                        self.alternative(alternative, &None, at, &[])?;
                    }
                    return Ok(());
                }
                _ => return self.alternative(node, &None, at, &[]),
            },
            other => return self.alternative(other, &None, at, &[]),
        };
        let name = match &label {
            Some(label) => camel(label),
            None => bail!("a group of options without a name: {node}"),
        };
        let group = self.group(&name);
        let mut units = alternatives.to_vec();
        for alternative in times(&mut units) {
            self.alternative(&alternative, &None, at, &[group])?;
        }
        Ok(())
    }

    /// The index where an option belongs that has `after` behind it.
    fn place(&self, after: &[Node]) -> Result<Option<usize>> {
        let is_optional = |node: &Node| match node {
            Node::Optional(_) => true,
            Node::Many(node) => matches!(**node, Node::Optional(_)),
            _ => false,
        };
        if after.iter().all(is_optional) {
            return Ok(None);
        }
        let fixed = &self.shape.fixed;
        if fixed.params.iter().any(|param| param.many) {
            bail!("an option between arguments of any number and others");
        }
        let words = self.shape.row.facts.name.split(' ').count();
        Ok(Some(words + fixed.steps.len()))
    }

    /// The place of the group that is called so, which another option may have named first.
    fn group(&mut self, name: &str) -> usize {
        let groups = &mut self.shape.groups;
        let known = groups.iter().position(|known| known.name == *name);
        known.unwrap_or_else(|| {
            groups.push(Group {
                name: name.to_owned(),
                reply: None,
            });
            groups.len() - 1
        })
    }

    fn alternative(
        &mut self,
        node: &Node,
        label: &Label,
        at: Option<usize>,
        groups: &[usize],
    ) -> Result<()> {
        let (label, nodes) = match node {
            Node::Block(own, nodes) => (own.clone().or_else(|| label.clone()), nodes.as_slice()),
            other => (label.clone(), std::slice::from_ref(other)),
        };
        for (suffix, nodes) in expand(nodes) {
            let mut sent_with = Sent::default();
            let mut rest = nodes.as_slice();
            while let Some((node, after)) = rest.split_first() {
                let taken = sent(&mut sent_with, node, after, self.all)?;
                rest = after.get(taken..).unwrap_or_default();
            }
            let own = name_of(label.as_deref(), &nodes)?;
            let word = first_word(&nodes);
            let renamed = word.and_then(|word| self.method.calls.get(word));
            let renamed = renamed.or_else(|| self.method.calls.get(&own));
            let name = renamed.unwrap_or(&own);
            let method = self.method;
            let also = method
                .also
                .iter()
                .filter(|(of, _)| Some(of.as_str()) == word);
            let mut groups = groups.to_vec();
            for (_, group) in also {
                groups.push(self.group(group));
            }
            self.shape.options.push(Opt {
                name: format!("{name}{suffix}"),
                sent: sent_with,
                at,
                groups,
                nodes,
            });
        }
        Ok(())
    }

    /// Options that change the reply take a group of their own, unless they are one.
    fn replies(&mut self) -> Result<()> {
        for (words, reply) in &self.method.with {
            let is_meant = |opt: &Opt| {
                let word = first_word(&opt.nodes).unwrap_or(&opt.name);
                words.iter().any(|meant| meant == word)
            };
            let shape = &mut self.shape;
            let meant: Vec<usize> = (0..shape.options.len())
                .filter(|at| shape.options.get(*at).is_some_and(is_meant))
                .collect();
            if meant.is_empty() {
                bail!("no option {}", words.join("|"));
            }
            let own = shape
                .options
                .iter()
                .filter(|opt| is_meant(opt))
                .find_map(|opt| opt.groups.first());
            let whole = own.copied().filter(|group| {
                let in_group = shape
                    .options
                    .iter()
                    .filter(|opt| opt.groups.contains(group));
                in_group.count() == meant.len()
            });
            let group = whole.unwrap_or_else(|| {
                shape.groups.push(Group {
                    name: format!(
                        "With{}",
                        words.first().map(|word| camel(word)).unwrap_or_default()
                    ),
                    reply: None,
                });
                shape.groups.len() - 1
            });
            for at in meant {
                if let Some(opt) = shape.options.get_mut(at)
                    && !opt.groups.contains(&group)
                {
                    opt.groups.push(group);
                }
            }
            if let Some(group) = shape.groups.get_mut(group) {
                group.reply = Some(reply.clone());
            }
        }
        Ok(())
    }
}

/// Adds what `node` sends; tells how many of the nodes `after` went with it.
fn sent(to: &mut Sent, node: &Node, after: &[Node], all: &Corrections) -> Result<usize> {
    match node {
        Node::Word(word) => to.steps.push(Step::Word(word.clone())),
        Node::Value { name, kind, .. } if is_count(name, kind, after) => {
            let Some((Node::Many(many), _)) = after.split_first() else {
                bail!("{name} counts nothing");
            };
            // `nargs` counts words, the others what is together.
            let each = match &**many {
                Node::Block(_, nodes) if name != "nargs" => nodes.len(),
                _ => 1,
            };
            to.param(many_param(many, Some(each), all)?);
            return Ok(1);
        }
        Node::Value { name, kind, is_key } => to.param(Param {
            name: identifier(name),
            kind: Kind::of(name, kind, *is_key, all)?,
            many: false,
            counted: None,
        }),
        Node::Block(_, nodes) => {
            let mut rest = nodes.as_slice();
            while let Some((node, after)) = rest.split_first() {
                let taken = sent(to, node, after, all)?;
                rest = after.get(taken..).unwrap_or_default();
            }
        }
        Node::OneOf(label, alternatives) => to.param(Param {
            name: identifier(label.as_deref().context("a choice without a name")?),
            kind: Kind::of_words(alternatives, all)?,
            many: false,
            counted: None,
        }),
        Node::Many(many) => to.param(many_param(many, None, all)?),
        Node::Optional(_) => bail!("something that may be left out within: {node}"),
    }
    Ok(0)
}

/// Whether it says how many of what comes next there are.
fn is_count(name: &str, kind: &str, after: &[Node]) -> bool {
    let counts = ["numkeys", "numfields", "numids", "nargs", "count"].contains(&name);
    counts && kind == "integer" && matches!(after.first(), Some(Node::Many(_)))
}

fn many_param(node: &Node, counted: Option<usize>, all: &Corrections) -> Result<Param> {
    let (name, kind) = match node {
        Node::Value { name, kind, is_key } => {
            let kind = Kind::of(name, kind, *is_key, all)?;
            (
                plural(&identifier(name)),
                if kind == Kind::Key { kind } else { Kind::Arg },
            )
        }
        Node::Block(label, nodes) => {
            let name = match label {
                Some(label) => identifier(label),
                None => tuple_name(nodes)?,
            };
            (name, Kind::Tuple(nodes.clone()))
        }
        other => bail!("several of {other}"),
    };
    Ok(Param {
        name,
        kind,
        many: true,
        counted,
    })
}

fn tuple_name(nodes: &[Node]) -> Result<String> {
    let names: Vec<&str> = nodes
        .iter()
        .filter_map(|node| match node {
            Node::Value { name, .. } => Some(name.as_str()),
            _ => None,
        })
        .collect();
    Ok(match names.as_slice() {
        ["key", "value"] => "pairs".to_owned(),
        [first @ ("field" | "parameter"), "value"] => plural(first),
        ["start-slot", "end-slot"] => "ranges".to_owned(),
        [.., "member"] => "members".to_owned(),
        _ => bail!("several of ({}) without a name", print(nodes)),
    })
}

fn plural(name: &str) -> String {
    match name.ends_with('s') {
        true => name.to_owned(),
        false => format!("{name}s"),
    }
}

impl Sent {
    fn param(&mut self, param: Param) {
        self.steps.push(Step::Param(self.params.len()));
        self.params.push(param);
    }
}

/// All ways to leave out what may be left out, and what each adds to the name.
fn expand(nodes: &[Node]) -> Vec<(String, Vec<Node>)> {
    let mut ways = vec![(String::new(), Vec::new())];
    for node in nodes {
        let Node::Optional(inner) = node else {
            for (_, nodes) in &mut ways {
                nodes.push(node.clone());
            }
            continue;
        };
        let (label, inner) = match &**inner {
            Node::Block(label, nodes) => (label.as_deref(), nodes.clone()),
            other => (None, vec![other.clone()]),
        };
        let mut with = Vec::new();
        let inner = expand(&inner);
        // What it is called without what may be left out of it.
        let plain = inner.first().map(|(_, nodes)| nodes.as_slice());
        let own = name_of(label, plain.unwrap_or_default()).unwrap_or_default();
        for (suffix, inner) in &inner {
            for (name, nodes) in &ways {
                let nodes = nodes.iter().chain(inner).cloned().collect();
                with.push((format!("{name}_{own}{suffix}"), nodes));
            }
        }
        ways.extend(with);
    }
    ways
}

fn first_word(nodes: &[Node]) -> Option<&str> {
    match nodes.first()? {
        Node::Word(word) => Some(word),
        _ => None,
    }
}

/// What an option is called: its label, its word, or its only argument.
fn name_of(label: Option<&str>, nodes: &[Node]) -> Result<String> {
    if let Some(label) = label {
        return Ok(identifier(label));
    }
    match nodes.first() {
        Some(Node::Word(word)) => Ok(identifier(word)),
        Some(Node::Value { name, .. }) if nodes.len() == 1 => Ok(identifier(name)),
        Some(Node::Many(many)) if nodes.len() == 1 => match &**many {
            Node::Value { name, .. } => Ok(plural(&identifier(name))),
            Node::Block(Some(label), _) => Ok(identifier(label)),
            Node::Block(None, nodes) => match first_word(nodes) {
                Some(word) => Ok(identifier(word)),
                None => tuple_name(nodes),
            },
            other => bail!("no name for {other}"),
        },
        Some(Node::OneOf(Some(label), _)) if nodes.len() == 1 => Ok(identifier(label)),
        _ => bail!("no name for the option {}", print(nodes)),
    }
}

/// EX and PX are one option that takes any time, and so are EXAT and PXAT.
fn times(alternatives: &mut Vec<Node>) -> Vec<Node> {
    let word = |node: &Node| match node {
        Node::Block(_, nodes) => first_word(nodes).map(str::to_owned),
        _ => None,
    };
    for (seconds, millis, kind, name) in
        [("EX", "PX", "Within", "ex"), ("EXAT", "PXAT", "At", "exat")]
    {
        let has = |which: &str| {
            alternatives
                .iter()
                .any(|node| word(node).as_deref() == Some(which))
        };
        if !has(seconds) || !has(millis) {
            continue;
        }
        alternatives.retain(|node| word(node).as_deref() != Some(millis));
        for node in alternatives.iter_mut() {
            if word(node).as_deref() == Some(seconds) {
                let value = Node::Value {
                    name: if kind == "At" { "time" } else { "after" }.to_owned(),
                    kind: kind.to_owned(),
                    is_key: false,
                };
                *node = Node::Block(Some(name.to_owned()), vec![value]);
            }
        }
    }
    std::mem::take(alternatives)
}

/// `group-name` as `GroupName`.
pub(crate) fn camel(name: &str) -> String {
    let parts = name.split(|c: char| !c.is_ascii_alphanumeric());
    parts
        .map(|part| {
            let (first, rest) = part.split_at(part.len().min(1));
            first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
        })
        .collect()
}
