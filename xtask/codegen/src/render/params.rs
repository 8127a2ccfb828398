//! Parameters, generics and documentation, as Rust.

use crate::shape::{Sent, Shape};

/// `key: impl ToArg, value: impl ToArg`.
pub(super) fn takes(sent: &Sent) -> String {
    let each = sent.params.iter().map(|param| {
        let kind = param.kind.rust(param.many);
        format!("{}: {kind}", param.name)
    });
    each.collect::<Vec<_>>().join(", ")
}

/// The same behind another parameter.
pub(super) fn more(sent: &Sent) -> String {
    match takes(sent) {
        takes if takes.is_empty() => takes,
        takes => format!(", {takes}"),
    }
}

/// `key, value`.
pub(super) fn given(sent: &Sent) -> String {
    let names: Vec<&str> = sent
        .params
        .iter()
        .map(|param| param.name.as_str())
        .collect();
    names.join(", ")
}

/// `<A, B>`, or nothing.
pub(super) fn generics(params: &[String]) -> String {
    match params.is_empty() {
        true => String::new(),
        false => format!("<{}>", params.join(", ")),
    }
}

/// The documentation of a method.
pub(super) fn head(shape: &Shape<'_>) -> String {
    let name = &shape.row.facts.name;
    let words = &shape.method.words;
    let mut text = format!(
        "    /// [{name}]({}): {words}.\n",
        page(name, &shape.row.since)
    );
    let mut options: Vec<String> = Vec::new();
    for option in &shape.options {
        let option = format!("`{}`", option.name);
        if !options.contains(&option) {
            options.push(option);
        }
    }
    if !options.is_empty() {
        text += &format!("    ///\n    /// Options follow: {}.\n", options.join(", "));
    }
    text
}

/// Where the command is documented.
pub(super) fn page(name: &str, since: &str) -> String {
    let name = name.to_ascii_lowercase().replace(' ', "-");
    match since.starts_with("valkey") {
        true => format!("https://valkey.io/commands/{name}/"),
        false => format!("https://redis.io/docs/latest/commands/{name}/"),
    }
}
