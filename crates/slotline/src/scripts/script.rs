use std::fmt::{self, Write};
use std::sync::Arc;

use sha1_smol::Sha1;
use slotline_resp::ToArg;

use super::invocation::{Invocation, Program};

/// A Lua script, with the name that servers know it by: the SHA1 of its source.
///
/// It is [invoked](crate::Client::invoke) by that name. Where a server does not know it, as
/// after a restart or a failover, the source is sent behind; nothing has to be loaded
/// before. A clone is another handle on the same.
///
/// Source: [Lua scripts](https://redis.io/docs/latest/develop/programmability/eval-intro/).
///
/// ```no_run
/// # async fn example(client: slotline::Client) -> slotline::Result<()> {
/// use slotline::Script;
///
/// let add = Script::new("return redis.call('INCRBY', KEYS[1], ARGV[1])");
/// let sum: i64 = client.invoke(add.key("n").arg(5)).await?;
/// # let _ = sum; Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct Script {
    source: Arc<str>,
    sha1: Arc<str>,
    is_read_only: bool,
}

impl Script {
    /// A script that may write.
    pub fn new(source: impl AsRef<str>) -> Script {
        let source = source.as_ref();
        let mut sha1 = String::with_capacity(40);
        for byte in Sha1::from(source).digest().bytes() {
            // To a string nothing fails to be written.
            let _written = write!(sha1, "{byte:02x}");
        }
        Script {
            source: source.into(),
            sha1: sha1.into(),
            is_read_only: false,
        }
    }

    /// It only reads: it is sent as EVALSHA_RO (Redis 7.0 and Valkey), goes where reads
    /// go, and may be sent again when its answer is lost. The server refuses what it
    /// would write.
    pub fn read_only(mut self) -> Script {
        self.is_read_only = true;
        self
    }

    /// The SHA1 of the source, in hexadecimal digits.
    #[must_use]
    pub fn sha1(&self) -> &str {
        &self.sha1
    }

    /// The source.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The script without keys and arguments so far.
    pub fn invocation(&self) -> Invocation {
        Invocation::new(
            Program::Script {
                source: Arc::clone(&self.source),
                sha1: Arc::clone(&self.sha1),
            },
            self.is_read_only,
        )
    }

    /// The script with its first key, `KEYS[1]`.
    pub fn key(&self, key: impl ToArg) -> Invocation {
        self.invocation().key(key)
    }

    /// The script with its first argument, `ARGV[1]`.
    pub fn arg(&self, arg: impl ToArg) -> Invocation {
        self.invocation().arg(arg)
    }
}

impl fmt::Debug for Script {
    /// Without the source, which may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script")
            .field("sha1", &self.sha1)
            .field("is_read_only", &self.is_read_only)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_what_servers_compute() {
        // As SCRIPT LOAD answers.
        let script = Script::new("return 1");
        assert_eq!(script.sha1(), "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
        assert!(!format!("{script:?}").contains("return"));
    }
}
