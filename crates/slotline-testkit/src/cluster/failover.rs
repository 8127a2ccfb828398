//! A failover by command.

use std::time::Duration;

use super::{GOSSIP, LocalCluster, view_of};
use crate::error::{Error, Result};
use crate::node::Node;
use crate::wait::until;

/// A manual failover gives up by itself after five seconds, silently.
const TRY: Duration = Duration::from_secs(6);

impl LocalCluster {
    /// Makes `replica` a primary by `CLUSTER FAILOVER`, without loss of data.
    /// Back when it is a primary in the eyes of every living node. Its old
    /// primary may still be linking to it: see
    /// [`wait_until_agreed`](Self::wait_until_agreed).
    ///
    /// # Errors
    ///
    /// It is no replica, its primary is down, or it is not elected.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not call the failover back.
    pub async fn failover(&self, replica: &Node) -> Result<()> {
        let step = "CLUSTER FAILOVER";
        let mut last = Error::process(step, "not tried");
        for _ in 0..3 {
            // From the second time on it may have happened meanwhile.
            match replica.call(&["CLUSTER", "FAILOVER"]).await {
                Err(error) if !self.is_primary_at(replica, replica).await? => return Err(error),
                _ => {}
            }
            let elected = until(TRY, step, || async {
                match self.is_primary_at(replica, replica).await {
                    Ok(true) => Ok(()),
                    Ok(false) => Err("it is still a replica".to_owned()),
                    Err(error) => Err(error.to_string()),
                }
            });
            match elected.await {
                Ok(()) => return self.wait_until_seen_as_primary(replica).await,
                Err(error) => last = error.at(replica.address()),
            }
        }
        Err(last)
    }

    /// Waits until every living node sees `node` as a primary.
    async fn wait_until_seen_as_primary(&self, node: &Node) -> Result<()> {
        for witness in self.living() {
            let seen = until(GOSSIP, "waiting for the news of a failover", || async {
                match self.is_primary_at(witness, node).await {
                    Ok(true) => Ok(()),
                    Ok(false) => Err(format!("it sees {} as a replica", node.address())),
                    Err(error) => Err(error.to_string()),
                }
            });
            seen.await.map_err(|error| error.at(witness.address()))?;
        }
        Ok(())
    }

    async fn is_primary_at(&self, witness: &Node, node: &Node) -> Result<bool> {
        let view = view_of(witness).await?;
        Ok(view
            .member(node.id())
            .is_some_and(|member| member.is_primary() && !member.slots.is_empty()))
    }
}
