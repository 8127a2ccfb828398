//! What a node does with a command, from reading it to its reply.

use std::time::Duration;

use slotline_resp::{ReceivedCommand, ReplyBuffer};

use super::session::Transaction;
use super::{FakeCommand, Session, World};

/// Commands that are answered before a client has said who it is.
const BEFORE_AUTH: [&str; 4] = ["HELLO", "AUTH", "QUIT", "RESET"];

/// Commands that a transaction does not queue.
const AT_ONCE: [&str; 6] = ["EXEC", "DISCARD", "MULTI", "WATCH", "QUIT", "RESET"];

/// What has become of a command.
enum Fate {
    Ran,
    Refused,
}

impl World {
    /// Answers one command that came over a connection, `now` after the cluster
    /// was made.
    pub(crate) fn answer(
        &mut self,
        now: Duration,
        session: &mut Session,
        command: &ReceivedCommand,
        replies: &mut ReplyBuffer,
    ) {
        let start = replies.len();
        let port = session.node;
        self.journal.push(FakeCommand {
            at: now,
            node: port,
            connection: session.connection,
            line: line(command),
            reply: String::new(),
            ran: false,
            on_replica: !self.view_of(port).is_primary(port),
            taking_in: self.takes_in(port, command),
            lost: false,
        });
        let was_asking = session.asking;
        let fate = self.process(session, command, replies);
        if was_asking && session.transaction.is_none() {
            session.asking = false;
        }
        let reply = first_line(replies.as_bytes().get(start..).unwrap_or_default());
        self.count_reply(&reply);
        if let Some(entry) = self.journal.last_mut() {
            entry.reply = reply;
            entry.ran = matches!(fate, Fate::Ran);
        }
        self.replicate(port);
    }

    fn process(
        &mut self,
        session: &mut Session,
        command: &ReceivedCommand,
        replies: &mut ReplyBuffer,
    ) -> Fate {
        let name = command.info().name;
        if self.password.is_some() && !session.is_authenticated && !BEFORE_AUTH.contains(&name) {
            replies.error("NOAUTH Authentication required.");
            return Fate::Refused;
        }
        if let Some((line, runs)) = self.scripted(session.node, command) {
            if !runs {
                return self.refuse(session, replies, &line);
            }
            let mut unseen = ReplyBuffer::new(session.protocol);
            self.execute(session, command, &mut unseen);
            replies.error(line);
            return Fate::Ran;
        }
        if !command.info().is_known() {
            return self.refuse(session, replies, &unknown(command));
        }
        if name == "EXEC" && session.transaction.is_some() {
            return self.exec(session, replies);
        }
        let alone = std::slice::from_ref(command);
        if let Some(redirect) = self.redirect(session, alone) {
            return self.refuse(session, replies, &redirect);
        }
        if let Some(transaction) = &mut session.transaction
            && !AT_ONCE.contains(&name)
        {
            transaction.queued.push(command.clone());
            replies.simple("QUEUED");
            // It runs with EXEC, if at all.
            return Fate::Refused;
        }
        self.execute(session, command, replies);
        Fate::Ran
    }

    fn refuse(&mut self, session: &mut Session, replies: &mut ReplyBuffer, line: &str) -> Fate {
        if let Some(transaction) = &mut session.transaction {
            transaction.is_spoilt = true;
        }
        replies.error(line);
        Fate::Refused
    }

    fn exec(&mut self, session: &mut Session, replies: &mut ReplyBuffer) -> Fate {
        let is_outdated = session.watched.iter().any(|(key, version)| {
            let node = self.nodes.get(&session.node);
            node.is_none_or(|node| node.data.version(key) != *version)
        });
        let Some(Transaction { queued, is_spoilt }) = session.end_transaction() else {
            return Fate::Refused;
        };
        if is_spoilt {
            replies.error("EXECABORT Transaction discarded because of previous errors.");
            return Fate::Refused;
        }
        if is_outdated {
            replies.null_array();
            return Fate::Refused;
        }
        if let Some(redirect) = self.redirect(session, &queued) {
            replies.error(redirect);
            return Fate::Refused;
        }
        replies.array(queued.len());
        for command in &queued {
            self.execute(session, command, replies);
        }
        Fate::Ran
    }

    /// The answer that was agreed on for this command, and whether it runs all
    /// the same.
    fn scripted(&mut self, port: u16, command: &ReceivedCommand) -> Option<(String, bool)> {
        let node = self.nodes.get_mut(&port)?;
        if node.scripted.is_empty() {
            return None;
        }
        let line = line(command);
        let mut all = node.scripted.iter_mut();
        let found =
            all.find(|scripted| scripted.left > 0 && line.starts_with(&scripted.command))?;
        found.left -= 1;
        let answer = (found.line.clone(), found.runs);
        node.scripted.retain(|scripted| scripted.left > 0);
        Some(answer)
    }

    fn count_reply(&mut self, reply: &str) {
        const COUNTED: [&str; 8] = [
            "MOVED",
            "ASK",
            "TRYAGAIN",
            "CLUSTERDOWN",
            "LOADING",
            "MASTERDOWN",
            "READONLY",
            "CROSSSLOT",
        ];
        let Some(line) = reply.strip_prefix('-') else {
            return;
        };
        let code = line.split(' ').next().unwrap_or_default();
        if let Some(code) = COUNTED.iter().find(|counted| **counted == code) {
            self.count(code);
        }
    }
}

/// The command with a space between its arguments.
fn line(command: &ReceivedCommand) -> String {
    let words: Vec<_> = command.args().map(String::from_utf8_lossy).collect();
    words.join(" ")
}

fn first_line(reply: &[u8]) -> String {
    let end = reply.iter().position(|byte| *byte == b'\r');
    let first = reply.get(..end.unwrap_or(reply.len())).unwrap_or_default();
    String::from_utf8_lossy(first).into_owned()
}

/// As servers say it: the name as it was written, then the arguments in quotes.
fn unknown(command: &ReceivedCommand) -> String {
    let mut words = command.args().map(String::from_utf8_lossy);
    let name = words.next().unwrap_or_default();
    let args: String = words.map(|word| format!("'{word}' ")).collect();
    format!("ERR unknown command '{name}', with args beginning with: {args}")
}
