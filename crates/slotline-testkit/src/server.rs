//! One server process.

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::nodes_conf;

/// Everything it takes to start a server, again and again.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) binary: PathBuf,
    /// Its own folder: data, log and cluster state.
    pub(crate) folder: PathBuf,
    pub(crate) address: SocketAddr,
    pub(crate) bus_port: Option<u16>,
    /// Options by name, in the order given.
    pub(crate) options: Vec<(String, String)>,
}

impl Launch {
    /// Starts it; whether it comes up is for the caller to find out.
    pub(crate) fn spawn(&self) -> Result<Process> {
        let failed = |error| {
            Error::io(format!("starting {}", self.binary.display()), error).at(self.address)
        };
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file())
            .map_err(failed)?;
        let mut command = Command::new(&self.binary);
        command
            .arg("--port")
            .arg(self.address.port().to_string())
            .arg("--bind")
            .arg(self.address.ip().to_string());
        if let Some(port) = self.bus_port {
            command.args([
                "--cluster-enabled",
                "yes",
                "--cluster-config-file",
                nodes_conf::NAME,
            ]);
            command.arg("--cluster-port").arg(port.to_string());
        }
        for (name, value) in &self.options {
            command.arg(format!("--{name}"));
            // Several values are several arguments; none is an empty one.
            let values: Vec<_> = value.split_whitespace().collect();
            if values.is_empty() {
                command.arg("");
            }
            command.args(values);
        }
        let child = command
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log)
            // Ctrl-C is for the test process, which then ends its servers.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        Ok(Process::Child(child))
    }

    /// The value of an option that was given.
    pub(crate) fn option(&self, name: &str) -> Option<&str> {
        let mut options = self.options.iter();
        let found = options.find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    /// Puts right what a server has written of its cluster and refused to read. Whether
    /// it was that.
    pub(crate) fn mend(&self) -> Result<bool> {
        let failed = |error| Error::io("mending nodes.conf", error).at(self.address);
        let log = fs::read(self.log_file()).unwrap_or_default();
        if !String::from_utf8_lossy(&log).contains(nodes_conf::REFUSED) {
            return Ok(false);
        }
        let file = self.folder.join(nodes_conf::NAME);
        let text = fs::read_to_string(&file).map_err(failed)?;
        let Some(mended) = nodes_conf::mended(&text) else {
            return Ok(false);
        };
        fs::write(&file, mended).map_err(failed)?;
        Ok(true)
    }

    /// Why a server ended that should have come up, from its log.
    pub(crate) fn post_mortem(&self) -> Error {
        let log = fs::read(self.log_file()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let step = "starting the server";
        if log.contains("ddress already in use") {
            return Error::address_in_use(step).at(self.address);
        }
        Error::process(step, format!("it ended; its log says:\n{}", told(&log))).at(self.address)
    }
}

/// What matters of a log: of a crash how it begins, else how it ends.
fn told(log: &str) -> String {
    const LINES: usize = 8;
    let lines: Vec<&str> = log.lines().collect();
    let crash = lines
        .iter()
        .position(|line| line.contains("BUG REPORT START"));
    let from = crash.unwrap_or(lines.len().saturating_sub(LINES));
    let told = lines.iter().skip(from).take(LINES).copied();
    told.collect::<Vec<_>>().join("\n")
}

/// A running server, or one that ran.
#[derive(Debug)]
pub(crate) enum Process {
    /// Started by us, so we are told when it ends.
    Child(Child),
    /// Started by an earlier process of ours.
    Adopted { pid: u32, folder: PathBuf },
}

impl Process {
    pub(crate) fn pid(&self) -> u32 {
        match self {
            Self::Child(child) => child.id(),
            Self::Adopted { pid, .. } => *pid,
        }
    }

    pub(crate) fn is_running(&mut self) -> bool {
        match self {
            Self::Child(child) => matches!(child.try_wait(), Ok(None)),
            Self::Adopted { pid, folder } => {
                let Some(known) = raw(*pid) else { return false };
                if test_kill_process(known).is_err() {
                    return false;
                }
                // The number may belong to somebody else by now, and what has
                // ended without being waited for has no folder any more.
                match fs::read_link(format!("/proc/{pid}/cwd")) {
                    Ok(current) => current == *folder,
                    Err(_) => !fs::exists("/proc/self/cwd").unwrap_or(false),
                }
            }
        }
    }

    pub(crate) fn signal(&mut self, signal: Signal) -> Result<()> {
        let step = format!("sending {signal:?}");
        if !self.is_running() {
            return Err(Error::process(step, "the server is not running"));
        }
        let Some(pid) = raw(self.pid()) else {
            return Err(Error::process(step, "it has no process id"));
        };
        kill_process(pid, signal).map_err(|error| Error::io(step, error.into()))
    }

    /// SIGKILL, and back only when it is gone. A server that has ended already
    /// is no error.
    pub(crate) fn kill(&mut self) -> Result<()> {
        if let Self::Child(child) = self {
            let ended = child.kill().and_then(|()| child.wait());
            return ended
                .map(drop)
                .map_err(|error| Error::io("killing the server", error));
        }
        if !self.is_running() {
            return Ok(());
        }
        self.signal(Signal::KILL)?;
        let limit = Duration::from_secs(10);
        let start = Instant::now();
        while self.is_running() {
            if start.elapsed() > limit {
                return Err(Error::timeout(
                    "killing the server",
                    limit,
                    "it is still there",
                ));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

fn raw(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_crash_the_beginning_is_told_and_else_the_end() {
        let many: String = (0..20).map(|n| format!("line {n}\n")).collect();
        assert!(told(&many).starts_with("line 12\n"), "{}", told(&many));
        let crash = format!("{many}=== BUG REPORT START\ncrashed by signal: 11\n{many}");
        assert!(told(&crash).contains("crashed by signal"));
        assert_eq!(told("one"), "one");
    }
}
