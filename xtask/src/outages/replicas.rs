//! What a client has had of replicas.

use slotline::{Client, Intent};

/// Commands that went to replicas.
pub(crate) fn replica_reads(client: &Client) -> u64 {
    let each = client.statistics().into_iter();
    let replicas = each.filter(|(_, intent, _)| *intent == Intent::ReadOnly);
    replicas.map(|(_, _, pool)| pool.commands).sum()
}
