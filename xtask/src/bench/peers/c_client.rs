//! The servers' own benchmark, written in C: the limit.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use slotline_bench_driver::{Workload, cpu_time_of, keys};

use super::super::strace::Strace;
use super::cell::Round;
use super::process;
use super::rig::Rig;

/// It, and the servers it is of.
pub(super) struct CClient(PathBuf);

/// Connections, the depth of each, and the command. Keys end in a random number
/// of twelve digits below `-r`.
fn arguments(workload: Workload) -> Option<(u32, u32, String)> {
    let get = || format!("-r {} GET {}__rand_int__", keys::SMALL, keys::SMALL_PREFIX);
    let hgetall = |prefix, count| format!("-r {count} HGETALL {prefix}__rand_int__");
    let value = "x".repeat(keys::SMALL_LEN);
    Some(match workload {
        Workload::W1 => (1, 1, get()),
        // As the others, it has one connection for all that would be tasks.
        Workload::W2 | Workload::W8 => (1, 256, get()),
        Workload::W3 => (8, 100, get()),
        Workload::W4 => {
            let set = format!(
                "-r {} SET {}__rand_int__ {value}",
                keys::SMALL,
                keys::SMALL_PREFIX
            );
            (4, 1_000, set)
        }
        Workload::W5 => {
            let get = format!("-r {} GET {}__rand_int__", keys::LARGE, keys::LARGE_PREFIX);
            (4, 1, get)
        }
        Workload::W6 => (1, 64, hgetall(keys::WIDE_PREFIX, keys::WIDE)),
        Workload::W7 => (16, 100, hgetall(keys::NARROW_PREFIX, keys::NARROW)),
        Workload::W9 | Workload::W10 => return None,
    })
}

impl CClient {
    /// The one that was provisioned with a server.
    pub(super) fn beside(server: &Path) -> Result<Self> {
        let program = server.with_file_name("benchmark");
        let is_there = program.is_file();
        let said = || format!("there is no benchmark beside {}", server.display());
        is_there.then_some(Self(program)).with_context(said)
    }

    /// How it is started, to send so many commands.
    fn command(&self, rig: &Rig, workload: Workload, commands: u64) -> Result<Command> {
        let arguments = arguments(workload).context("it does not do that")?;
        let (connections, depth, what) = arguments;
        let addresses = rig.addresses(workload.tls())?;
        let address = addresses.first().context("no server")?;
        let mut command = Command::new(&self.0);
        command.args([
            "--csv",
            "-h",
            "127.0.0.1",
            "-p",
            &address.port().to_string(),
        ]);
        if workload.tls() {
            command.arg("--tls").arg("--cacert").arg(rig.authority());
        }
        let (connections, depth) = (connections.to_string(), depth.to_string());
        command.args([
            "-c",
            &connections,
            "-P",
            &depth,
            "-n",
            &commands.to_string(),
        ]);
        command.args(what.split(' '));
        Ok(command)
    }

    /// Runs it for about that time.
    pub(super) fn round(&self, rig: &Rig, workload: Workload, time: Duration) -> Result<Round> {
        let some = workload.counted_operations() * workload.commands() as u64;
        let (first, _) = self.run(rig, workload, some)?;
        let commands = (first.rate * time.as_secs_f64()) as u64;
        let (round, _) = self.run(rig, workload, commands.max(some))?;
        Ok(round)
    }

    fn run(&self, rig: &Rig, workload: Workload, commands: u64) -> Result<(Round, String)> {
        let mut command = self.command(rig, workload, commands)?;
        let servers = cpu_time_of(&rig.pids());
        let patience = Duration::from_secs(60);
        let ended = process::run(&mut command, rig.client_cores(workload), patience)?;
        let servers = cpu_time_of(&rig.pids()).saturating_sub(servers);
        let [rate, p50, p99] =
            figures(&ended.printed).with_context(|| format!("no figures: {:?}", ended.printed))?;
        let wall = commands as f64 / rate;
        let round = Round {
            cpu: ended.cpu.as_secs_f64() * 1e6 / commands as f64,
            rate,
            servers: servers as f64 / 1e9 / wall,
            p50: Some(p50 * 1e3),
            p99: Some(p99 * 1e3),
            ..Round::default()
        };
        Ok((round, ended.printed))
    }

    /// System calls per command: the difference of two runs.
    pub(super) fn syscalls(&self, strace: &Strace, rig: &Rig, workload: Workload) -> Result<f64> {
        let some = workload.counted_operations() * workload.commands() as u64 / 10;
        let count = |commands| -> Result<u64> {
            let command = self.command(rig, workload, commands)?;
            Ok(strace.count(&command)?.0)
        };
        let (calls, more) = (count(some)?, count(5 * some)?);
        Ok(more.saturating_sub(calls) as f64 / (4 * some) as f64)
    }
}

/// Commands per second, and the median and 99 % in milliseconds, of the last line.
fn figures(csv: &str) -> Option<[f64; 3]> {
    let mut lines = csv.lines().filter(|line| line.starts_with('"'));
    let heading = lines.next()?;
    let last = lines.next_back()?;
    let figure = |name: &str| {
        let mut names = heading.split(',').map(|name| name.trim_matches('"'));
        let index = names.position(|it| it == name)?;
        // The command is first, and may have commas of its own; figures have none.
        let fields: Vec<&str> = last.rsplit(',').collect();
        let from_behind = heading.split(',').count() - 1 - index;
        fields
            .get(from_behind)?
            .trim_matches('"')
            .parse::<f64>()
            .ok()
    };
    Some([
        figure("rps")?,
        figure("p50_latency_ms")?,
        figure("p99_latency_ms")?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_has_the_figures() {
        let csv = "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\
                   \"p95_latency_ms\",\"p99_latency_ms\",\"max_latency_ms\"\n\
                   \"SET a,b\",\"1000.50\",\"1.0\",\"0.1\",\"0.343\",\"0.5\",\"0.639\",\"0.7\"\n";
        assert_eq!(figures(csv), Some([1000.5, 0.343, 0.639]));
        assert_eq!(figures("Could not connect\n"), None);
    }

    #[test]
    fn it_asks_for_keys_that_there_are() {
        for workload in Workload::ALL {
            let Some((_, _, what)) = arguments(workload) else {
                continue;
            };
            let words: Vec<&str> = what.split(' ').collect();
            let count: usize = words[1].parse().unwrap();
            let last = words[3].replace("__rand_int__", &format!("{:012}", count - 1));
            let all = [keys::small(), keys::large(), keys::wide(), keys::narrow()];
            assert!(all.iter().any(|keys| keys.contains(&last)), "{what}");
        }
    }
}
