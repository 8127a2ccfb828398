//! What became of a command.

use crate::command::{CommandInfo, Flags};
use crate::error::error_code;

/// What became of a command that failed: whether it ran, and who knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Delivery {
    /// No byte of it was written: it has not run and will not.
    NotSent,
    /// The server answered that it did not run it: MOVED, LOADING, NOAUTH …
    Rejected,
    /// Bytes may have arrived, no answer did: it may have run, or may yet.
    Ambiguous,
    /// The server ran it and answered with an error of its own, such as
    /// WRONGTYPE or a script's; or its reply is not what was asked for.
    Answered,
}

impl Delivery {
    /// What a server's error, given by its line or its first word, says of the
    /// command. A script can make up any error, and may have written before: of a
    /// script only a redirect and NOSCRIPT surely come before it runs.
    ///
    /// ```
    /// use slotline_resp::{Delivery, command_info};
    /// let of = |name, line| Delivery::of_error(command_info(name), line);
    /// assert_eq!(of("GET", "WRONGTYPE Operation against …"), Delivery::Answered);
    /// assert_eq!(of("INCR", "READONLY You can't write …"), Delivery::Rejected);
    /// assert_eq!(of("EVAL", "READONLY You can't write …"), Delivery::Answered);
    /// ```
    #[must_use]
    pub fn of_error(info: &CommandInfo, line: &str) -> Delivery {
        let code = error_code(line);
        if info.flags.contains(Flags::SCRIPT) && !matches!(code, "MOVED" | "ASK" | "NOSCRIPT") {
            return Delivery::Answered;
        }
        match code {
            "MOVED" | "ASK" | "TRYAGAIN" | "CROSSSLOT" | "CLUSTERDOWN" | "LOADING"
            | "MASTERDOWN" | "READONLY" | "NOREPLICAS" | "OOM" | "MISCONF" | "BUSY"
            | "NOSCRIPT" | "NOAUTH" | "WRONGPASS" | "NOPERM" | "EXECABORT" | "DENIED"
            | "NOPROTO" | "UNBLOCKED" => Delivery::Rejected,
            _ => Delivery::Answered,
        }
    }

    /// Whether the command may have taken effect.
    #[must_use]
    pub fn may_have_run(self) -> bool {
        matches!(self, Delivery::Ambiguous | Delivery::Answered)
    }
}

impl std::fmt::Display for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Delivery::NotSent => "not sent",
            Delivery::Rejected => "rejected",
            Delivery::Ambiguous => "ambiguous",
            Delivery::Answered => "answered",
        })
    }
}
