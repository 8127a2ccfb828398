//! What a node answers to one command.

use slotline_pipeline::Intent;
use slotline_resp::CommandRef;
use slotline_topology::slot_of;

use super::keyspace::several;
use super::reply::{array, bulk, error, integer, nil, ok};
use super::{HostForm, State};

/// What a connection is at the moment of a command.
#[derive(Clone, Copy)]
pub(super) struct Session {
    pub(super) port: u16,
    pub(super) intent: Intent,
    pub(super) asking: bool,
}

/// An answer, and whether the command took effect.
pub(super) type Answer = (String, bool);

/// The arguments, the name first.
pub(super) fn words(command: CommandRef<'_>) -> Vec<String> {
    let args = command.args();
    args.map(|arg| String::from_utf8_lossy(arg).into_owned())
        .collect()
}

impl State {
    pub(super) fn answer(&mut self, session: Session, command: CommandRef<'_>) -> Answer {
        let args = words(command);
        if let Some(refusal) = self.refusal(session, command, &args) {
            return refusal;
        }
        (self.run(session.port, &args), true)
    }

    /// What a node answers instead of running the command, if it does not simply
    /// run.
    pub(super) fn refusal(
        &mut self,
        session: Session,
        command: CommandRef<'_>,
        args: &[String],
    ) -> Option<Answer> {
        let line = args.join(" ");
        let scripted = self.scripted.iter_mut().find(|scripted| {
            scripted.left > 0
                && scripted.port == session.port
                && line.starts_with(&scripted.command)
        });
        if let Some(scripted) = scripted {
            scripted.left -= 1;
            let (reply, runs) = (scripted.reply.clone(), scripted.runs);
            if runs {
                self.run(session.port, args);
            }
            return Some((reply, runs));
        }
        let keys: Vec<String> = command
            .keys()
            .map(|key| String::from_utf8_lossy(key).into_owned())
            .collect();
        let refusal = self.redirect(session, command, &keys)?;
        Some((error(&refusal), false))
    }

    /// The rules of the cluster specification, as `getNodeByQuery` has them.
    fn redirect(
        &mut self,
        session: Session,
        command: CommandRef<'_>,
        keys: &[String],
    ) -> Option<String> {
        let slot = slot_of(keys.first()?).get();
        let node = self.nodes.get(&session.port)?;
        let view = node.stale.as_ref().unwrap_or(&self.slots);
        let Some(owner) = view.owner(slot) else {
            return Some("CLUSTERDOWN Hash slot not served".to_owned());
        };
        let missing = keys.iter().filter(|key| !node.data.contains_key(*key));
        let missing = missing.count();
        let host = match node.host {
            HostForm::Named => "node",
            HostForm::Empty => "",
            HostForm::Unknown => "?",
        };
        if owner == session.port {
            let to = node.migrating.get(&slot)?;
            return match missing {
                0 => None,
                all if all == keys.len() => Some(format!("ASK {slot} {host}:{to}")),
                _ => Some("TRYAGAIN Multiple keys request during rehashing of slot".to_owned()),
            };
        }
        if session.asking && node.importing.contains(&slot) {
            let some = keys.len() > 1 && missing > 0;
            return some
                .then(|| "TRYAGAIN Multiple keys request during rehashing of slot".to_owned());
        }
        let reads = session.intent == Intent::ReadOnly
            && node.forgets_readonly == 0
            && command.info().is_readonly();
        if reads && view.primary(session.port) == owner {
            // As before version 8: a replica knows nothing of a migration.
            return None;
        }
        Some(format!("MOVED {slot} {host}:{owner}"))
    }

    pub(super) fn run(&mut self, port: u16, args: &[String]) -> String {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let slots = &self.slots;
        let gossip: Vec<(u16, u64)> = match args.as_slice() {
            ["CLUSTER", "SHARDS"] => self
                .nodes
                .iter()
                .map(|(port, node)| (*port, node.gossip))
                .collect(),
            _ => Vec::new(),
        };
        let Some(node) = self.nodes.get_mut(&port) else {
            return error("ERR no such node");
        };
        let add = |data: &mut std::collections::BTreeMap<String, String>, key: &str| {
            let old: i64 = data.get(key).map_or(0, |value| value.parse().unwrap_or(0));
            data.insert(key.to_owned(), (old + 1).to_string());
            integer(old + 1)
        };
        match args.as_slice() {
            ["ASKING"] => ok(),
            ["PING"] => "+PONG\r\n".to_owned(),
            ["PUBLISH", ..] => integer(0),
            ["CLUSTER", "SLOTS"] => node.stale.as_ref().unwrap_or(slots).cluster_slots(),
            ["CLUSTER", "NODES"] => {
                let view = node.stale.as_ref().unwrap_or(slots);
                view.cluster_nodes(port, &node.migrating)
            }
            ["CLUSTER", "SHARDS"] => {
                let view = node.stale.as_ref().unwrap_or(slots);
                view.cluster_shards(&gossip)
            }
            ["ROLE"] => {
                let offset = integer(node.offset as i64);
                let primary = slots.primary(port);
                if primary == port {
                    array(&[bulk("master"), offset, array(&[])])
                } else {
                    let state = if node.is_cut_off {
                        "connect"
                    } else {
                        "connected"
                    };
                    let primary = [bulk("node"), integer(i64::from(primary))].concat();
                    format!("*5\r\n{}{primary}{}{offset}", bulk("slave"), bulk(state))
                }
            }
            ["INFO", "server"] => {
                let zone = node
                    .zone
                    .map(|zone| format!("availability_zone:{zone}\r\n"));
                bulk(&format!("# Server\r\n{}", zone.unwrap_or_default()))
            }
            ["SET", key, value] => {
                node.data.insert((*key).to_owned(), (*value).to_owned());
                ok()
            }
            ["GET", key, ..] => node.data.get(*key).map_or_else(nil, |value| bulk(value)),
            ["INCR", key] | ["EVAL", _, "1", key] => add(&mut node.data, key),
            ["MGET", keys @ ..] => {
                let value = |key: &&str| node.data.get(*key).map_or_else(nil, |value| bulk(value));
                array(&keys.iter().map(value).collect::<Vec<_>>())
            }
            words => {
                several(&mut node.data, port, words).unwrap_or_else(|| error("ERR unknown command"))
            }
        }
    }
}
