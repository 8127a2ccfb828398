//! The package mirror of this machine, read from its own apt sources, so that
//! no host is named here.

use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Where an archive is, and how it proves itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mirror {
    uri: String,
    suites: Vec<String>,
    /// A path, a fingerprint or a whole key: passed on as it stands.
    signed_by: Option<String>,
    trusted: Option<String>,
}

impl Mirror {
    /// The source file, in deb822 form, for suites of the same archive: its
    /// own, if none are named.
    pub(crate) fn sources(&self, suites: &[&str]) -> String {
        let suites = match suites {
            [] => self.suites.join(" "),
            named => named.join(" "),
        };
        let mut text = format!(
            "Types: deb\nURIs: {}\nSuites: {suites}\nComponents: main\n",
            self.uri,
        );
        if let Some(key) = &self.signed_by {
            let _ = writeln!(text, "Signed-By: {key}");
        }
        if let Some(trusted) = &self.trusted {
            let _ = writeln!(text, "Trusted: {trusted}");
        }
        text
    }

    /// How likely it is Debian's own archive: others may use its suites' names.
    fn rank(&self) -> u8 {
        let path = self.uri.trim_end_matches('/');
        let debian = path.ends_with("/debian") || path.ends_with("/debian.list");
        let plain = self.suites.iter().any(|suite| !suite.contains(['-', '/']));
        2 * u8::from(!debian) + u8::from(!plain)
    }
}

/// The mirrors to try, the likeliest first.
pub(crate) fn of_this_machine() -> Result<Vec<Mirror>> {
    let mut mirrors = Vec::new();
    for file in source_files(Path::new("/etc/apt")) {
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("reading {}", file.display()))?;
        if file.extension().is_some_and(|ending| ending == "sources") {
            mirrors.extend(deb822(&text));
        } else {
            mirrors.extend(text.lines().filter_map(one_line));
        }
    }
    mirrors.sort_by_key(Mirror::rank);
    mirrors.dedup();
    if mirrors.is_empty() {
        bail!("this machine's apt has no source of binary packages with the component main");
    }
    Ok(mirrors)
}

fn source_files(apt: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(apt.join("sources.list.d"))
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|ending| ending == "sources" || ending == "list")
        })
        .collect();
    files.sort();
    let single = apt.join("sources.list");
    if single.is_file() {
        files.insert(0, single);
    }
    files
}

/// The usable stanzas of a `.sources` file.
fn deb822(text: &str) -> Vec<Mirror> {
    let mut mirrors = Vec::new();
    let mut stanza: Vec<(String, String)> = Vec::new();
    for line in text.lines().chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            mirrors.extend(from_stanza(&stanza));
            stanza.clear();
        } else if line.starts_with([' ', '\t']) {
            // A folded field, such as a key written out.
            if let Some((_, value)) = stanza.last_mut() {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            stanza.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    mirrors
}

fn from_stanza(stanza: &[(String, String)]) -> Vec<Mirror> {
    let field = |wanted: &str| {
        let found = stanza.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str())
    };
    let has =
        |name, word| field(name).is_some_and(|value| value.split_whitespace().any(|w| w == word));
    let off = field("enabled").is_some_and(|value| value.eq_ignore_ascii_case("no"));
    if off || !has("types", "deb") || !has("components", "main") {
        return Vec::new();
    }
    let words = |name| {
        field(name)
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
    };
    words("uris")
        .map(|uri| Mirror {
            uri,
            suites: words("suites").collect(),
            signed_by: field("signed-by").map(str::to_owned),
            trusted: field("trusted").map(str::to_owned),
        })
        .collect()
}

/// A line of a `.list` file, if usable.
fn one_line(line: &str) -> Option<Mirror> {
    let rest = line.trim().strip_prefix("deb")?;
    if !rest.starts_with([' ', '\t', '[']) {
        return None;
    }
    let rest = rest.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(inside) => inside.split_once(']')?,
        None => ("", rest),
    };
    let rest = rest.split('#').next().unwrap_or_default();
    let mut words = rest.split_whitespace();
    let (uri, suite) = (words.next()?, words.next()?);
    if !words.any(|component| component == "main") {
        return None;
    }
    let option = |wanted: &str| {
        let mut pairs = options
            .split_whitespace()
            .filter_map(|pair| pair.split_once('='));
        let found = pairs.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.replace(',', " "))
    };
    Some(Mirror {
        uri: uri.to_owned(),
        suites: vec![suite.to_owned()],
        signed_by: option("signed-by"),
        trusted: option("trusted"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stanzas_keep_their_key_and_skip_what_is_off_or_elsewhere() {
        let text = "# a comment\nTypes: deb deb-src\n# another\nURIs: http://a/debian\nSuites: x x-updates\n\
                    Components: main contrib\nSigned-By:\n -----BEGIN\n .\n -----END\n\n\
                    Types: deb\nEnabled: no\nURIs: http://b\nSuites: x\nComponents: main\n\n\
                    Types: deb-src\nURIs: http://c\nSuites: x\nComponents: main\n\n\
                    Types: deb\nURIs: http://d\nSuites: x\nComponents: other\n";
        let found = deb822(text);
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].sources(&["y"]),
            "Types: deb\nURIs: http://a/debian\nSuites: y\nComponents: main\n\
             Signed-By: \n -----BEGIN\n .\n -----END\n"
        );
        let own = found[0].sources(&[]);
        assert!(own.contains("\nSuites: x x-updates\n"), "{own}");
    }

    #[test]
    fn one_line_sources_with_and_without_options() {
        let plain = one_line("deb http://a/debian/ x main # why").unwrap();
        assert_eq!(plain.uri, "http://a/debian/");
        assert_eq!(plain.signed_by, None);
        let keyed = one_line("deb [arch=amd64 signed-by=/k.gpg] http://a x main contrib").unwrap();
        assert_eq!(keyed.signed_by.as_deref(), Some("/k.gpg"));
        for line in [
            "",
            "# deb http://a x main",
            "deb-src http://a x main",
            "deb http://a x stable",
        ] {
            assert_eq!(one_line(line), None, "{line}");
        }
    }

    #[test]
    fn the_archive_itself_goes_before_its_neighbours() {
        let neighbour = one_line("deb http://a/debian-security x-security main").unwrap();
        let foreign = one_line("deb http://b/apt x main").unwrap();
        let own = one_line("deb http://a/debian x main").unwrap();
        assert!(own.rank() < foreign.rank());
        assert!(foreign.rank() < neighbour.rank());
    }
}
