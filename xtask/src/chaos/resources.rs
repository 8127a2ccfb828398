//! 8: memory, tasks, sockets and what is in flight come back to where they were.

use std::time::Duration;

use anyhow::{Context, Result};
use slotline::Client;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use super::checks::Verdict;

/// How much more there may be than in the beginning: connections, of the proxies
/// and of leases too, to nodes that had none then.
const SOCKETS: usize = 60;
const TASKS: usize = 40;
const MEMORY: u64 = 128 << 20;
/// How long what is in flight may take to come to an end once nobody asks.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Resources {
    /// In bytes.
    pub(super) memory: u64,
    pub(super) tasks: usize,
    /// Open files of this process, nearly all of them sockets.
    pub(super) sockets: usize,
    /// Commands that wait in pools.
    pub(super) in_flight: usize,
}

impl Resources {
    /// What is used now that nobody asks anything, or soon.
    pub(super) async fn at_rest(clients: &[&Client], runtime: &Handle) -> Result<Self> {
        let end = Instant::now() + PATIENCE;
        while in_flight(clients) > 0 && Instant::now() < end {
            sleep(Duration::from_millis(20)).await;
        }
        let statm = std::fs::read_to_string("/proc/self/statm").context("reading statm")?;
        let pages = statm
            .split(' ')
            .nth(1)
            .and_then(|pages| pages.parse::<u64>().ok());
        let files = std::fs::read_dir("/proc/self/fd").context("counting open files")?;
        Ok(Self {
            memory: pages.unwrap_or(0) * rustix::param::page_size() as u64,
            tasks: runtime.metrics().num_alive_tasks(),
            sockets: files.count(),
            in_flight: in_flight(clients),
        })
    }

    pub(super) fn check(self, baseline: Self, verdict: &mut Verdict) {
        let each = [
            ("bytes of memory", self.memory, baseline.memory + MEMORY),
            ("tasks", self.tasks as u64, (baseline.tasks + TASKS) as u64),
            (
                "sockets",
                self.sockets as u64,
                (baseline.sockets + SOCKETS) as u64,
            ),
            ("commands in flight", self.in_flight as u64, 0),
        ];
        for (what, found, most) in each {
            verdict.checked(8, 1);
            if found > most {
                verdict.violated(8, || format!("{found} {what} at rest, more than {most}"));
            }
        }
    }
}

fn in_flight(clients: &[&Client]) -> usize {
    let pools = clients.iter().flat_map(|client| client.statistics());
    pools
        .map(|(_, _, pool)| pool.in_flight + pool.waiting)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_does_not_come_back_is_found() {
        let baseline = Resources {
            memory: 1 << 20,
            tasks: 10,
            sockets: 50,
            in_flight: 0,
        };
        let violations = |change: fn(&mut Resources)| {
            let mut now = baseline;
            change(&mut now);
            let mut verdict = Verdict::default();
            now.check(baseline, &mut verdict);
            verdict.violations()
        };
        assert_eq!(violations(|_| {}), 0);
        assert_eq!(violations(|now| now.memory += MEMORY + 1), 1);
        assert_eq!(violations(|now| now.tasks += TASKS + 1), 1);
        assert_eq!(violations(|now| now.sockets += SOCKETS + 1), 1);
        assert_eq!(violations(|now| now.in_flight = 1), 1);
    }
}
