//! Rules about names of files and about what every crate has.

use std::path::Path;

/// Names that say nothing of what is in them.
const EMPTY_NAMES: [&str; 8] = [
    "util", "utils", "helper", "helpers", "common", "misc", "manager", "managers",
];

/// Complains of a Rust file or folder with a name that says nothing.
pub(crate) fn name(path: &str) -> Option<String> {
    if !path.ends_with(".rs") {
        return None;
    }
    let parts = path.trim_end_matches(".rs").split('/');
    let empty = parts.into_iter().find(|part| EMPTY_NAMES.contains(part))?;
    Some(format!(
        "{path}: a module called {empty} does not say what is in it"
    ))
}

/// The folders of the crates among `files`, the root's own manifest left out.
pub(crate) fn crates(files: &[String]) -> Vec<String> {
    files
        .iter()
        .filter_map(|path| path.strip_suffix("/Cargo.toml"))
        .map(str::to_owned)
        .collect()
}

/// Complains of a crate without README, or whose root allows unsafe code.
pub(crate) fn furniture(
    folder: &str,
    files: &[String],
    read: impl Fn(&str) -> String,
) -> Vec<String> {
    let mut problems = Vec::new();
    let has = |path: &str| files.iter().any(|file| file == path);
    if folder.starts_with("crates/") && !has(&format!("{folder}/README.md")) {
        problems.push(format!("{folder}: every crate has a README.md"));
    }
    for root in ["lib.rs", "main.rs"].map(|name| format!("{folder}/src/{name}")) {
        if has(&root) && !read(&root).contains("#![forbid(unsafe_code)]") {
            problems.push(format!("{root}: lacks #![forbid(unsafe_code)]"));
        }
    }
    if Path::new(folder).components().count() > 2 {
        problems.push(format!("{folder}: crates lie directly under crates/"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_names_are_found_as_files_and_as_folders() {
        for bad in [
            "crates/a/src/utils.rs",
            "crates/a/src/common/x.rs",
            "tests/src/helpers/mod.rs",
        ] {
            assert!(name(bad).is_some(), "{bad}");
        }
        for good in [
            "crates/a/src/utility.rs",
            "crates/common-lisp/src/x.rs",
            "docs/common.md",
        ] {
            assert!(name(good).is_none(), "{good}");
        }
    }

    #[test]
    fn a_crate_has_a_readme_and_forbids_unsafe_code() {
        let files = ["crates/a/Cargo.toml", "crates/a/src/lib.rs", "Cargo.toml"].map(str::to_owned);
        assert_eq!(crates(&files), ["crates/a"]);
        assert_eq!(furniture("crates/a", &files, |_| String::new()).len(), 2);
        let files = ["crates/a/README.md", "crates/a/src/lib.rs"].map(str::to_owned);
        assert!(furniture("crates/a", &files, |_| "#![forbid(unsafe_code)]".into()).is_empty());
    }
}
