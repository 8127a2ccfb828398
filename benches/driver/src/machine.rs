//! The machine: cores, and what processes have used of them.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

use crate::client::Failure;

/// Keeps this thread, and those that it starts, on these cores.
///
/// # Panics
/// If this process may not use them.
pub fn stay_on(cores: &[usize]) {
    let mut set = CpuSet::new();
    for &core in cores {
        set.set(core);
    }
    sched_setaffinity(None, &set).expect("cores that this process may use");
}

/// What this process has used so far, in itself and in the system on its behalf.
#[must_use]
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// What the threads of other processes have used together so far, in nanoseconds.
/// One that has ended, or that cannot be looked at, counts as nothing.
#[must_use]
pub fn cpu_time_of(pids: &[u32]) -> u64 {
    let threads = pids.iter().flat_map(|pid| {
        let tasks = fs::read_dir(format!("/proc/{pid}/task"));
        tasks.into_iter().flatten().flatten()
    });
    let used = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    used.sum()
}

/// The most memory that this process has had at once, in bytes.
pub(crate) fn peak_memory() -> Option<u64> {
    kibibytes(&fs::read_to_string("/proc/self/status").ok()?).map(|it| it * 1024)
}

fn kibibytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Stops a process, or lets it go on.
pub(crate) fn stop(pid: u32, stop: bool) -> Result<(), Failure> {
    let raw = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = raw.ok_or("no process id")?;
    let signal = if stop { Signal::STOP } else { Signal::CONT };
    Ok(kill_process(pid, signal)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_tells_of_its_own_time_and_memory() {
        let before = cpu_time_of(&[std::process::id()]);
        let begun = cpu_time();
        while cpu_time() - begun < Duration::from_millis(30) {
            std::hint::black_box(vec![0; 64]);
        }
        assert!(cpu_time_of(&[std::process::id()]) > before);
        assert_eq!(cpu_time_of(&[u32::MAX]), 0);
        assert!(peak_memory().unwrap() > 64 << 10);
        assert_eq!(kibibytes("VmPeak:\t 9 kB\nVmHWM:\t  12 kB\n"), Some(12));
    }
}
