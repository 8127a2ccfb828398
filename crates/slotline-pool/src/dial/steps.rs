//! The built-in steps that follow HELLO or AUTH, all in one write.

use slotline_resp::{CommandBuffer, error_code};

use super::Mode;
use crate::config::{Config, Intent};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    LibraryName,
    LibraryVersion,
    ClientName,
    Select,
    ReadOnly,
    Tracking,
    /// Only where nothing else would be sent: a server that turns us away is to
    /// have said so before the connection is lent.
    Ping,
}

impl Step {
    /// Those of a pool, in their order.
    pub(super) fn of(config: &Config) -> Vec<Step> {
        let has_name = config.client_name.is_some();
        [
            (Step::LibraryName, config.library_info),
            (Step::LibraryVersion, config.library_info),
            (Step::ClientName, has_name),
            (Step::Select, config.database != 0),
            (Step::ReadOnly, config.intent == Intent::ReadOnly),
            // Last, so that nothing before it is tracked.
            (Step::Tracking, config.tracking.is_some()),
        ]
        .into_iter()
        .filter_map(|(step, is_wanted)| is_wanted.then_some(step))
        .collect()
    }

    /// What errors call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Step::LibraryName | Step::LibraryVersion => "CLIENT SETINFO",
            Step::ClientName => "CLIENT SETNAME",
            Step::Select => "SELECT",
            Step::ReadOnly => "READONLY",
            Step::Tracking => "CLIENT TRACKING",
            Step::Ping => "PING",
        }
    }

    pub(super) fn encode(self, config: &Config, buffer: &mut CommandBuffer) {
        buffer.begin_named(self.name());
        match self {
            Step::LibraryName => buffer.arg("LIB-NAME").arg("slotline"),
            Step::LibraryVersion => buffer.arg("LIB-VER").arg(env!("CARGO_PKG_VERSION")),
            Step::ClientName => buffer.arg(config.client_name.as_deref().unwrap_or_default()),
            Step::Select => buffer.arg(&config.database),
            Step::ReadOnly | Step::Ping => buffer,
            Step::Tracking => match &config.tracking {
                Some(tracking) => tracking.encode(buffer),
                None => buffer,
            },
        };
    }

    /// Whether a connection is of use though the server refused this with `line`.
    pub(super) fn may_fail(self, line: &str, mode: Mode) -> bool {
        match self {
            // Names: an old or managed server may know none of them.
            Step::LibraryName | Step::LibraryVersion | Step::ClientName => true,
            // Outside a cluster every replica answers reads.
            Step::ReadOnly => mode == Mode::Standalone || line.contains("cluster support disabled"),
            // Busy, loading, read-only …: it is there, and it takes us.
            Step::Ping => !matches!(error_code(line), "ERR" | "NOAUTH" | "DENIED"),
            Step::Select | Step::Tracking => false,
        }
    }
}
