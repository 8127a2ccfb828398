//! `fuzz`: libFuzzer on the promises that slotline-resp makes of any bytes.

use anyhow::{Context, Result, bail};
use clap::Args;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use crate::metadata::Metadata;
use crate::workspace;

/// The package that the targets are programs of, and its folder.
const PACKAGE: &str = "slotline-fuzz";
const FOLDER: &str = "fuzz";

const CARGO_FUZZ: &str = "0.13.2";

/// Looks for bytes that break a promise of slotline-resp. Takes a C++ compiler, for
/// libFuzzer, and stable Rust.
#[derive(Args)]
pub(crate) struct Fuzz {
    /// A target, or `all`, one after the other. Without it the targets are listed.
    target: Option<String>,
    /// How long to look, for each target.
    #[arg(long, default_value_t = 60, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Runs the target on one input instead, such as one on which it failed.
    #[arg(long, value_name = "FILE", requires = "target")]
    replay: Option<PathBuf>,
    /// Options for libFuzzer, such as `-jobs=2`.
    #[arg(last = true)]
    libfuzzer: Vec<OsString>,
}

impl Fuzz {
    pub(crate) fn run(self) -> Result<()> {
        let known = Metadata::of_this_workspace()?.targets(PACKAGE, "bin");
        let Some(target) = &self.target else {
            println!("{}", known.join("\n"));
            return Ok(());
        };
        let targets = chosen(target, &known)?;
        // Ours to say before the build, which takes a minute.
        let input = match &self.replay {
            Some(file) => Some(
                file.canonicalize()
                    .with_context(|| file.display().to_string())?,
            ),
            None => None,
        };
        let cargo_fuzz = provide()?;
        let host = host()?;
        build(&cargo_fuzz, &host, &targets)?;
        let programs = work().join(host).join("release");
        let mut failed = Vec::new();
        for target in targets {
            let program = programs.join(target);
            let outcome = match &input {
                Some(input) => workspace::run(Command::new(program).arg(input)),
                None => self.look(&program, target),
            };
            if let Err(error) = outcome {
                failed.push(format!("{target}: {error:#}"));
            }
        }
        if !failed.is_empty() {
            bail!("{}", failed.join("\n"));
        }
        Ok(())
    }

    /// Lets libFuzzer look, and tells how to see again what it has found.
    fn look(&self, program: &Path, target: &str) -> Result<()> {
        let finds = work().join("corpus").join(target);
        let crashes = work().join("crashes").join(target);
        for folder in [&finds, &crashes] {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        let start = SystemTime::now();
        let mut prefix = OsString::from("-artifact_prefix=");
        // With the slash that makes it a folder.
        prefix.push(crashes.join(""));
        let mut dictionary = OsString::from("-dict=");
        dictionary.push(fuzz().join("resp.dict"));
        let mut command = Command::new(program);
        command
            .arg(format!("-max_total_time={}", self.seconds))
            // Seconds and MiB in which the longest input must be done with.
            .args(["-max_len=4096", "-timeout=10", "-rss_limit_mb=1024"])
            .args(["-print_final_stats=1"])
            .args([prefix, dictionary])
            .args(&self.libfuzzer)
            // What is new goes to the first; the others are read.
            .arg(finds);
        let kept = ["corpus", "regressions"].map(|folder| fuzz().join(folder).join(target));
        command.args(kept.iter().filter(|folder| folder.is_dir()));
        workspace::run(&mut command).or_else(|error| {
            let found = written_since(start, &crashes);
            if found.is_empty() {
                return Err(error);
            }
            let found: String = found.iter().map(|crash| again(target, crash)).collect();
            bail!("an input breaks a promise{found}")
        })
    }
}

/// How to see a failure again, and how to keep it.
fn again(target: &str, crash: &Path) -> String {
    let crash = crash.strip_prefix(workspace::root()).unwrap_or(crash);
    let crash = crash.display();
    format!(
        "\n  to see it again: cargo xtask fuzz {target} --replay {crash}\
         \n  to keep it as a test: mkdir -p {FOLDER}/regressions/{target} \
         && cp {crash} {FOLDER}/regressions/{target}/ && cargo test -p {PACKAGE}"
    )
}

/// The targets that a word means.
fn chosen<'a>(word: &'a str, known: &'a [String]) -> Result<Vec<&'a str>> {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    if word == "all" {
        return Ok(known);
    }
    if !known.contains(&word) {
        bail!("{word:?} is no target ({}), nor `all`", known.join(", "));
    }
    Ok(vec![word])
}

fn fuzz() -> PathBuf {
    workspace::root().join(FOLDER)
}

/// Where everything goes that a run makes.
fn work() -> PathBuf {
    workspace::target().join("fuzz")
}

/// The files in a folder that were written, or written again, since then.
fn written_since(start: SystemTime, folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_new = |path: &PathBuf| {
        let written = path.metadata().and_then(|about| about.modified());
        written.is_ok_and(|written| written >= start)
    };
    entries.map(|entry| entry.path()).filter(is_new).collect()
}

/// cargo-fuzz of the version that we know, installed into `target/` if need be.
fn provide() -> Result<PathBuf> {
    let tools = workspace::target().join("tools");
    let program = tools.join("bin").join("cargo-fuzz");
    let version = Command::new(&program).arg("--version").output();
    let version = version.map(|output| output.stdout).unwrap_or_default();
    if String::from_utf8_lossy(&version).trim() != format!("cargo-fuzz {CARGO_FUZZ}") {
        let install = ["install", "cargo-fuzz", "--locked", "--force"];
        let mut command = workspace::cargo();
        command.args(install).args(["--version", CARGO_FUZZ]);
        workspace::run(command.arg("--root").arg(&tools))?;
    }
    Ok(program)
}

/// The platform that we are on, as rustc calls it.
fn host() -> Result<String> {
    let text = workspace::output(Command::new("rustc").arg("-vV"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned).context("rustc names no host")
}

/// Builds the programs of one target or of all. There is no sanitizer: it would
/// look for what only unsafe code can do, of which we have none, and it takes
/// nightly Rust. Overflow and debug assertions are on.
fn build(cargo_fuzz: &Path, host: &str, targets: &[&str]) -> Result<()> {
    let mut command = Command::new(cargo_fuzz);
    command.current_dir(workspace::root()).arg("build");
    if let [target] = targets {
        command.arg(target);
    }
    command.args(["--sanitizer", "none", "--features", "libfuzzer"]);
    command.args(["--target", host, "--target-dir"]).arg(work());
    command.arg("--fuzz-dir").arg(fuzz());
    workspace::run(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_target_or_all_of_them() {
        let known = ["scan", "typed"].map(str::to_owned);
        assert_eq!(chosen("typed", &known).unwrap(), ["typed"]);
        assert_eq!(chosen("all", &known).unwrap(), ["scan", "typed"]);
        let error = chosen("type", &known).unwrap_err().to_string();
        assert_eq!(error, "\"type\" is no target (scan, typed), nor `all`");
    }

    #[test]
    fn a_crash_is_told_with_the_command_that_shows_it_again() {
        let crash = workspace::root().join("target/fuzz/crashes/scan/crash-0");
        let text = again("scan", &crash);
        let command = "cargo xtask fuzz scan --replay target/fuzz/crashes/scan/crash-0";
        assert!(text.contains(command), "{text}");
    }
}
