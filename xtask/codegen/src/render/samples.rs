//! What tests give for arguments: as Rust, and as the words that are then sent.

use anyhow::{Context, Result, bail};

use crate::corrections::Corrections;
use crate::kind::{Kind, identifier};
use crate::shape::{Opt, Param, Sent, Shape, Step, camel};
use crate::syntax::Node;

/// An argument, or all that an option or a command is given.
#[derive(Debug, Default)]
pub(super) struct Sample {
    /// The call's arguments.
    pub(super) rust: String,
    pub(super) words: Vec<String>,
}

/// What a method is given.
pub(super) fn fixed(shape: &Shape<'_>, all: &Corrections) -> Result<Sample> {
    let mut sample = given(shape, &shape.fixed, all)?;
    let names = shape.row.facts.name.split(' ').map(str::to_owned);
    sample.words.splice(0..0, names);
    Ok(sample)
}

/// What an option is given.
pub(super) fn option(shape: &Shape<'_>, option: &Opt, all: &Corrections) -> Result<Sample> {
    given(shape, &option.sent, all)
}

fn given(shape: &Shape<'_>, sent: &Sent, all: &Corrections) -> Result<Sample> {
    let params = sent.params.iter().map(|param| one(shape, param, all));
    let params = params.collect::<Result<Vec<_>>>()?;
    let mut words = Vec::new();
    for step in &sent.steps {
        match step {
            Step::Word(word) => words.push(word.replace("\"\"", "")),
            Step::Param(at) => {
                let (Some(sample), Some(param)) = (params.get(*at), sent.params.get(*at)) else {
                    continue;
                };
                if let Some(each) = param.counted {
                    words.push((sample.words.len() / each).to_string());
                }
                words.extend(sample.words.iter().cloned());
            }
        }
    }
    let rust = params
        .into_iter()
        .map(|sample| sample.rust)
        .collect::<Vec<_>>();
    Ok(Sample {
        rust: rust.join(", "),
        words,
    })
}

fn one(shape: &Shape<'_>, param: &Param, all: &Corrections) -> Result<Sample> {
    let own = |name: &str| {
        let samples = &shape.method.samples;
        let of = |name: &str| samples.get(name).or_else(|| all.samples.get(name));
        let written = samples.iter().find(|(known, _)| identifier(known) == name);
        let known = of(name).or(written.map(|(_, sample)| sample));
        known.map(String::as_str)
    };
    match (&param.kind, param.many) {
        (Kind::Tuple(nodes), _) => tuple(nodes, own, all),
        (Kind::Key, true) => Ok(match own("key") {
            Some("one") => single("[\"key\"]", "key"),
            _ => Sample {
                rust: "[\"key\", \"key2\"]".to_owned(),
                words: vec!["key".to_owned(), "key2".to_owned()],
            },
        }),
        (kind, true) => {
            let name = param.name.trim_end_matches('s');
            let known = own(&param.name).or_else(|| own(name));
            // Several are told apart by spaces.
            let each = known.map_or(vec![None], |known| known.split(' ').map(Some).collect());
            let each = each.into_iter().map(|known| value(name, kind, known));
            let each = each.collect::<Result<Vec<_>>>()?;
            let rust: Vec<String> = each.iter().map(|sample| sample.rust.clone()).collect();
            Ok(Sample {
                rust: format!("[{}]", rust.join(", ")),
                words: each.into_iter().flat_map(|sample| sample.words).collect(),
            })
        }
        (kind, false) => value(&param.name, kind, own(&param.name)),
    }
}

fn tuple<'a>(
    nodes: &[Node],
    own: impl Fn(&str) -> Option<&'a str>,
    all: &Corrections,
) -> Result<Sample> {
    let mut rust = Vec::new();
    let mut words = Vec::new();
    for node in nodes {
        let Node::Value { name, kind, is_key } = node else {
            bail!("several of something that is no argument: {node}");
        };
        let kind = match Kind::of(name, kind, *is_key || kind == "key", all)? {
            // A tuple has no type that says how long.
            Kind::Integer | Kind::Count | Kind::Seconds | Kind::Millis => Kind::Integer,
            kind => kind,
        };
        let sample = value(&identifier(name), &kind, own(name))?;
        rust.push(sample.rust);
        words.extend(sample.words);
    }
    Ok(Sample {
        rust: format!("[({})]", rust.join(", ")),
        words,
    })
}

fn single(rust: impl Into<String>, word: impl Into<String>) -> Sample {
    Sample {
        rust: rust.into(),
        words: vec![word.into()],
    }
}

fn value(name: &str, kind: &Kind, known: Option<&str>) -> Result<Sample> {
    let several = |rust: &str, words: &str| Sample {
        rust: rust.to_owned(),
        words: words.split(' ').map(str::to_owned).collect(),
    };
    Ok(match kind {
        Kind::Key => match known {
            Some(known) if known != "one" => single(format!("{known:?}"), known),
            _ if ["destination", "newkey", "dst", "key2", "destkey"].contains(&name) => {
                single("\"key2\"", "key2")
            }
            _ => single("\"key\"", "key"),
        },
        Kind::Arg => {
            let text = known.unwrap_or(name).replace("\\n", "\n");
            single(format!("{text:?}"), text)
        }
        Kind::Integer | Kind::Count => {
            let usual = if *kind == Kind::Count { "3" } else { "7" };
            let text = known
                .filter(|known| known.parse::<i64>().is_ok())
                .unwrap_or(usual);
            single(text, text)
        }
        Kind::Double => {
            let text = known.filter(|known| known.contains('.')).unwrap_or("1.5");
            single(text, text)
        }
        Kind::Seconds => single("Duration::from_secs(60)", "60"),
        Kind::Millis => match known {
            Some(known) => single(format!("Duration::from_millis({known})"), known),
            None => single("Duration::from_millis(1500)", "1500"),
        },
        Kind::Timeout => single("Duration::from_millis(10)", "0.01"),
        Kind::UnixSeconds => single(
            "UNIX_EPOCH + Duration::from_secs(4_000_000_000)",
            "4000000000",
        ),
        Kind::UnixMillis => single(
            "UNIX_EPOCH + Duration::from_secs(4_000_000_000)",
            "4000000000000",
        ),
        Kind::Within => several("Duration::from_millis(1500)", "PX 1500"),
        Kind::At => several(
            "UNIX_EPOCH + Duration::from_secs(4_000_000_000)",
            "EXAT 4000000000",
        ),
        Kind::YesNo => single("true", "YES"),
        Kind::Words(name) => {
            let word = first_word(name).with_context(|| format!("no sample of {name}"))?;
            single(format!("{name}::{}", camel(word)), word)
        }
        Kind::Type(name) => match name.as_str() {
            "GeoFrom" => several("GeoFrom::point(15.5, 37.5)", "FROMLONLAT 15.5 37.5"),
            "GeoShape" => several("GeoShape::Circle(200.5, Unit::Km)", "BYRADIUS 200.5 KM"),
            "Trim" => several("Trim::max_len(3)", "MAXLEN = 3"),
            "Vector" => several("Vector::from([0.0, 2.0])", "FP32 \0\0\0\0\0\0\0@"),
            "VectorQuery" => several("VectorQuery::element(\"element\")", "ELE element"),
            "SlotState" => several("SlotState::Stable", "STABLE"),
            other => bail!("no sample of {other}"),
        },
        Kind::Tuple(_) => bail!("a tuple in a tuple"),
    })
}

/// The word of a type that most commands with it take.
fn first_word(name: &str) -> Option<&'static str> {
    Some(match name {
        "Side" => "LEFT",
        "Place" => "BEFORE",
        "Extreme" => "MIN",
        "Aggregate" => "SUM",
        "Unit" => "KM",
        "BitOperation" => "AND",
        "BitUnit" => "BYTE",
        "Overflow" => "SAT",
        "Order" => "ASC",
        "ClientType" => "PUBSUB",
        "LogKind" => "SLOW",
        "Nack" => "FAIL",
        _ => return None,
    })
}
