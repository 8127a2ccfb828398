//! The files of corrections: what no server tells, or tells wrongly.
//!
//! A command's first line names what its reply becomes and says it in words, or says why
//! it has no method:
//!
//! ```text
//! SET -> done | sets a string
//!     with NX|XX|IFEQ -> flag
//! SORT as sort_store -> u64 | stores what it sorted; how much that was
//!     args key:key# destination:STORE
//! ASKING ! an ASK is followed without it
//! ```
//!
//! A line that begins with `= ` is a fact about all commands of its file that do not say
//! otherwise.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::path::Path;

use super::syntax::{self, Node};
use super::table::Row;

pub(crate) const FOLDER: &str = "crates/slotline-commands/table/corrections";

/// What a reply becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// What the caller says: `R`.
    Caller,
    /// OK, and nothing else: `done`.
    Done,
    /// Yes or no: `flag`.
    Flag,
    /// What this output makes of it: `as:InSeconds`.
    Output(String),
    /// This type.
    Type(String),
}

impl Reply {
    fn parse(text: &str) -> Reply {
        match text {
            "R" => Reply::Caller,
            "done" => Reply::Done,
            "flag" => Reply::Flag,
            other => match other.strip_prefix("as:") {
                Some(output) => Reply::Output(output.to_owned()),
                None => Reply::Type(other.to_owned()),
            },
        }
    }
}

/// A method for a command.
#[derive(Debug, Clone)]
pub(crate) struct Method {
    /// Its name, if it is not the command's.
    pub(crate) name: Option<String>,
    pub(crate) reply: Reply,
    pub(crate) words: String,
    pub(crate) arguments: Option<Vec<Node>>,
    /// Options that change what the reply becomes; where several are given, the last
    /// line counts.
    pub(crate) with: Vec<(Vec<String>, Reply)>,
    /// A word that takes the place of another group of options too.
    pub(crate) also: Vec<(String, String)>,
    /// The command that is sent where a time is no whole number of seconds.
    pub(crate) pair: Option<String>,
    /// Other names of options, by their word.
    pub(crate) calls: BTreeMap<String, String>,
    /// What tests give for an argument, by its name, and what is then sent.
    pub(crate) samples: BTreeMap<String, String>,
    /// How errors begin that are an answer too, where servers are asked by tests; by the
    /// option, or for any.
    pub(crate) fails: Vec<(Option<String>, String)>,
}

/// All that is said of one command.
#[derive(Debug, Clone, Default)]
pub(crate) struct Correction {
    pub(crate) methods: Vec<Method>,
    /// Why it has none.
    pub(crate) skipped: Option<String>,
    /// Words of its arguments that no method has, and why.
    pub(crate) without: BTreeMap<String, String>,
    /// What the table is to say instead, line by line.
    pub(crate) facts: Vec<String>,
}

/// Everything in the folder.
#[derive(Debug, Default)]
pub(crate) struct Corrections {
    pub(crate) commands: BTreeMap<String, Correction>,
    /// Types whose values are words, as `Side LEFT RIGHT`.
    pub(crate) words: BTreeMap<String, Vec<String>>,
    /// What options do, by their word or words.
    pub(crate) options: BTreeMap<String, String>,
    /// What tests give for arguments, by their names, if nothing else is said.
    pub(crate) samples: BTreeMap<String, String>,
}

pub(crate) fn read(root: &Path) -> Result<Corrections> {
    let mut all = Corrections::default();
    let folder = root.join(FOLDER);
    let mut files = std::fs::read_dir(&folder)
        .with_context(|| format!("reading {FOLDER}"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    files.sort();
    for path in files {
        let text = std::fs::read_to_string(&path)?;
        let name = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        let pairs = match name {
            "words" => {
                for (name, words) in pairs(&text)? {
                    all.words
                        .insert(name, words.split(' ').map(str::to_owned).collect());
                }
                continue;
            }
            "options" => &mut all.options,
            "samples" => &mut all.samples,
            group => {
                all.group(group, &text)
                    .with_context(|| format!("{FOLDER}/{name}.txt"))?;
                continue;
            }
        };
        pairs.extend(self::pairs(&text)?);
    }
    Ok(all)
}

/// Lines of a name and what belongs to it.
fn pairs(text: &str) -> Result<Vec<(String, String)>> {
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pair = |line: &str| {
        let (name, rest) = line
            .split_once(": ")
            .with_context(|| format!("no colon in {line:?}"))?;
        Ok((name.to_owned(), rest.to_owned()))
    };
    lines.map(pair).collect()
}

impl Corrections {
    fn group(&mut self, group: &str, text: &str) -> Result<()> {
        let mut current: Option<String> = None;
        let mut defaults = vec![format!("group {group}")];
        for (at, line) in text.lines().enumerate() {
            let about = || format!("line {}", at + 1);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(field) = line.strip_prefix("    ") {
                let command = current
                    .as_ref()
                    .and_then(|name| self.commands.get_mut(name));
                let command = command
                    .context("a field before the first command")
                    .with_context(about)?;
                command.field(field).with_context(about)?;
                continue;
            }
            if let Some(default) = line.strip_prefix("= ") {
                defaults.push(default.to_owned());
                continue;
            }
            let name = self.first(line).with_context(about)?;
            let command = self.commands.entry(name.clone()).or_default();
            if command.facts.is_empty() {
                command.facts.clone_from(&defaults);
            }
            current = Some(name);
        }
        Ok(())
    }

    fn first(&mut self, line: &str) -> Result<String> {
        if let Some((name, reason)) = line.split_once(" ! ") {
            let command = self.commands.entry(name.to_owned()).or_default();
            command.skipped = Some(reason.to_owned());
            return Ok(name.to_owned());
        }
        let (name, rest) = line
            .split_once(" -> ")
            .context("neither a reply nor a reason")?;
        let (reply, words) = rest.split_once(" | ").context("no words")?;
        let (name, method) = match name.split_once(" as ") {
            Some((name, method)) => (name, Some(method.to_owned())),
            None => (name, None),
        };
        let command = self.commands.entry(name.to_owned()).or_default();
        command.methods.push(Method {
            name: method,
            reply: Reply::parse(reply),
            words: words.to_owned(),
            arguments: None,
            with: Vec::new(),
            also: Vec::new(),
            pair: None,
            calls: BTreeMap::new(),
            samples: BTreeMap::new(),
            fails: Vec::new(),
        });
        Ok(name.to_owned())
    }
}

impl Correction {
    fn field(&mut self, line: &str) -> Result<()> {
        let (field, value) = line.split_once(' ').unwrap_or((line, ""));
        if let "without" = field {
            let (word, reason) = value.split_once(' ').context("no reason")?;
            self.without.insert(word.to_owned(), reason.to_owned());
            return Ok(());
        }
        let Some(method) = self.methods.last_mut() else {
            self.facts.push(line.to_owned());
            return Ok(());
        };
        let two = || {
            let (a, b) = value.split_once(' ').context("two words")?;
            Ok::<_, anyhow::Error>((a.to_owned(), b.to_owned()))
        };
        match field {
            "args" => method.arguments = Some(syntax::parse(value)?),
            "with" => {
                let (words, reply) = value.split_once(" -> ").context("no reply")?;
                let words = words.split('|').map(str::to_owned).collect();
                method.with.push((words, Reply::parse(reply)));
            }
            "also" => method.also.push(two()?),
            "pair" => method.pair = Some(value.to_owned()),
            "call" => method.calls.extend([two()?]),
            "sample" => method.samples.extend([two()?]),
            "fails" => {
                let fails = match value.strip_prefix('(') {
                    Some(rest) => {
                        let (word, error) = rest.split_once(") ").context("no error")?;
                        (Some(word.to_owned()), error.to_owned())
                    }
                    None => (None, value.to_owned()),
                };
                method.fails.push(fails);
            }
            "since" | "flags" | "keys" | "policies" | "complexity" | "servers" => {
                self.facts.push(line.to_owned());
            }
            other => bail!("a field that is not known: {other}"),
        }
        Ok(())
    }

    /// What the table says, corrected.
    pub(crate) fn apply(&self, name: &str, row: Option<&Row>) -> Result<Row> {
        let mut corrected = row.cloned().unwrap_or_else(|| Row::new(name));
        for line in &self.facts {
            match line.split_once(' ') {
                Some(("flags", _)) => corrected.facts.flags.clear(),
                // A server's own group stays.
                Some(("group", _)) if row.is_some_and(|row| row.group != "module") => continue,
                _ => {}
            }
            corrected.read(line)?;
        }
        if corrected.arguments.is_empty() {
            corrected.arguments.push((Vec::new(), Vec::new()));
        }
        Ok(corrected)
    }
}
