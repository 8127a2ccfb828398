//! Rules about what is in a file.

/// More lines than this, and a file is two.
const LINES: usize = 500;

/// Crates without IO and clock, and what would bring one in.
const PURE: [&str; 2] = ["crates/slotline-resp/src/", "crates/slotline-topology/src/"];
const IMPURE: [&str; 6] = [
    "tokio",
    "Instant",
    "SystemTime::now",
    "std::net",
    "std::thread",
    "std::fs",
];

/// A feature's name is no use of it: the codecs' traits bring no IO by themselves.
const FEATURE: &str = "feature = \"tokio-util\"";

/// Spelt so that this file passes its own rule.
const UNSAFE: &str = concat!("un", "safe");

/// Hosts of package registries and mirrors, in two halves likewise.
const HOSTS: [(&str, &str); 8] = [
    ("crates", ".io"),
    ("debian", ".org"),
    ("ubuntu", ".com"),
    ("pypi", ".org"),
    ("npmjs", ".org"),
    ("rubygems", ".org"),
    ("golang", ".org"),
    ("docker", ".io"),
];

/// Folders that are somebody's machine, likewise.
const HOMES: [(&str, &str); 5] = [
    ("/ho", "me/"),
    ("/ro", "ot/"),
    ("/Us", "ers/"),
    ("/wo", "rk/"),
    ("/mn", "t/"),
];

/// Every complaint about one text file.
pub(crate) fn check(path: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if path.ends_with(".rs") {
        problems.extend(size(path, text));
        problems.extend(code(path, text));
    }
    if !path.ends_with("Cargo.lock") {
        problems.extend(places(path, text));
    }
    problems
}

fn size(path: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    let generated = text.lines().take(5).any(|line| line.contains("@generated"));
    (lines > LINES && !generated)
        .then(|| format!("{path}: {lines} lines; a file over {LINES} asks to be two"))
}

fn code(path: &str, text: &str) -> Vec<String> {
    let pure = PURE.iter().any(|folder| path.starts_with(folder));
    let mut problems = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = without_comment(line);
        let at = format!("{path}:{}", number + 1);
        if has_word(line, UNSAFE) {
            problems.push(format!("{at}: {UNSAFE} code"));
        }
        let line = line.replace(FEATURE, "");
        for word in IMPURE.iter().filter(|word| pure && has_word(&line, word)) {
            problems.push(format!("{at}: {word}, in a crate without IO and clock"));
        }
    }
    problems
}

fn places(path: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let at = format!("{path}:{}", number + 1);
        for host in HOSTS.map(|(head, tail)| format!("{head}{tail}")) {
            if has_word(line, &host) {
                problems.push(format!("{at}: names the host {host}"));
            }
        }
        for home in HOMES.map(|(head, tail)| format!("{head}{tail}")) {
            if line
                .match_indices(&home)
                .any(|(at, _)| begins_path(line, at))
            {
                problems.push(format!("{at}: names a path of one machine ({home}…)"));
            }
        }
    }
    problems
}

/// Whether the slash at `at` begins a path rather than going on with one.
fn begins_path(line: &str, at: usize) -> bool {
    let before = line[..at].chars().next_back();
    before.is_none_or(|before| !before.is_alphanumeric() && !"._-~}$".contains(before))
}

/// The line up to a `//` that is not within quotes.
fn without_comment(line: &str) -> &str {
    let is_outside = |at: &usize| {
        let before = line[..*at].replace("\\\"", "").replace("'\"'", "");
        before.matches('"').count().is_multiple_of(2)
    };
    let mut slashes = line.match_indices("//").map(|(at, _)| at);
    slashes.find(is_outside).map_or(line, |at| &line[..at])
}

/// Whether `word` occurs and is no part of a longer word.
fn has_word(line: &str, word: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        !before.ends_with(inside) && !after.starts_with(inside)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_are_two_unless_generated() {
        let long = "\n".repeat(501);
        assert!(size("a.rs", &long).is_some());
        assert!(size("a.rs", &"\n".repeat(500)).is_none());
        assert!(size("a.rs", &format!("//! @generated\n{long}")).is_none());
    }

    #[test]
    fn pure_crates_use_no_clock_and_no_network_but_may_speak_of_them() {
        let path = "crates/slotline-resp/src/x.rs";
        for bad in [
            "use std::time::{Duration, Instant};",
            "tokio::spawn(x)",
            "let now = SystemTime::now();",
            "use std::net::IpAddr;",
            "#[cfg(feature = \"tokio-util\")] tokio::spawn(x)",
            "#[cfg(feature = \"tokio\")]",
        ] {
            assert_eq!(code(path, bad).len(), 1, "{bad}");
            assert!(
                code("crates/slotline-pool/src/x.rs", bad).is_empty(),
                "{bad}"
            );
        }
        for good in [
            "/// As tokio does.",
            "let x = 1; // no Instant here",
            "struct Instantly;",
            "#[cfg(feature = \"tokio-util\")]",
            "use tokio_util::codec::Decoder;",
        ] {
            assert!(code(path, good).is_empty(), "{good}");
        }
    }

    #[test]
    fn the_word_unsafe_is_found_in_code_only() {
        assert_eq!(code("a.rs", &format!("{UNSAFE} {{ x }}")).len(), 1);
        assert!(code("a.rs", &format!("#![forbid({UNSAFE}_code)] // {UNSAFE}")).is_empty());
        let after_url = format!("let url = \"a://b\"; {UNSAFE} {{}}");
        assert_eq!(code("a.rs", &after_url).len(), 1);
    }

    #[test]
    fn hosts_and_homes_are_found() {
        let host = concat!("https://crates", ".io/x");
        assert_eq!(places("a.md", host).len(), 1);
        let home = concat!("see /ho", "me/me/x");
        assert_eq!(places("a.md", home).len(), 1);
        let inner = concat!("src/ro", "ot/x and $ROOT/wo", "rk/x");
        assert!(places("a.md", inner).is_empty(), "{inner}");
        assert!(check("Cargo.lock", host).is_empty());
    }
}
