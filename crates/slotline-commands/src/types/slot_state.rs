//! What becomes of a slot.

use slotline_resp::{Arguments, ToArgs};

/// The state that a node gives a slot. Nodes are named by their ids.
///
/// Source: [CLUSTER SETSLOT](https://redis.io/docs/latest/commands/cluster-setslot/).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlotState {
    /// It comes from this node.
    Importing(String),
    /// It goes to this node.
    Migrating(String),
    /// It is this node's.
    Node(String),
    /// It neither comes nor goes.
    Stable,
}

impl ToArgs for SlotState {
    fn add_to(&self, arguments: &mut Arguments<'_>) {
        let (word, node) = match self {
            SlotState::Importing(node) => ("IMPORTING", Some(node)),
            SlotState::Migrating(node) => ("MIGRATING", Some(node)),
            SlotState::Node(node) => ("NODE", Some(node)),
            SlotState::Stable => ("STABLE", None),
        };
        arguments.add(word);
        node.add_to(arguments);
    }
}
