//! Which node may answer a command: the rules of the
//! [cluster specification](https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/),
//! "Redirection and resharding".

use slotline_resp::{CommandBuffer, Flags, ReceivedCommand};
use slotline_topology::slot_of;

use super::{Session, World};

const CROSSSLOT: &str = "CROSSSLOT Keys in request don't hash to the same slot";
const TRYAGAIN: &str = "TRYAGAIN Multiple keys request during rehashing of slot";
const UNBOUND: &str = "CLUSTERDOWN Hash slot not served";

impl World {
    /// Whether the node is taking in the slot of the command's first key.
    pub(super) fn takes_in(&self, port: u16, command: &ReceivedCommand) -> bool {
        let node = self.nodes.get(&port);
        let Some(node) = node.filter(|node| !node.importing.is_empty()) else {
            return false;
        };
        let mut buffer = CommandBuffer::new();
        buffer.append_received(command);
        let commands = buffer.freeze();
        let key = commands.get(0).and_then(|command| command.keys().next());
        key.is_some_and(|key| node.importing.contains_key(&slot_of(key).get()))
    }

    /// Why the node of `session` does not answer these commands, which are one
    /// or a whole transaction; `None` if it does.
    pub(super) fn redirect(
        &self,
        session: &Session,
        commands: &[ReceivedCommand],
    ) -> Option<String> {
        let mut buffer = CommandBuffer::new();
        for command in commands {
            buffer.append_received(command);
        }
        let commands = buffer.freeze();
        let keys: Vec<&[u8]> = commands.iter().flat_map(|command| command.keys()).collect();
        let first = *keys.first()?;
        let slot = slot_of(first).get();
        if keys.iter().any(|key| slot_of(key).get() != slot) {
            return Some(CROSSSLOT.to_owned());
        }
        let writes = commands
            .iter()
            .any(|command| command.info().flags.contains(Flags::WRITE));
        let port = session.node;
        let node = self.nodes.get(&port)?;
        if let Some(line) = &node.refuses {
            return Some(line.clone());
        }
        let view = self.view_of(port);
        let Some(owner) = view.owner(slot) else {
            return Some(UNBOUND.to_owned());
        };
        let reads_here = session.readonly && !writes && view.primary_of(port) == owner;
        let is_own = owner == port;
        let knows_migration = is_own || (self.server.replicas_know_migrations() && reads_here);
        let migrating = node.migrating.get(&slot).filter(|_| knows_migration);
        let missing = keys.iter().filter(|key| !node.data.contains(key)).count();
        if let (Some(to), 1..) = (migrating, missing) {
            return Some(match missing < keys.len() {
                true => TRYAGAIN.to_owned(),
                false => format!("ASK {slot} {}:{to}", self.host),
            });
        }
        if session.asking && !is_own && node.importing.contains_key(&slot) {
            let several = keys.iter().any(|key| *key != first);
            return (several && missing > 0).then(|| TRYAGAIN.to_owned());
        }
        if is_own || reads_here {
            return None;
        }
        Some(format!("MOVED {slot} {}:{owner}", self.host))
    }
}
