//! What the figures were measured on.

use std::fs;
use std::process::Command;

use crate::workspace;

/// The processor, its cores, and the kernel.
pub(super) fn describe() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, |count| count.get());
    format!(
        "{}, {cores} cores, Linux {} on {}",
        model(&cpus).unwrap_or("an unknown processor"),
        kernel.trim(),
        std::env::consts::ARCH
    )
}

fn model(cpus: &str) -> Option<&str> {
    let line = cpus.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

/// The compiler's version.
pub(super) fn compiler() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = workspace::output(Command::new(rustc).arg("--version"));
    said.map_or_else(
        |_| "an unknown rustc".to_owned(),
        |said| said.trim().to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_told_by_its_model() {
        assert_eq!(model("processor\t: 0\nmodel name\t: A B\n"), Some("A B"));
        assert!(describe().contains("Linux"));
        assert!(compiler().starts_with("rustc"), "{}", compiler());
    }
}
