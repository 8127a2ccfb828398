//! Where a command's keys are, from the server's key specifications.

use anyhow::{Context, Result, bail};
use slotline_testkit::Value;
use std::fmt;
use std::str::FromStr;

use super::facts::{list, text};

/// The shapes that the table knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    None,
    Range { first: i64, last: i64, step: i64 },
    Counted { count_at: i64, step: i64 },
    CountedInto { count_at: i64 },
    Streams { from: i64 },
    Stored { from: i64 },
    Migrated,
    Unknown,
}

/// As the table spells them.
impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Keys::None => f.write_str("none"),
            Keys::Range { first, last, step } => write!(f, "range {first} {last} {step}"),
            Keys::Counted { count_at, step: 1 } => write!(f, "counted {count_at}"),
            Keys::Counted { count_at, step } => write!(f, "counted {count_at} {step}"),
            Keys::CountedInto { count_at } => write!(f, "counted-into {count_at}"),
            Keys::Streams { from } => write!(f, "streams {from}"),
            Keys::Stored { from } => write!(f, "stored {from}"),
            Keys::Migrated => f.write_str("migrated"),
            Keys::Unknown => f.write_str("unknown"),
        }
    }
}

impl FromStr for Keys {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Keys> {
        let mut words = text.split(' ');
        let shape = words.next().unwrap_or_default();
        let numbers = words.map(str::parse).collect::<Result<Vec<i64>, _>>()?;
        Ok(match (shape, numbers.as_slice()) {
            ("none", []) => Keys::None,
            ("range", [first, last, step]) => Keys::Range {
                first: *first,
                last: *last,
                step: *step,
            },
            ("counted", [count_at]) => Keys::Counted {
                count_at: *count_at,
                step: 1,
            },
            ("counted", [count_at, step]) => Keys::Counted {
                count_at: *count_at,
                step: *step,
            },
            ("counted-into", [count_at]) => Keys::CountedInto {
                count_at: *count_at,
            },
            ("streams", [from]) => Keys::Streams { from: *from },
            ("stored", [from]) => Keys::Stored { from: *from },
            ("migrated", []) => Keys::Migrated,
            ("unknown", []) => Keys::Unknown,
            _ => bail!("no key specification: {text}"),
        })
    }
}

/// One shape for all specifications of a command together.
pub(crate) fn read(specifications: &[Value]) -> Result<Keys> {
    let mut keys = Keys::None;
    for (index, specification) in specifications.iter().enumerate() {
        let next = one(specification)?;
        keys = if index == 0 { next } else { join(keys, next) };
    }
    Ok(keys)
}

/// Two ranges of which one goes on where the other ends are one.
fn join(a: Keys, b: Keys) -> Keys {
    match (a, b) {
        (
            Keys::Range {
                first,
                last,
                step: 1,
            },
            Keys::Range {
                first: next,
                last: end,
                step: 1,
            },
        ) if last > 0 && next == last + 1 => Keys::Range {
            first,
            last: end,
            step: 1,
        },
        _ => Keys::Unknown,
    }
}

fn one(specification: &Value) -> Result<Keys> {
    let flags = field(specification, "flags")?;
    // Incomplete: there may be keys that this one does not find.
    if list(flags)?
        .iter()
        .any(|flag| flag.as_str() == Some("incomplete"))
    {
        return Ok(Keys::Unknown);
    }
    let begin = field(specification, "begin_search")?;
    let find = field(specification, "find_keys")?;
    if text(field(begin, "type")?)? != "index" {
        return Ok(Keys::Unknown);
    }
    let first = number(field(begin, "spec")?, "index")?;
    let spec = field(find, "spec")?;
    Ok(match text(field(find, "type")?)? {
        "range" => {
            let (last, step) = (number(spec, "lastkey")?, number(spec, "keystep")?);
            // A limit halves what is left, for forms that end in other arguments.
            if number(spec, "limit")? > 1 || step < 1 {
                return Ok(Keys::Unknown);
            }
            let last = if last < 0 { last } else { first + last };
            Keys::Range { first, last, step }
        }
        "keynum" => {
            let adjacent = number(spec, "firstkey")? == number(spec, "keynumidx")? + 1;
            let step = number(spec, "keystep")?;
            if !adjacent || step < 1 {
                return Ok(Keys::Unknown);
            }
            Keys::Counted {
                count_at: first + number(spec, "keynumidx")?,
                step,
            }
        }
        _ => Keys::Unknown,
    })
}

/// A map is a list of names and values in turn.
fn field<'a>(map: &'a Value, name: &str) -> Result<&'a Value> {
    let mut pairs = list(map)?.chunks_exact(2);
    let pair = pairs.find(|pair| pair[0].as_str() == Some(name));
    pair.map(|pair| &pair[1])
        .with_context(|| format!("a key specification without {name}"))
}

fn number(map: &Value, name: &str) -> Result<i64> {
    field(map, name)?
        .as_int()
        .with_context(|| format!("{name} is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, Value)]) -> Value {
        let flat = pairs
            .iter()
            .flat_map(|(name, value)| [Value::Simple((*name).into()), value.clone()]);
        Value::Array(flat.collect())
    }

    fn word(word: &str) -> Value {
        Value::Simple(word.into())
    }

    fn specification(flags: &[&str], index: i64, kind: &str, numbers: &[(&str, i64)]) -> Value {
        let numbers: Vec<_> = numbers
            .iter()
            .map(|(name, n)| (*name, Value::Int(*n)))
            .collect();
        map(&[
            (
                "flags",
                Value::Array(flags.iter().map(|flag| word(flag)).collect()),
            ),
            (
                "begin_search",
                map(&[
                    ("type", word("index")),
                    ("spec", map(&[("index", Value::Int(index))])),
                ]),
            ),
            (
                "find_keys",
                map(&[("type", word(kind)), ("spec", map(&numbers))]),
            ),
        ])
    }

    fn range(index: i64, last: i64, step: i64, limit: i64) -> Value {
        specification(
            &["RW"],
            index,
            "range",
            &[("lastkey", last), ("keystep", step), ("limit", limit)],
        )
    }

    fn counted(index: i64, step: i64) -> Value {
        specification(
            &["RO"],
            index,
            "keynum",
            &[("keynumidx", 0), ("firstkey", 1), ("keystep", step)],
        )
    }

    #[test]
    fn single_specifications() {
        let check = |value: Value, expected| assert_eq!(read(&[value]).unwrap(), expected);
        check(
            range(1, 0, 1, 0),
            Keys::Range {
                first: 1,
                last: 1,
                step: 1,
            },
        );
        check(
            range(1, -1, 2, 0),
            Keys::Range {
                first: 1,
                last: -1,
                step: 2,
            },
        );
        check(
            range(1, -2, 1, 0),
            Keys::Range {
                first: 1,
                last: -2,
                step: 1,
            },
        );
        check(range(1, -1, 1, 2), Keys::Unknown);
        for step in [1, 2] {
            let keys = Keys::Counted { count_at: 2, step };
            check(counted(2, step), keys);
            assert_eq!(keys.to_string().parse::<Keys>().unwrap(), keys);
        }
        check(counted(2, 0), Keys::Unknown);
        check(
            specification(&["incomplete"], 1, "range", &[]),
            Keys::Unknown,
        );
        check(specification(&[], 1, "unknown", &[]), Keys::Unknown);
        assert_eq!(read(&[]).unwrap(), Keys::None);
    }

    #[test]
    fn neighbours_become_one_range_and_others_are_not_guessed() {
        let check = |values: &[Value], expected| assert_eq!(read(values).unwrap(), expected);
        check(
            &[range(1, 0, 1, 0), range(2, 0, 1, 0)],
            Keys::Range {
                first: 1,
                last: 2,
                step: 1,
            },
        );
        check(
            &[range(2, 0, 1, 0), range(3, -1, 1, 0)],
            Keys::Range {
                first: 2,
                last: -1,
                step: 1,
            },
        );
        check(&[range(1, 0, 1, 0), counted(2, 1)], Keys::Unknown);
        check(&[range(1, -1, 1, 0), range(2, 0, 1, 0)], Keys::Unknown);
    }
}
