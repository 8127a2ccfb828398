//! What kind of thing an argument is in Rust.

use anyhow::{Context, Result};

use super::corrections::Corrections;
use super::syntax::{Node, print};

/// The kinds of parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Key,
    Arg,
    /// Any whole number.
    Integer,
    /// A whole number that is not negative.
    Count,
    Double,
    /// A time that is sent in whole seconds, milliseconds, or seconds and a fraction.
    Seconds,
    Millis,
    Timeout,
    /// A moment.
    UnixSeconds,
    UnixMillis,
    /// YES or NO.
    YesNo,
    /// EX or PX, EXAT or PXAT.
    Within,
    At,
    /// A type whose values are words.
    Words(String),
    /// A type of the crate that is one argument or several.
    Type(String),
    /// Several arguments that come together.
    Tuple(Vec<Node>),
}

impl Kind {
    /// The kind of `name:kind`, as servers or corrections write it.
    pub(crate) fn of(name: &str, kind: &str, is_key: bool, all: &Corrections) -> Result<Kind> {
        if is_key {
            return Ok(Kind::Key);
        }
        Ok(match (kind, name) {
            ("integer", "seconds") | ("seconds", _) => Kind::Seconds,
            ("integer", "milliseconds" | "ms") | ("millis", _) => Kind::Millis,
            ("double", "timeout") | ("timeout", _) => Kind::Timeout,
            ("unix-time", "unix-time-seconds") | ("unix-seconds", _) => Kind::UnixSeconds,
            ("unix-time", _) | ("unix-millis", _) => Kind::UnixMillis,
            (
                "integer",
                "count" | "limit" | "num-matches" | "maxlen" | "numreplicas" | "offset" | "slot"
                | "port",
            )
            | ("count", _) => Kind::Count,
            ("integer" | "integer-any", _) => Kind::Integer,
            ("double", _) => Kind::Double,
            ("string" | "pattern" | "key", _) => Kind::Arg,
            ("yesno", _) => Kind::YesNo,
            ("Within", _) => Kind::Within,
            ("At", _) => Kind::At,
            (words, _) if all.words.contains_key(words) => Kind::Words(words.to_owned()),
            (kind, _) if kind.starts_with(|c: char| c.is_ascii_uppercase()) => {
                Kind::Type(kind.to_owned())
            }
            (kind, _) => anyhow::bail!("{name} is of a kind that is not known: {kind}"),
        })
    }

    /// The type whose values are these words.
    pub(crate) fn of_words(alternatives: &[Node], all: &Corrections) -> Result<Kind> {
        let words: Option<Vec<&str>> = alternatives
            .iter()
            .map(|node| match node {
                Node::Word(word) => Some(word.as_str()),
                _ => None,
            })
            .collect();
        let about = || format!("<{}>, which has to be corrected", print(alternatives));
        let words = words.with_context(about)?;
        if words == ["YES", "NO"] {
            return Ok(Kind::YesNo);
        }
        let fits = |known: &[String]| words.iter().all(|word| known.iter().any(|k| k == word));
        let mut types = all.words.iter().filter(|(_, known)| fits(known));
        let smallest = types.by_ref().min_by_key(|(_, known)| known.len());
        let (name, _) = smallest.with_context(about)?;
        Ok(Kind::Words(name.clone()))
    }

    /// The parameter's type.
    pub(crate) fn rust(&self, many: bool) -> String {
        match self {
            _ if many => "impl ToArgs".to_owned(),
            Kind::Key | Kind::Arg => "impl ToArg".to_owned(),
            Kind::Integer => "i64".to_owned(),
            Kind::Count => "u64".to_owned(),
            Kind::Double => "f64".to_owned(),
            Kind::Seconds | Kind::Millis | Kind::Timeout | Kind::Within => "Duration".to_owned(),
            Kind::UnixSeconds | Kind::UnixMillis | Kind::At => "SystemTime".to_owned(),
            Kind::YesNo => "bool".to_owned(),
            Kind::Words(name) | Kind::Type(name) => name.clone(),
            Kind::Tuple(_) => "impl ToArgs".to_owned(),
        }
    }

    /// What wraps the parameter before it is encoded, if anything.
    pub(crate) fn wrapper(&self) -> Option<&'static str> {
        Some(match self {
            Kind::Seconds => "WholeSeconds",
            Kind::Millis => "WholeMillis",
            Kind::Timeout => "Seconds",
            Kind::UnixSeconds => "WholeUnixSeconds",
            Kind::UnixMillis => "WholeUnixMillis",
            Kind::YesNo => "YesNo",
            Kind::Within => "Within",
            Kind::At => "At",
            _ => return None,
        })
    }

    /// Whether it is a time or a moment alone.
    pub(crate) fn is_time(&self) -> bool {
        use Kind::{Millis, Seconds, UnixMillis, UnixSeconds};
        matches!(self, Seconds | Millis | UnixSeconds | UnixMillis)
    }

    /// Whether it may be more or less than one argument.
    pub(crate) fn is_several(&self) -> bool {
        matches!(
            self,
            Kind::Within | Kind::At | Kind::Type(_) | Kind::Tuple(_)
        )
    }
}

/// A name as Rust has it: `unix-time` is `unix_time`.
pub(crate) fn identifier(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let name = name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    match name.as_str() {
        "match" => "matching".to_owned(),
        "type" => "of_type".to_owned(),
        "async" => "asynchronous".to_owned(),
        "override" => "overriding".to_owned(),
        "where" => "end".to_owned(),
        "move" | "as" | "in" | "self" => format!("{name}_"),
        _ => name,
    }
}
