//! Every input that was kept, on stable Rust and without libFuzzer.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use slotline_fuzz::{TARGETS, Target};

fn here(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
}

/// What lies in a folder, in order; nothing if there is none.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let found = std::fs::read_dir(folder).into_iter().flatten();
    let mut found: Vec<PathBuf> = found.map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

fn names(folder: &str) -> BTreeSet<String> {
    let stem = |path: &PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    entries(&here(folder)).iter().map(stem).collect()
}

/// Which of the files the target fails on. Each says why as it fails.
fn failures(target: Target, files: &[PathBuf]) -> Vec<&PathBuf> {
    let fails = |file: &&PathBuf| {
        let data = std::fs::read(file).unwrap();
        catch_unwind(|| target.run(&data)).is_err()
    };
    files.iter().filter(fails).collect()
}

#[test]
fn every_target_passes_its_corpus() {
    for target in TARGETS {
        let files = entries(&here("corpus").join(target.name));
        assert!(!files.is_empty(), "{} has no corpus", target.name);
        target.run(b"");
        let failed = failures(target, &files);
        assert!(failed.is_empty(), "{} fails on {failed:?}", target.name);
    }
}

#[test]
fn what_was_found_once_stays_mended() {
    for target in TARGETS {
        let files = entries(&here("regressions").join(target.name));
        let failed = failures(target, &files);
        assert!(failed.is_empty(), "{} fails on {failed:?}", target.name);
    }
}

#[test]
fn a_target_has_a_program_and_no_inputs_lie_where_none_is_replayed() {
    let targets: BTreeSet<String> = TARGETS.map(|target| target.name.to_owned()).into();
    assert_eq!(names("targets"), targets);
    assert_eq!(names("corpus"), targets);
    assert!(names("regressions").is_subset(&targets));
}

#[test]
fn a_corpus_is_small() {
    for target in TARGETS {
        let files = entries(&here("corpus").join(target.name));
        let len = |file: &PathBuf| file.metadata().unwrap().len();
        let total: u64 = files.iter().map(len).sum();
        assert!(total < 200 << 10, "{}: {total} bytes", target.name);
    }
}
