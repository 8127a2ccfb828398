//! Ends the servers of a test process that was itself killed.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};

/// Reads `add PID`, `del PID` and `end`. When its input ends without the last
/// of these, its parent has died: it kills what is left and removes the files.
const SCRIPT: &str = r#"
pids=" "
while read -r verb pid; do
    case $verb in
        add) pids="$pids$pid " ;;
        del) pids="${pids%%" $pid "*} ${pids#*" $pid "}" ;;
        end) exit 0 ;;
    esac
done
for pid in $pids; do kill -9 "$pid"; done 2>/dev/null
rm -rf -- "$1"
"#;

/// A shell at the other end of a pipe: the kernel closes the pipe however this
/// process ends, SIGKILL included. It takes no unsafe code, unlike asking for a
/// signal on the parent's death, and does not depend on which thread spawned.
#[derive(Debug)]
pub(crate) struct Guardian {
    shell: Mutex<(Child, Option<ChildStdin>)>,
}

impl Guardian {
    /// One that removes `folder` at the end.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        let mut shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "slotline-testkit-guardian"])
            .arg(folder)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C is for the test process; this one notices by the pipe.
            .process_group(0)
            .spawn()
            .map_err(|error| Error::io("starting the guardian shell", error))?;
        let input = shell.stdin.take();
        Ok(Self {
            shell: Mutex::new((shell, input)),
        })
    }

    /// Watches over this process.
    pub(crate) fn add(&self, pid: u32) {
        self.say(&format!("add {pid}\n"));
    }

    /// No longer watches over it: it has ended, and its number may be used again.
    pub(crate) fn remove(&self, pid: u32) {
        self.say(&format!("del {pid}\n"));
    }

    fn say(&self, line: &str) {
        let mut shell = self.shell.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(input) = &mut shell.1 {
            // Without its guardian a cluster is still ended by its own `Drop`.
            let _ = input.write_all(line.as_bytes());
        }
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        self.say("end\n");
        let shell = self.shell.get_mut().unwrap_or_else(PoisonError::into_inner);
        shell.1 = None;
        let _ = shell.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn sleeper() -> Child {
        Command::new("sleep").arg("60").spawn().unwrap()
    }

    #[test]
    fn when_the_pipe_breaks_what_was_added_ends_and_what_was_removed_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let (mut watched, mut other) = (sleeper(), sleeper());
        let guardian = Guardian::new(folder.path()).unwrap();
        guardian.add(other.id());
        guardian.add(watched.id());
        guardian.remove(other.id());
        // As the kernel does when this process ends.
        guardian.shell.lock().unwrap().1 = None;
        assert!(!watched.wait().unwrap().success());
        let start = Instant::now();
        while folder.path().exists() && start.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(!folder.path().exists());
        assert!(other.try_wait().unwrap().is_none());
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn when_it_is_dropped_nothing_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let mut watched = sleeper();
        let guardian = Guardian::new(folder.path()).unwrap();
        guardian.add(watched.id());
        drop(guardian);
        assert!(folder.path().exists());
        assert!(watched.try_wait().unwrap().is_none());
        watched.kill().unwrap();
        watched.wait().unwrap();
    }
}
