//! Whether the lock file of the peers fits the manifests of our own crates. Nothing but
//! `cargo xtask bench` builds with it, and asks then that it does. What others' crates need
//! is not looked at: for that cargo would have to download them.

use anyhow::{Context, Result};
use semver::{Version, VersionReq};

use crate::metadata::Metadata;
use crate::workspace;

const MANIFEST: &str = "benches/peers/Cargo.toml";
const LOCK: &str = "benches/peers/Cargo.lock";

/// A package as a lock file has it.
#[derive(Debug, Default, PartialEq)]
struct Locked<'l> {
    name: &'l str,
    version: &'l str,
    /// Whether it is a folder of ours.
    is_ours: bool,
    /// Names, and versions where there are several.
    dependencies: Vec<&'l str>,
}

/// Compares it with what cargo says of the manifests.
pub(crate) fn check() -> Result<Vec<String>> {
    let lock = std::fs::read_to_string(workspace::root().join(LOCK));
    let lock = lock.with_context(|| format!("tidy compares {LOCK} with the manifests"))?;
    let peers = Metadata::of(&workspace::root().join(MANIFEST))?;
    let ours = Metadata::of_this_workspace()?;
    let locked = parse(&lock);
    let mut wrong = Vec::new();
    for package in locked.iter().filter(|package| package.is_ours) {
        let is_member = peers.version(package.name).is_some();
        let manifests = if is_member { &peers } else { &ours };
        wrong.extend(judge(package, &locked, manifests, is_member));
    }
    let repair = format!("`cargo update --workspace --manifest-path {MANIFEST}` puts it right");
    let problem = || format!("{LOCK}: {}; {repair}", wrong.join(", "));
    Ok((!wrong.is_empty()).then(problem).into_iter().collect())
}

/// The packages of a lock file.
fn parse(lock: &str) -> Vec<Locked<'_>> {
    let mut packages = Vec::new();
    for table in lock.split("[[package]]").skip(1) {
        let mut package = Locked {
            is_ours: true,
            ..Locked::default()
        };
        for line in table.lines() {
            let text = line.split('"').nth(1).unwrap_or_default();
            match line.split(' ').next() {
                Some("name") => package.name = text,
                Some("version") => package.version = text,
                Some("source") => package.is_ours = false,
                // Elements of the only list there is are indented.
                Some("") if !text.is_empty() => package.dependencies.push(text),
                _ => {}
            }
        }
        packages.push(package);
    }
    packages
}

/// What the lock file has wrong of one of our crates. The dependencies that only its tests
/// have, and those that are optional, are there if it is a member of that workspace; of
/// another, the former are not, and the latter may be.
fn judge(
    package: &Locked<'_>,
    all: &[Locked<'_>],
    manifests: &Metadata,
    is_member: bool,
) -> Vec<String> {
    let name = package.name;
    let mut problems = Vec::new();
    match manifests.version(name) {
        None => problems.push(format!("{name} is no crate of ours")),
        Some(version) if version == package.version => {}
        Some(version) => problems.push(format!("{name} is {version}, not {}", package.version)),
    }
    let asked = manifests.dependencies(name);
    let asked: Vec<_> = asked.filter(|one| is_member || !one.is_for_tests).collect();
    let locked = package.dependencies.iter();
    let locked: Vec<_> = locked.map(|line| with_version(line, all)).collect();
    for (other, _) in &locked {
        if !asked.iter().any(|one| one.name == *other) {
            problems.push(format!("{name} does not depend on {other}"));
        }
    }
    for one in asked {
        let mut found = locked.iter().filter(|(other, _)| *other == one.name);
        let fits = found.clone().any(|(_, at)| matches(one.versions, at));
        let may_lack = one.is_optional && !is_member && found.next().is_none();
        if !fits && !may_lack {
            problems.push(format!("{name} depends on {} {}", one.name, one.versions));
        }
    }
    problems
}

/// A dependency as it stands in a lock file, whose version is that of the only package of
/// that name if it is not said.
fn with_version<'l>(line: &'l str, all: &[Locked<'l>]) -> (&'l str, &'l str) {
    match line.split_once(' ') {
        Some((name, version)) => (name, version.split(' ').next().unwrap_or_default()),
        None => {
            let only = all.iter().find(|package| package.name == line);
            (line, only.map_or("", |package| package.version))
        }
    }
}

fn matches(versions: &str, version: &str) -> bool {
    let versions = VersionReq::parse(versions);
    let version = Version::parse(version);
    versions.is_ok_and(|versions| version.is_ok_and(|version| versions.matches(&version)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
version = 4

[[package]]
name = "mine"
version = "0.1.0"
dependencies = [
 "bytes",
 "rand 0.9.1",
]

[[package]]
name = "bytes"
version = "1.12.0"
source = "registry+x"

[[package]]
name = "rand"
version = "0.9.1"
source = "registry+x"

[[package]]
name = "rand"
version = "0.10.4"
source = "registry+x"
"#;

    fn check(version: &str, asked: serde_json::Value, is_member: bool, expected: &[&str]) {
        let package = serde_json::json!({
            "name": "mine",
            "version": version,
            "dependencies": asked,
        });
        let manifests = Metadata::from(serde_json::json!({ "packages": [package] }));
        let all = parse(LOCK);
        let found = judge(&all[0], &all, &manifests, is_member);
        assert_eq!(found, expected);
    }

    #[test]
    fn packages_are_told_apart() {
        let all = parse(LOCK);
        assert_eq!(all.len(), 4);
        assert_eq!((all[0].name, all[0].version), ("mine", "0.1.0"));
        assert_eq!(all[0].dependencies, ["bytes", "rand 0.9.1"]);
        assert!(all[0].is_ours && !all[1].is_ours);
        assert!(all[1].dependencies.is_empty());
    }

    #[test]
    fn what_a_manifest_asks_for_is_in_the_lock_file() {
        let asked = |more: &[serde_json::Value]| {
            let bytes = serde_json::json!({"name": "bytes", "req": "^1.10"});
            let rand = serde_json::json!({"name": "rand", "req": "^0.9"});
            let all = [bytes, rand].into_iter().chain(more.iter().cloned());
            serde_json::Value::from_iter(all)
        };
        let newer = serde_json::json!({"name": "bytes", "req": "^1.13"});
        let other = serde_json::json!({"name": "slab", "req": "*"});
        let optional = serde_json::json!({"name": "slab", "req": "*", "optional": true});
        let of_tests = serde_json::json!({"name": "slab", "req": "*", "kind": "dev"});
        check("0.1.0", asked(&[]), false, &[]);
        check("0.2.0", asked(&[]), false, &["mine is 0.2.0, not 0.1.0"]);
        check(
            "0.1.0",
            asked(&[newer]),
            false,
            &["mine depends on bytes ^1.13"],
        );
        check("0.1.0", asked(&[other]), false, &["mine depends on slab *"]);
        for of_members in [optional, of_tests] {
            let asked = asked(&[of_members]);
            check("0.1.0", asked.clone(), false, &[]);
            check("0.1.0", asked, true, &["mine depends on slab *"]);
        }
        let fewer = serde_json::json!([{"name": "bytes", "req": "*"}]);
        check("0.1.0", fewer, false, &["mine does not depend on rand"]);
        let of_tests = serde_json::json!([
            {"name": "bytes", "req": "*"},
            {"name": "rand", "req": "*", "kind": "dev"},
        ]);
        check("0.1.0", of_tests, false, &["mine does not depend on rand"]);
    }
}
