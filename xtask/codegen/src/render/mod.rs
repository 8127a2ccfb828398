//! The files that are written.

mod commands;
mod coverage;
mod facts;
mod params;
mod samples;
mod tests;
mod types;

use anyhow::{Result, bail};
use std::collections::{BTreeMap, BTreeSet};

use super::File;
use super::corrections::{Correction, Corrections};
use super::overrides;
use super::shape::{self, Shape};
use super::syntax::Node;
use super::table::{Row, Table};

const COMMANDS: &str = "crates/slotline-commands/src/command";

const BYTES: &str = "crates/slotline-commands/tests/bytes";
const TYPED: &str = "tests/suites/commands/typed";

/// Groups that no server has without a module which is not here.
const MODULES: [&str; 8] = [
    "bloom",
    "count-min",
    "cuckoo",
    "json",
    "search",
    "t-digest",
    "time-series",
    "top-k",
];

/// All of them but the table itself.
pub(crate) fn all(table: &Table, corrections: &Corrections) -> Result<Vec<File>> {
    let rows = corrected(table, corrections)?;
    let facts = rows
        .iter()
        .map(|(name, row)| (name.clone(), row.facts.clone()));
    let mut facts: BTreeMap<_, _> = facts.collect();
    overrides::apply(&mut facts)?;
    let mut files = vec![(facts::FILE.to_owned(), facts::file(&facts))];
    let groups = groups(&rows, corrections)?;
    for (group, shapes) in &groups {
        let path = format!("{COMMANDS}/{}.rs", module(group));
        files.push((path, commands::file(group, shapes, corrections)?));
        let path = format!("{BYTES}/{}.rs", module(group));
        files.push((path, tests::bytes(group, shapes, corrections)?));
        if !MODULES.contains(group) {
            let path = format!("{TYPED}/{}.rs", module(group));
            files.push((path, tests::typed(group, shapes, corrections)?));
        }
    }
    let names: Vec<&str> = groups.keys().copied().collect();
    files.push((format!("{COMMANDS}/mod.rs"), types::modules(&names)));
    files.push((types::WORDS.to_owned(), types::words(corrections)));
    let list = coverage::file(&rows, &facts, &groups, corrections);
    files.push((coverage::FILE.to_owned(), list));
    Ok(files)
}

/// The table, corrected, and what stands in corrections alone.
fn corrected(table: &Table, corrections: &Corrections) -> Result<Table> {
    let mut rows = Table::new();
    for (name, row) in table {
        let row = match corrections.commands.get(name) {
            Some(correction) => correction.apply(name, Some(row))?,
            None => row.clone(),
        };
        rows.insert(name.clone(), row);
    }
    for (name, correction) in &corrections.commands {
        if !rows.contains_key(name) {
            rows.insert(name.clone(), correction.apply(name, None)?);
        }
    }
    Ok(rows)
}

/// The methods, by their commands' groups. Whatever is missing is told at once.
fn groups<'a>(
    rows: &'a Table,
    corrections: &'a Corrections,
) -> Result<BTreeMap<&'a str, Vec<Shape<'a>>>> {
    let mut groups: BTreeMap<&str, Vec<Shape<'_>>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (name, row) in rows {
        let Some(correction) = corrections.commands.get(name) else {
            if !row.facts.flags.contains("CONTAINER") {
                wrong.push(format!("{name}: nobody says what its reply becomes"));
            }
            continue;
        };
        if correction.skipped.is_none() && correction.methods.is_empty() {
            wrong.push(format!("{name}: facts, but no method"));
        }
        for method in &correction.methods {
            match shape::shape(row, method, corrections) {
                Ok(shape) => groups.entry(&row.group).or_default().push(shape),
                Err(error) => wrong.push(format!("{name}: {error:#}")),
            }
        }
        if !correction.methods.is_empty() {
            let missing = uncovered(row, correction, corrections);
            wrong.extend(
                missing.map(|word| format!("{name}: no method has {word}, which servers have")),
            );
        }
    }
    if !wrong.is_empty() {
        bail!("corrections are needed:\n{}", wrong.join("\n"));
    }
    Ok(groups)
}

/// Words that servers know and no method sends.
fn uncovered<'a>(
    row: &'a Row,
    correction: &'a Correction,
    all: &'a Corrections,
) -> impl Iterator<Item = &'a str> {
    let derived = row.arguments.first().map(|(_, nodes)| nodes);
    let methods = correction.methods.iter();
    let nodes = methods.filter_map(move |method| method.arguments.as_ref().or(derived));
    let sent: BTreeSet<&str> = nodes
        .flatten()
        .flat_map(|node| sent_words(node, all))
        .collect();
    let left_out = |word: &str| correction.without.contains_key(word);
    let words = row.words().into_iter();
    words.filter(move |word| !sent.contains(word) && !left_out(word))
}

/// The words that a method with this argument can send.
fn sent_words<'a>(node: &'a Node, all: &'a Corrections) -> Vec<&'a str> {
    match node {
        Node::Value { kind, .. } => match kind.as_str() {
            "yesno" => vec!["YES", "NO"],
            kind => all
                .words
                .get(kind)
                .into_iter()
                .flatten()
                .map(String::as_str)
                .collect(),
        },
        Node::Word(word) => vec![word],
        Node::Block(_, nodes) | Node::OneOf(_, nodes) => nodes
            .iter()
            .flat_map(|node| sent_words(node, all))
            .collect(),
        Node::Optional(node) | Node::Many(node) => sent_words(node, all),
    }
}

/// A group's module and feature.
fn module(group: &str) -> String {
    group.replace('-', "_")
}
