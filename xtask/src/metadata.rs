//! What cargo says of the workspace's packages.

use anyhow::{Context, Result};
use serde_json::Value;
use std::path::Path;

use crate::workspace;

/// The packages as cargo describes them.
pub(crate) struct Metadata(Value);

impl Metadata {
    /// Asks cargo.
    pub(crate) fn of_this_workspace() -> Result<Metadata> {
        Metadata::of(&workspace::root().join("Cargo.toml"))
    }

    /// Asks cargo about the workspace with this manifest. It reads manifests alone, so
    /// that nothing is downloaded.
    pub(crate) fn of(manifest: &Path) -> Result<Metadata> {
        let metadata = ["metadata", "--no-deps", "--format-version", "1"];
        let mut cargo = workspace::cargo();
        cargo.args(metadata).arg("--manifest-path").arg(manifest);
        let metadata = workspace::output(&mut cargo)?;
        let metadata = serde_json::from_str(&metadata).context("reading cargo's metadata")?;
        Ok(Metadata(metadata))
    }

    /// The names of a package's targets of one kind, such as `bin` or `test`.
    pub(crate) fn targets(&self, package: &str, kind: &str) -> Vec<String> {
        let targets = each(self.package(package), "targets");
        targets
            .filter(|target| each(target, "kind").any(|found| found == kind))
            .filter_map(|target| target["name"].as_str().map(str::to_owned))
            .collect()
    }

    /// The names of a package's features, those that it switches on by itself
    /// left out.
    pub(crate) fn features(&self, package: &str) -> Vec<String> {
        let features = self.package(package)["features"].as_object();
        let names = features.into_iter().flatten().map(|(name, _)| name);
        names.filter(|name| *name != "default").cloned().collect()
    }

    /// The version of a package, if there is one of that name.
    pub(crate) fn version(&self, package: &str) -> Option<&str> {
        self.package(package)["version"].as_str()
    }

    /// What a package's manifest asks for.
    pub(crate) fn dependencies(&self, package: &str) -> impl Iterator<Item = Dependency<'_>> {
        each(self.package(package), "dependencies").map(|dependency| Dependency {
            name: dependency["name"].as_str().unwrap_or_default(),
            versions: dependency["req"].as_str().unwrap_or_default(),
            is_optional: dependency["optional"] == true,
            is_for_tests: dependency["kind"] == "dev",
        })
    }

    /// The package of that name; nothing if there is none.
    fn package(&self, name: &str) -> &Value {
        let mut packages = each(&self.0, "packages");
        let found = packages.find(|package| package["name"] == name);
        found.unwrap_or(&Value::Null)
    }
}

impl From<Value> for Metadata {
    fn from(metadata: Value) -> Metadata {
        Metadata(metadata)
    }
}

/// A dependency as a manifest says it.
pub(crate) struct Dependency<'m> {
    /// The package's own name, whatever it is called here.
    pub(crate) name: &'m str,
    /// The versions that will do.
    pub(crate) versions: &'m str,
    pub(crate) is_optional: bool,
    pub(crate) is_for_tests: bool,
}

fn each<'v>(value: &'v Value, field: &str) -> impl Iterator<Item = &'v Value> {
    value[field].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_told_from_the_others() {
        let packages = Metadata(serde_json::json!({"packages": [
            {"name": "one", "targets": [{"kind": ["test"], "name": "it"}], "features": {}},
            {
                "name": "two",
                "targets": [
                    {"kind": ["lib"], "name": "two"},
                    {"kind": ["test"], "name": "first"},
                    {"kind": ["test"], "name": "second"},
                ],
                "features": {"default": ["a"], "a": [], "b": ["dep:c"]},
            },
        ]}));
        assert_eq!(packages.targets("two", "test"), ["first", "second"]);
        assert_eq!(packages.targets("one", "test"), ["it"]);
        assert_eq!(packages.features("two"), ["a", "b"]);
        assert!(packages.features("one").is_empty());
        assert!(packages.targets("three", "test").is_empty());
    }

    #[test]
    fn cargo_tells_of_this_workspace() {
        let packages = Metadata::of_this_workspace().unwrap();
        let suites = packages.targets("slotline-tests", "test");
        for suite in ["testkit", "failover", "redirects"] {
            assert!(suites.iter().any(|known| known == suite), "{suites:?}");
        }
        let features = packages.features("slotline-resp");
        assert!(
            features.iter().any(|known| known == "serde"),
            "{features:?}"
        );
    }
}
