//! Which server program to start.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, Result};

/// A server program and its version.
///
/// ```no_run
/// let binary = slotline_testkit::ServerBinary::find()?;
/// println!("{} is {}", binary.path().display(), binary.version());
/// # Ok::<(), slotline_testkit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ServerBinary {
    path: PathBuf,
    version: ServerVersion,
}

/// What a server program says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerVersion {
    /// `redis` or `valkey`, in lower case.
    pub name: String,
    /// The first number.
    pub major: u16,
    /// The second.
    pub minor: u16,
    /// The third.
    pub patch: u16,
}

impl ServerBinary {
    /// The program that the environment variable `SLOTLINE_SERVER` names, else
    /// `valkey-server` or `redis-server` on the `PATH`.
    ///
    /// # Errors
    ///
    /// There is none, or it is older than 7.0; the error says what to do.
    pub fn find() -> Result<Self> {
        const STEP: &str = "looking for a server";
        if let Some(path) = std::env::var_os("SLOTLINE_SERVER").filter(|path| !path.is_empty()) {
            return Self::at(path);
        }
        let folders = std::env::var_os("PATH").unwrap_or_default();
        for name in ["valkey-server", "redis-server"] {
            if let Some(path) = std::env::split_paths(&folders)
                .map(|folder| folder.join(name))
                .find(|path| path.is_file())
            {
                return Self::at(path);
            }
        }
        Err(Error::setup(
            STEP,
            "SLOTLINE_SERVER is not set and neither valkey-server nor redis-server is on the PATH; \
             install one, or run `cargo xtask servers get redis-7.0` and set SLOTLINE_SERVER to the path it prints",
        ))
    }

    /// The program at `path`.
    ///
    /// # Errors
    ///
    /// It does not start, or is no server of version 7.0 or newer.
    pub fn at(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let step = || format!("{} --version", path.display());
        let path = path
            .canonicalize()
            .map_err(|error| Error::io(step(), error))?;
        let output = Command::new(&path)
            .arg("--version")
            .output()
            .map_err(|error| Error::io(step(), error))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let Some(version) = ServerVersion::parse(&text) else {
            return Err(Error::setup(
                step(),
                "this does not look like a Redis or Valkey server",
            ));
        };
        if version.major < 7 {
            return Err(Error::setup(
                step(),
                format!("it is {version}; 7.0 or newer is needed"),
            ));
        }
        Ok(Self { path, version })
    }

    /// Where the program is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its version.
    pub fn version(&self) -> &ServerVersion {
        &self.version
    }
}

impl ServerVersion {
    /// Reads `Valkey server v=8.1.1 sha=…`.
    fn parse(text: &str) -> Option<Self> {
        let name = text.split_whitespace().next()?.to_ascii_lowercase();
        let number = text
            .split_whitespace()
            .find_map(|word| word.strip_prefix("v="))?;
        let mut parts = number.split('.').map(|part| part.parse().ok());
        Some(Self {
            name,
            major: parts.next()??,
            minor: parts.next()??,
            patch: parts.next().flatten().unwrap_or(0),
        })
    }

    /// Whether it is this version or a newer one.
    pub fn is_at_least(&self, major: u16, minor: u16) -> bool {
        (self.major, self.minor) >= (major, minor)
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}.{}.{}",
            self.name, self.major, self.minor, self.patch
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_both_families_are_read() {
        let valkey = ServerVersion::parse(
            "Valkey server v=8.1.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64",
        )
        .unwrap();
        assert_eq!(valkey.to_string(), "valkey 8.1.1");
        assert!(valkey.is_at_least(8, 0) && valkey.is_at_least(8, 1) && !valkey.is_at_least(9, 0));
        let redis = ServerVersion::parse("Redis server v=7.0.15 sha=0").unwrap();
        assert_eq!(redis.to_string(), "redis 7.0.15");
        assert_eq!(ServerVersion::parse("ls (GNU coreutils) 9.1"), None);
    }

    #[test]
    fn what_is_no_server_is_refused() {
        assert!(ServerBinary::at("/").unwrap_err().is_io());
        assert!(ServerBinary::at("/nowhere/at/all").unwrap_err().is_io());
        assert!(ServerBinary::at("/bin/sh").unwrap_err().is_setup());
    }
}
