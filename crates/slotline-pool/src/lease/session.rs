//! What has become of a connection: whether it still is what its recipe made it.
//!
//! It is told by the answers, in their order, and never by what was merely sent;
//! as long as an answer is missing nothing is known.

use bytes::Bytes;
use slotline_resp::{CommandRef, Flags, Protocol, Reply, ReplyKind};

use super::subscriptions::{Awaited, Subscriptions, Verb, is_push_of_resp2};

/// What a command does to its connection.
#[derive(Debug)]
pub(super) enum Kind {
    /// Nothing.
    Plain,
    /// Nothing, but it may hold it until something happens.
    Blocking,
    /// Nobody knows: no table has it.
    Unknown,
    Watch,
    Unwatch,
    Multi,
    Exec,
    Discard,
    /// It makes it something else, or might.
    Change,
    /// The same; with the protocol that is spoken afterwards.
    Hello(Option<Protocol>),
    Reset,
    Monitor,
    Subscription(Box<Awaited>),
    /// CLIENT ID, sent by the lease itself.
    Id,
}

impl Kind {
    pub(super) fn of(command: &CommandRef<'_>) -> Kind {
        let info = command.info();
        match info.name {
            "" => Kind::Unknown,
            "WATCH" => Kind::Watch,
            "UNWATCH" => Kind::Unwatch,
            "MULTI" => Kind::Multi,
            "EXEC" => Kind::Exec,
            "DISCARD" => Kind::Discard,
            "HELLO" => Kind::Hello(command.args().nth(1).and_then(Protocol::from_version)),
            "RESET" => Kind::Reset,
            "MONITOR" => Kind::Monitor,
            "WAIT" | "WAITAOF" => Kind::Blocking,
            name => match Verb::named(name) {
                Some(verb) => Kind::Subscription(Box::new(Awaited::of(verb, command))),
                // A container is what a subcommand has that no table knows.
                None if info.flags.intersects(Flags::SESSION | Flags::CONTAINER) => Kind::Change,
                None if info.flags.contains(Flags::BLOCKING) => Kind::Blocking,
                // It can do anything, and says so.
                None if name == "DEBUG" => Kind::Change,
                None => Kind::Plain,
            },
        }
    }

    /// Whether it may take something at any time until its answer has come.
    pub(super) fn may_block(&self) -> bool {
        matches!(self, Kind::Blocking | Kind::Unknown)
    }
}

/// What a connection is fit for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// It is what its recipe made it.
    Clean,
    /// It would be, without a transaction or a watch.
    InTransaction,
    /// It is something else, or that is not known.
    Dirty,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) protocol: Protocol,
    /// The server's number for the connection.
    pub(super) id: Option<u64>,
    /// Whether MULTI may be open, and keys may be watched.
    pub(super) multi: bool,
    watch: bool,
    changed: bool,
    /// Whether the server shows every command it runs.
    pub(super) monitor: bool,
    pub(super) subscriptions: Subscriptions,
}

impl Session {
    pub(super) fn new(protocol: Protocol, id: Option<u64>) -> Session {
        Session {
            protocol,
            id,
            multi: false,
            watch: false,
            changed: false,
            monitor: false,
            subscriptions: Subscriptions::default(),
        }
    }

    pub(super) fn condition(&self) -> Condition {
        if self.changed {
            Condition::Dirty
        } else if self.multi || self.watch {
            Condition::InTransaction
        } else {
            Condition::Clean
        }
    }

    /// Whether a frame that RESP3 would have sent as a push is one. `head` is the
    /// command that waits first: what was asked before it has been answered.
    pub(super) fn is_push(&self, frame: &[u8], head: Option<&Kind>) -> bool {
        let is_subscribing = matches!(head, Some(Kind::Subscription(_)));
        self.protocol == Protocol::Resp2
            && (is_subscribing || self.subscriptions.are_used)
            && is_push_of_resp2(frame)
    }

    /// Takes note of the answer to a command.
    pub(super) fn note(&mut self, kind: &Kind, answer: &Bytes) {
        let reply = Reply::from_scanned(answer.clone());
        let is_ok = &answer[..] == b"+OK\r\n";
        match kind {
            Kind::Plain => {}
            // The server closes behind it; after CLIENT UNBLOCK it does not.
            Kind::Blocking => self.changed |= says(&reply, "UNBLOCKED force"),
            Kind::Unknown | Kind::Change | Kind::Subscription(_) => self.changed = true,
            Kind::Watch => self.watch = true,
            Kind::Multi => self.multi = true,
            // Within MULTI it is merely queued, and not OK.
            Kind::Unwatch | Kind::Discard if is_ok => self.transaction_is_over(),
            Kind::Unwatch => {}
            Kind::Discard => {
                if says(&reply, "ERR DISCARD without MULTI") {
                    self.multi = false;
                }
            }
            Kind::Exec => match reply.kind() {
                ReplyKind::Error if says(&reply, "EXECABORT") => self.transaction_is_over(),
                ReplyKind::Error if says(&reply, "ERR EXEC without MULTI") => self.multi = false,
                ReplyKind::Error => {}
                _ => self.transaction_is_over(),
            },
            Kind::Hello(protocol) => {
                self.changed = true;
                if let Some(protocol) = protocol.filter(|_| !reply.is_error()) {
                    self.protocol = protocol;
                }
            }
            Kind::Reset => {
                self.changed = true;
                if !reply.is_error() {
                    self.protocol = Protocol::Resp2;
                    self.monitor = false;
                    self.subscriptions.clear();
                    self.transaction_is_over();
                }
            }
            Kind::Monitor => {
                self.changed = true;
                self.monitor |= is_ok;
            }
            Kind::Id => self.id = reply.decode().ok(),
        }
    }

    fn transaction_is_over(&mut self) {
        self.multi = false;
        self.watch = false;
    }
}

fn says(reply: &Reply, text: &str) -> bool {
    reply
        .error_line()
        .is_some_and(|line| line.starts_with(text))
}

#[cfg(test)]
mod tests {
    use slotline_resp::CommandBuffer;

    use super::*;

    /// Each line is a command and its answer, with `|` between them.
    fn after(lines: &[&str]) -> Session {
        let mut session = Session::new(Protocol::Resp3, None);
        for line in lines {
            let (command, answer) = line.split_once('|').unwrap();
            let mut buffer = CommandBuffer::new();
            let mut words = command.split(' ');
            buffer.begin_named(words.next().unwrap());
            words.for_each(|word| {
                buffer.arg(word);
            });
            let commands = buffer.freeze();
            let answer = Bytes::from(format!("{answer}\r\n"));
            session.note(&Kind::of(&commands.get(0).unwrap()), &answer);
        }
        session
    }

    #[track_caller]
    fn check(lines: &[&str], condition: Condition) {
        assert_eq!(after(lines).condition(), condition, "{lines:?}");
    }

    #[test]
    fn most_commands_change_nothing() {
        for line in [
            "GET k|_",
            "SET k v|+OK",
            "EVAL return 0|:1",
            "BLPOP k 0|_",
            "BLPOP k 0|-MOVED 1 a:1",
            "BLPOP k 0|-UNBLOCKED client unblocked via CLIENT UNBLOCK",
            "WAIT 0 0|:0",
            "XREAD STREAMS s 0|_",
            "CLIENT LIST|+x",
            "CONFIG GET x|%0",
            "PUBLISH c m|:0",
            "GET k|-WRONGTYPE x",
        ] {
            check(&[line], Condition::Clean);
        }
    }

    #[test]
    fn what_changes_a_connection_is_never_undone() {
        for line in [
            "SELECT 1|+OK",
            "SELECT 99|-ERR DB index is out of range",
            "AUTH u p|+OK",
            "HELLO|%0",
            "HELLO 2|*0",
            "RESET|+RESET",
            "QUIT|+OK",
            "MONITOR|+OK",
            "READONLY|+OK",
            "READWRITE|+OK",
            "ASKING|+OK",
            "CLIENT SETNAME x|+OK",
            "CLIENT SETINFO LIB-NAME x|+OK",
            "CLIENT TRACKING ON|+OK",
            "CLIENT CACHING YES|+OK",
            "CLIENT NO-EVICT ON|+OK",
            "CLIENT NO-TOUCH ON|+OK",
            "CLIENT REPLY ON|+OK",
            "CLIENT CAPA redirect|+OK",
            "CLIENT WHATEVER|+OK",
            "DEBUG SLEEP 0|+OK",
            "NO.SUCH x|+OK",
            "SUBSCRIBE c|-NOPERM x",
            "BLPOP k 0|-UNBLOCKED force unblock from blocking operation",
        ] {
            check(&[line], Condition::Dirty);
            check(
                &[line, "MULTI|+OK", "EXEC|*0", "UNWATCH|+OK"],
                Condition::Dirty,
            );
        }
    }

    #[test]
    fn a_transaction_is_over_when_its_end_says_so() {
        use Condition::{Clean, InTransaction};
        let open = ["WATCH k|+OK", "MULTI|+OK", "SET k v|+QUEUED"];
        check(&open[..1], InTransaction);
        check(&open, InTransaction);
        for (end, condition) in [
            ("EXEC|*1\r\n+OK", Clean),
            ("EXEC|_", Clean),
            ("EXEC|*-1", Clean),
            ("EXEC|-EXECABORT Transaction discarded", Clean),
            ("EXEC|-MOVED 1 h:1", InTransaction),
            ("EXEC|-ERR EXEC without MULTI", InTransaction),
            ("DISCARD|+OK", Clean),
            ("DISCARD|-NOPERM x", InTransaction),
            ("DISCARD|-ERR DISCARD without MULTI", InTransaction),
            ("UNWATCH|+QUEUED", InTransaction),
            ("UNWATCH|+OK", Clean),
            ("GET k|+QUEUED", InTransaction),
        ] {
            let lines: Vec<&str> = open.iter().copied().chain([end]).collect();
            check(&lines, condition);
        }
        // Whatever the server says to it, a watch or a MULTI may stand.
        check(&["WATCH k|-ERR x"], InTransaction);
        check(&["MULTI|-ERR x"], InTransaction);
        check(&["MULTI|+OK", "DISCARD|-ERR DISCARD without MULTI"], Clean);
        check(&["MULTI|+OK", "EXEC|*0", "WATCH k|+OK"], InTransaction);
    }

    #[test]
    fn the_protocol_and_the_monitor_are_known_by_their_answers() {
        assert_eq!(after(&["HELLO 2|*0"]).protocol, Protocol::Resp2);
        assert_eq!(after(&["HELLO 2|-ERR x"]).protocol, Protocol::Resp3);
        assert_eq!(after(&["RESET|+RESET"]).protocol, Protocol::Resp2);
        assert_eq!(
            after(&["HELLO 2|*0", "HELLO 3|%0"]).protocol,
            Protocol::Resp3
        );
        assert!(after(&["MONITOR|+OK"]).monitor);
        for line in ["MONITOR|+QUEUED", "MONITOR|-NOPERM x"] {
            assert!(!after(&[line]).monitor, "{line}");
        }
    }
}
