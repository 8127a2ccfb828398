//! Commands that change what their connection is: a connection that many use
//! refuses them, and says which way to take instead.

use super::info::{CommandInfo, Flags};

/// Why a connection that is shared refuses this command, and what to use
/// instead; `None` if it may run there.
///
/// ```
/// use slotline_resp::{command_info, session_advice};
/// assert!(session_advice(command_info("SELECT")).is_some());
/// assert!(session_advice(command_info("GET")).is_none());
/// ```
#[must_use]
pub fn session_advice(info: &CommandInfo) -> Option<&'static str> {
    if info.flags.contains(Flags::SESSION) {
        return Some(match info.name {
            "SELECT" => "name the database in the URL, as in redis://host/1",
            "AUTH" | "HELLO" => "give the credentials to the builder or the URL",
            "READONLY" | "READWRITE" => "choose where reads go with `read_from`",
            "QUIT" | "RESET" => "drop the client; a connection belongs to all who use it",
            "CLIENT SETNAME" | "CLIENT SETINFO" => "name the client in the builder",
            "CLIENT TRACKING" | "CLIENT CACHING" | "CLIENT NO-EVICT" | "CLIENT NO-TOUCH"
            | "CLIENT REPLY" => "set it in an init hook, for every connection alike",
            "ASKING" => "redirects are followed for you",
            "MULTI" | "EXEC" | "DISCARD" => {
                "another task's commands would fall into the transaction; use `transaction`"
            }
            "WATCH" | "UNWATCH" => {
                "another task's EXEC would end the watch; use `watch` or `watching`, \
                 which have a connection of their own"
            }
            "WAIT" | "WAITAOF" => {
                "it speaks of its own connection's writes, and this one carries everybody's"
            }
            _ => "it would change the connection for everybody who uses it",
        });
    }
    if info.flags.contains(Flags::BLOCKING) {
        return Some(
            "it would hold up everybody who uses the connection; \
             sent by itself it gets one of its own",
        );
    }
    None
}

/// Why a command does not belong in a transaction, and what to do instead; `None` if
/// it does. MULTI and EXEC, which are its bounds, do not belong within.
///
/// Source: [transactions](https://redis.io/docs/latest/develop/using-commands/transactions/).
pub(super) fn transaction_advice(info: &CommandInfo) -> Option<&'static str> {
    // Within a transaction it does not wait: it answers at once, as if its time were over.
    if info.flags.contains(Flags::BLOCKING) && !info.flags.contains(Flags::SESSION) {
        return None;
    }
    match info.name {
        "MULTI" | "EXEC" | "DISCARD" => {
            Some("a transaction begins with MULTI, ends with EXEC, and has none within")
        }
        "WATCH" | "UNWATCH" => {
            Some("keys are watched before a transaction, on a connection of its own; use `watch`")
        }
        _ => session_advice(info),
    }
}
