//! One process, on the client's cores, for what it prints and what it used.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use nix::sys::resource::{UsageWho, getrusage};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// What a process that ended well has printed, and its processor time.
pub(super) struct Ended {
    pub(super) printed: String,
    pub(super) cpu: Duration,
}

/// Runs it; one that is not done in time is killed.
pub(super) fn run(command: &mut Command, cores: &[usize], patience: Duration) -> Result<Ended> {
    let before = cpu_of_children()?;
    let mut child = on_cores(cores, || {
        let piped = command.stdin(Stdio::null()).stdout(Stdio::piped());
        Ok(piped.stderr(Stdio::piped()).spawn()?)
    })?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (sender, ended) = mpsc::channel();
    let reading = std::thread::spawn(move || {
        let errors = std::thread::spawn(move || read(stderr));
        let printed = read(stdout);
        // Whoever asked may have lost patience.
        let _ = sender.send(());
        (printed, errors.join().unwrap_or_default())
    });
    let in_time = ended.recv_timeout(patience).is_ok();
    if !in_time {
        child.kill().context("killing what is not done in time")?;
    }
    let status = child.wait()?;
    let (printed, errors) = reading.join().map_err(|_| anyhow!("reading panicked"))?;
    if !in_time {
        bail!("not done after {} s", patience.as_secs());
    }
    if !status.success() {
        let last = errors.lines().rfind(|line| !line.trim().is_empty());
        bail!("{status}: {}", last.unwrap_or("no word"));
    }
    Ok(Ended {
        printed,
        cpu: cpu_of_children()?.saturating_sub(before),
    })
}

fn read(from: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut from) = from {
        // What was read before an error is still worth showing.
        let _ = from.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Starts something on these cores: what a thread starts stays where it is.
fn on_cores<T>(cores: &[usize], start: impl FnOnce() -> Result<T>) -> Result<T> {
    let own = sched_getaffinity(None)?;
    let mut set = CpuSet::new();
    cores.iter().for_each(|&core| set.set(core));
    sched_setaffinity(None, &set)?;
    let started = start();
    sched_setaffinity(None, &own)?;
    started
}

/// What all children that were waited for have used.
fn cpu_of_children() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let times = [usage.user_time(), usage.system_time()];
    let micros = times.map(|time| time.tv_sec() as u64 * 1_000_000 + time.tv_usec() as u64);
    Ok(Duration::from_micros(micros.iter().sum()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, patience: Duration) -> Result<Ended> {
        let cores = sched_getaffinity(None).unwrap();
        let core = (0..CpuSet::MAX_CPU).find(|core| cores.is_set(*core));
        let mut command = Command::new("sh");
        run(command.args(["-c", script]), &[core.unwrap()], patience)
    }

    #[test]
    fn what_a_process_prints_and_uses_is_told() {
        let long = Duration::from_secs(60);
        let ended = shell(
            "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo $i",
            long,
        );
        let ended = ended.unwrap();
        assert_eq!(ended.printed, "20000\n");
        assert!(ended.cpu > Duration::ZERO);
        let error = shell("echo first >&2; echo last >&2; exit 3", long)
            .err()
            .unwrap();
        assert!(error.to_string().ends_with(": last"), "{error}");
    }

    #[test]
    fn one_that_hangs_is_killed() {
        let error = shell("exec sleep 1000", Duration::from_millis(50))
            .err()
            .unwrap();
        assert!(error.to_string().contains("not done"), "{error}");
    }
}
