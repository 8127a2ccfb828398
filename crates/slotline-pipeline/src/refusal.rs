//! How far a server's error can be believed.

use slotline_resp::{CommandInfo, Flags};

/// Whether the error `line` surely is the server's own word on a command, rather
/// than what a script returned that may have written before: a script can make
/// up any error, and only a redirect comes before it runs (D2).
pub(crate) fn is_certain(info: &CommandInfo, line: &str) -> bool {
    !info.flags.contains(Flags::SCRIPT) || matches!(code(line), "MOVED" | "ASK")
}

/// The first word.
pub(crate) fn code(line: &str) -> &str {
    line.split(' ').next().unwrap_or_default()
}
