//! What is done to a cluster. Each makes sure that it took place.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use slotline_testkit::{LocalCluster, Node};
use slotline_topology::parse_nodes;
use tokio::time::{Instant, sleep};

/// How long the servers may take to agree on what was done to them.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// The id in a line of CLIENT LIST if the connection bears that name and, if one is
/// asked for, that flag.
pub(crate) fn connection_of<'a>(
    line: &'a str,
    client_name: &str,
    flag: Option<char>,
) -> Option<&'a str> {
    let field = |name: &str| {
        line.split(' ')
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    };
    let flags = field("flags")?;
    let ours = field("name") == Some(client_name) && flag.is_none_or(|flag| flags.contains(flag));
    field("id").filter(|_| ours)
}

/// SIGKILL. Returns the slots that it served and the replica that will.
pub(crate) async fn kill(cluster: &LocalCluster, primary: &Node) -> Result<(Vec<u16>, Node)> {
    let slots = slots_of(primary).await?;
    let heir = cluster.replica_of(primary).await?;
    primary.kill()?;
    if primary.is_running() {
        bail!("{} is still running", primary.address());
    }
    Ok((slots, heir))
}

/// Starts the killed node again; back when it is in step as a replica.
pub(crate) async fn bring_back(cluster: &LocalCluster, killed: &Node, heir: &Node) -> Result<()> {
    // Without persistence it comes back empty: were it still the primary in
    // somebody's eyes, its shard would be empty too.
    let deadline = Instant::now() + PATIENCE;
    while !cluster.primaries().await?.contains(heir) {
        if Instant::now() >= deadline {
            bail!("{} did not become a primary", heir.address());
        }
        sleep(Duration::from_millis(50)).await;
    }
    killed.restart().await?;
    let agreed = cluster.wait_until_agreed(PATIENCE).await;
    agreed.context("waiting for the killed node to come back as a replica")
}

/// The slots that a node says it serves.
pub(crate) async fn slots_of(node: &Node) -> Result<Vec<u16>> {
    let text: String = node.ask(&["CLUSTER", "NODES"]).await?;
    let lines = parse_nodes(&text).into_iter();
    let own = lines.filter(|line| line.flags.myself);
    Ok(own.flat_map(|line| line.slots).flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_known_by_its_name_and_its_flag() {
        let line = |name: &str, flags: &str| {
            format!(
                "id=7 addr=127.0.0.1:1 laddr=127.0.0.1:2 fd=8 name={name} age=1 flags={flags} db=0"
            )
        };
        assert_eq!(
            connection_of(&line("ours", "r"), "ours", Some('r')),
            Some("7")
        );
        assert_eq!(connection_of(&line("ours", "N"), "ours", Some('r')), None);
        assert_eq!(connection_of(&line("", "r"), "ours", Some('r')), None);
        assert_eq!(connection_of("", "ours", None), None);
        assert_eq!(connection_of(&line("ours", "N"), "ours", None), Some("7"));
    }
}
