//! Rules about which crate may depend on which: the table of the design.

use anyhow::Result;

use crate::workspace;

/// What one crate may use of ours, and what it must not use of others.
struct Rule {
    name: &'static str,
    /// Our crates that it may name.
    may_use: &'static [&'static str],
    /// Crates that it must not have, near or far.
    never: &'static [&'static str],
    /// Crates that it must not name itself.
    not_itself: &'static [&'static str],
    /// Features of tokio that it must not switch on.
    tokio_without: &'static [&'static str],
}

const ANY: Rule = Rule {
    name: "",
    may_use: &[],
    never: &[],
    not_itself: &[],
    tokio_without: &[],
};

const RULES: &[Rule] = &[
    Rule {
        name: "slotline-resp",
        never: &["tokio", "tower"],
        ..ANY
    },
    Rule {
        name: "slotline-topology",
        may_use: &["slotline-resp"],
        never: &["tokio", "tower"],
        not_itself: &["nom"],
        ..ANY
    },
    Rule {
        name: "slotline-pool",
        may_use: &["slotline-resp"],
        ..ANY
    },
    Rule {
        name: "slotline-pipeline",
        may_use: &["slotline-resp", "slotline-topology"],
        tokio_without: &["net", "io-util", "fs", "process"],
        ..ANY
    },
    Rule {
        name: "slotline-commands",
        may_use: &["slotline-resp"],
        never: &["tokio", "tower"],
        ..ANY
    },
    Rule {
        name: "slotline",
        may_use: &[
            "slotline-resp",
            "slotline-topology",
            "slotline-pool",
            "slotline-pipeline",
            "slotline-commands",
        ],
        ..ANY
    },
    Rule {
        name: "slotline-redis",
        may_use: &["slotline"],
        ..ANY
    },
    Rule {
        name: "slotline-testkit",
        may_use: &["slotline-resp", "slotline-topology"],
        ..ANY
    },
];

/// A dependency as `cargo tree` prints it: name and features.
struct Dependency<'a> {
    name: &'a str,
    features: Vec<&'a str>,
}

/// Checks the crates that lie under `crates/`.
pub(crate) fn check(folders: &[String]) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for name in folders
        .iter()
        .filter_map(|folder| folder.strip_prefix("crates/"))
    {
        let Some(rule) = RULES.iter().find(|rule| rule.name == name) else {
            problems.push(format!(
                "crates/{name}: not in the table of dependencies; add it to tidy"
            ));
            continue;
        };
        let direct = tree(name, &["--depth", "1"])?;
        let all = tree(name, &[])?;
        problems.extend(judge(rule, &parse(&direct), &parse(&all)));
    }
    Ok(problems)
}

/// What the crate is built with, tests and build scripts left out.
fn tree(name: &str, more: &[&str]) -> Result<String> {
    let base = [
        "tree", "--quiet", "-p", name, "--edges", "normal", "--prefix", "none", "--format",
        "{p}|{f}",
    ];
    workspace::output(workspace::cargo().args(base).args(more))
}

/// Lines like `tokio v1.0.0 (*)|net,sync`, the first being the crate itself.
fn parse(tree: &str) -> Vec<Dependency<'_>> {
    let lines = tree.lines().filter(|line| !line.trim().is_empty()).skip(1);
    let dependencies = lines.map(|line| {
        let (package, features) = line.split_once('|').unwrap_or((line, ""));
        let name = package.split_whitespace().next().unwrap_or_default();
        let features = features.trim_end_matches("(*)").split(',').map(str::trim);
        Dependency {
            name,
            features: features.filter(|feature| !feature.is_empty()).collect(),
        }
    });
    dependencies.collect()
}

fn judge(rule: &Rule, direct: &[Dependency<'_>], all: &[Dependency<'_>]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut complain = |what: String| {
        let line = format!("crates/{}: {what}", rule.name);
        if !problems.contains(&line) {
            problems.push(line);
        }
    };
    for dependency in direct {
        let ours = dependency.name.starts_with("slotline");
        if (ours && !rule.may_use.contains(&dependency.name))
            || rule.not_itself.contains(&dependency.name)
        {
            complain(format!("must not depend on {}", dependency.name));
        }
    }
    for dependency in all {
        if rule.never.contains(&dependency.name) {
            complain(format!("must not bring in {}", dependency.name));
        }
        if dependency.name == "tokio" {
            for feature in dependency
                .features
                .iter()
                .filter(|feature| rule.tokio_without.contains(feature))
            {
                complain(format!("must not switch on tokio's {feature}"));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(name: &str, direct: &str, all: &str) -> Vec<String> {
        let rule = RULES.iter().find(|rule| rule.name == name).unwrap();
        judge(rule, &parse(direct), &parse(all))
    }

    #[test]
    fn layers_do_not_reach_past_each_other() {
        let tree = "slotline-pool v0.1.0|\nslotline-resp v0.1.0|\nslotline-topology v0.1.0|\n";
        assert_eq!(
            judged("slotline-pool", tree, tree),
            ["crates/slotline-pool: must not depend on slotline-topology"]
        );
    }

    #[test]
    fn far_dependencies_count_where_they_matter() {
        let direct = "slotline-topology v0.1.0|\nslotline-resp v0.1.0|\n";
        let nom = "slotline-topology v0.1.0|\nslotline-resp v0.1.0|\nnom v8.0.0|std\n";
        assert!(judged("slotline-topology", direct, nom).is_empty());
        assert_eq!(judged("slotline-topology", nom, nom).len(), 1);
        let tokio = format!("{nom}tokio v1.0.0|\ntokio v1.0.0| (*)\n");
        assert_eq!(judged("slotline-topology", direct, &tokio).len(), 1);
    }

    #[test]
    fn the_pipeline_has_no_sockets() {
        let with = "slotline-pipeline v0.1.0|\ntokio v1.0.0|net,sync,time\n";
        assert_eq!(judged("slotline-pipeline", with, with).len(), 1);
        let without = "slotline-pipeline v0.1.0|\ntokio v1.0.0|sync,time (*)\n";
        assert!(judged("slotline-pipeline", without, without).is_empty());
    }
}
