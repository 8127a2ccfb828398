//! What each command answers at the node that may answer it.

use bytes::Bytes;
use slotline_resp::{ReceivedCommand, ReplyBuffer};

use super::session::Transaction;
use super::{Session, World};

impl World {
    pub(super) fn execute(
        &mut self,
        session: &mut Session,
        command: &ReceivedCommand,
        replies: &mut ReplyBuffer,
    ) {
        let all: Vec<Bytes> = (0..command.len())
            .filter_map(|index| command.arg(index))
            .collect();
        let args = all.get(1..).unwrap_or_default();
        let name = command.info().name;
        let is_known = self.for_session(session, name, args, replies)
            || self.for_transaction(session, name, args, replies)
            || self.for_cluster(session.node, name, args, replies)
            || self.for_itself(session.node, name, args, replies);
        if is_known {
            return;
        }
        let Some(node) = self.nodes.get_mut(&session.node) else {
            return;
        };
        if !super::strings::answer(&mut node.data, name, args, replies)
            && !super::hashes::answer(&mut node.data, name, args, replies)
        {
            unsupported(name, args, replies);
        }
    }

    fn for_session(
        &mut self,
        session: &mut Session,
        name: &str,
        args: &[Bytes],
        replies: &mut ReplyBuffer,
    ) -> bool {
        match (name, args) {
            ("HELLO", args) => self.hello(session, args, replies),
            ("AUTH", args) => {
                let (user, password) = match args {
                    [password] => (None, password),
                    [user, password] => (Some(user), password),
                    _ => {
                        replies.error("ERR syntax error");
                        return true;
                    }
                };
                if self.admits(session, user, password, replies) {
                    replies.simple("OK");
                }
            }
            ("PING", []) => {
                replies.simple("PONG");
            }
            ("PING" | "ECHO", [text]) => {
                replies.bulk(text);
            }
            ("QUIT", _) => {
                session.is_over = true;
                replies.simple("OK");
            }
            ("RESET", []) => {
                session.reset();
                replies.set_protocol(session.protocol);
                replies.simple("RESET");
            }
            ("SELECT", [index]) => {
                match index.as_ref() {
                    b"0" => replies.simple("OK"),
                    _ => replies.error("ERR SELECT is not allowed in cluster mode"),
                };
            }
            ("READONLY", []) => {
                session.readonly = true;
                replies.simple("OK");
            }
            ("READWRITE", []) => {
                session.readonly = false;
                replies.simple("OK");
            }
            ("ASKING", []) => {
                session.asking = true;
                replies.simple("OK");
            }
            ("CLIENT ID", [_]) => {
                replies.integer(i64::try_from(session.connection).unwrap_or(i64::MAX));
            }
            ("CLIENT SETNAME", [_, name]) => {
                let is_odd = name.iter().any(|byte| !(b'!'..=b'~').contains(byte));
                if is_odd {
                    let odd =
                        "ERR Client names cannot contain spaces, newlines or special characters.";
                    replies.error(odd);
                } else {
                    session.name =
                        Some(Bytes::copy_from_slice(name)).filter(|name| !name.is_empty());
                    replies.simple("OK");
                }
            }
            ("CLIENT GETNAME", [_]) => {
                match &session.name {
                    Some(name) => replies.bulk(name),
                    None => replies.null(),
                };
            }
            ("CLIENT SETINFO", [_, _, _]) if self.server.knows_setinfo() => {
                replies.simple("OK");
            }
            _ => return false,
        }
        true
    }

    fn for_transaction(
        &mut self,
        session: &mut Session,
        name: &str,
        args: &[Bytes],
        replies: &mut ReplyBuffer,
    ) -> bool {
        match (name, args) {
            ("MULTI", []) if session.transaction.is_some() => {
                replies.error("ERR MULTI calls can not be nested");
            }
            ("MULTI", []) => {
                session.transaction = Some(Transaction::default());
                replies.simple("OK");
            }
            ("EXEC", []) => {
                replies.error("ERR EXEC without MULTI");
            }
            ("DISCARD", []) => {
                match session.end_transaction() {
                    Some(_) => replies.simple("OK"),
                    None => replies.error("ERR DISCARD without MULTI"),
                };
            }
            ("WATCH", [_, ..]) if session.transaction.is_some() => {
                replies.error("ERR WATCH inside MULTI is not allowed");
            }
            ("WATCH", keys @ [_, ..]) => {
                if let Some(node) = self.nodes.get(&session.node) {
                    let watched = keys.iter().map(|key| {
                        let version = node.data.version(key);
                        (Bytes::copy_from_slice(key), version)
                    });
                    session.watched.extend(watched);
                }
                replies.simple("OK");
            }
            ("UNWATCH", []) => {
                session.watched.clear();
                replies.simple("OK");
            }
            _ => return false,
        }
        true
    }
}

/// A known command with other arguments than it takes, or one that this cluster
/// does not have.
fn unsupported(name: &str, args: &[Bytes], replies: &mut ReplyBuffer) {
    let container = name.split(' ').next().unwrap_or_default();
    match (container, args.first()) {
        ("CLIENT" | "CLUSTER", Some(subcommand)) => {
            let subcommand = String::from_utf8_lossy(subcommand);
            replies.error(format!(
                "ERR unknown subcommand '{subcommand}'. Try {container} HELP."
            ))
        }
        _ => {
            let name = name.to_lowercase();
            replies.error(format!(
                "ERR wrong number of arguments for '{name}' command"
            ))
        }
    };
}
