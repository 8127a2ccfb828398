//! The few commands that a lease does not take: those after which nobody could
//! say which command an answer belongs to.

use slotline_resp::{CommandRef, Commands, Protocol};

use super::session::{Kind, Session};

/// What a connection will be when the next command reaches the server.
struct Outlook {
    resp2: bool,
    multi: bool,
    monitor: bool,
    subscribed: bool,
}

impl Outlook {
    fn pass(&mut self, kind: &Kind) {
        match kind {
            Kind::Multi => self.multi = true,
            Kind::Exec | Kind::Discard => self.multi = false,
            // Within MULTI it is refused by the server.
            Kind::Monitor => self.monitor |= !self.multi,
            Kind::Subscription(_) => self.subscribed = true,
            Kind::Hello(Some(protocol)) => self.resp2 = *protocol == Protocol::Resp2,
            Kind::Reset => (self.resp2, self.multi) = (true, false),
            _ => {}
        }
    }
}

/// What the commands are to their connection; or the name of the first that is
/// refused, and what to do instead. `pending` are those without an answer yet.
pub(super) fn examine<'a>(
    session: &Session,
    pending: impl Iterator<Item = &'a Kind>,
    commands: &Commands,
) -> Result<Vec<Kind>, (String, &'static str)> {
    let mut outlook = Outlook {
        resp2: session.protocol == Protocol::Resp2,
        multi: session.multi,
        monitor: session.monitor,
        subscribed: session.subscriptions.are_used,
    };
    pending.for_each(|kind| outlook.pass(kind));
    let mut kinds = Vec::with_capacity(commands.len());
    for command in commands.iter() {
        let kind = Kind::of(&command);
        if let Some(advice) = advice(&command, &kind, &outlook) {
            return Err((command.name().to_owned(), advice));
        }
        outlook.pass(&kind);
        kinds.push(kind);
    }
    Ok(kinds)
}

fn advice(command: &CommandRef<'_>, kind: &Kind, outlook: &Outlook) -> Option<&'static str> {
    let is = |at: usize, word: &str| {
        let arg = command.args().nth(at);
        arg.is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    };
    match command.info().name {
        "CLIENT REPLY" if !is(2, "ON") => {
            return Some(
                "without its reply nobody can tell whose the next one is; \
                 drop the call instead, and its reply is read and dropped",
            );
        }
        "SCRIPT DEBUG" if !is(2, "NO") => {
            return Some("a debugger answers as it likes; use the server's own client for it");
        }
        "SYNC" | "PSYNC" | "REPLCONF" => {
            return Some("what follows it are no replies; a replica needs a socket of its own");
        }
        _ => {}
    }
    if outlook.monitor {
        return Some(
            "the lines of MONITOR look like replies, so that nothing can be asked beside it; \
             take another lease",
        );
    }
    let is_subscription = matches!(kind, Kind::Subscription(_));
    if is_subscription && outlook.multi {
        return Some("its confirmations would fall into the reply to EXEC; subscribe outside it");
    }
    let is_allowed = is_subscription || matches!(command.info().name, "PING" | "QUIT" | "RESET");
    if outlook.resp2 && outlook.subscribed && !is_allowed {
        return Some(
            "under RESP2 a message looks like a reply, so that a connection that has \
             subscribed carries nothing else; take another lease",
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use slotline_resp::CommandBuffer;

    use super::*;

    /// The first command that is refused of those that `;` separates.
    fn refused(protocol: Protocol, lines: &str) -> Option<String> {
        let mut buffer = CommandBuffer::new();
        for line in lines.split("; ") {
            let mut words = line.split(' ');
            buffer.begin_named(words.next().unwrap());
            words.for_each(|word| {
                buffer.arg(word);
            });
        }
        let session = Session::new(protocol, None);
        let refused = examine(&session, std::iter::empty(), &buffer.freeze()).err();
        refused.map(|(name, advice)| {
            assert!(!advice.is_empty());
            name
        })
    }

    #[test]
    fn nothing_is_refused_but_what_would_break_the_framing() {
        for protocol in [Protocol::Resp2, Protocol::Resp3] {
            for (lines, name) in [
                ("CLIENT REPLY OFF", "CLIENT REPLY"),
                ("client reply skip; GET k", "CLIENT REPLY"),
                ("CLIENT REPLY", "CLIENT REPLY"),
                ("SCRIPT DEBUG YES", "SCRIPT DEBUG"),
                ("GET k; PSYNC ? -1", "PSYNC"),
                ("SYNC", "SYNC"),
                ("REPLCONF ACK 1", "REPLCONF"),
                ("MONITOR; GET k", "GET"),
                ("MONITOR; RESET", "RESET"),
                ("MULTI; SUBSCRIBE a b", "SUBSCRIBE"),
                ("MULTI; UNSUBSCRIBE; EXEC", "UNSUBSCRIBE"),
            ] {
                assert_eq!(refused(protocol, lines).as_deref(), Some(name), "{lines}");
            }
            for lines in [
                "CLIENT REPLY ON",
                "SCRIPT DEBUG NO",
                "GET k; MONITOR",
                "MULTI; MONITOR; EXEC; GET k",
                "SELECT 1; AUTH p; HELLO; READONLY; ASKING; GET k",
                "WATCH k; MULTI; SET k v; EXEC; SUBSCRIBE a; PSUBSCRIBE b; UNSUBSCRIBE; PING",
                "BLPOP k 0; WAIT 1 0; XREAD BLOCK 0 STREAMS s 0",
                "NO.SUCH k",
                "QUIT",
            ] {
                assert_eq!(refused(protocol, lines), None, "{lines}");
            }
        }
    }

    #[test]
    fn under_resp2_a_subscriber_does_nothing_else() {
        let get = Some("GET".to_owned());
        assert_eq!(refused(Protocol::Resp3, "SUBSCRIBE a; GET k"), None);
        assert_eq!(refused(Protocol::Resp2, "GET k; SUBSCRIBE a"), None);
        assert_eq!(refused(Protocol::Resp2, "SUBSCRIBE a; GET k"), get);
        assert_eq!(refused(Protocol::Resp3, "HELLO 2; SUBSCRIBE a; GET k"), get);
        assert_eq!(refused(Protocol::Resp3, "RESET; SUBSCRIBE a; GET k"), get);
        assert_eq!(
            refused(Protocol::Resp2, "HELLO 3; SUBSCRIBE a; GET k"),
            None
        );
    }
}
