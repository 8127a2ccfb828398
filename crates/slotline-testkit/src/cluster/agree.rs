//! Waiting until all nodes see the same cluster.

use std::time::Duration;

use super::{LocalCluster, view_of};
use crate::error::Result;
use crate::node::Node;
use crate::view::View;
use crate::wait::until;

/// Who is what and serves what: what two views must have in common.
type Shape = Vec<(String, Option<String>, Vec<(u16, u16)>)>;

impl LocalCluster {
    /// Waits until all living nodes agree: the same members, roles and slots,
    /// state `ok`, dead or paused members known to have failed, and every
    /// living replica linked to its primary.
    ///
    /// # Errors
    ///
    /// They do not within `deadline`; the error says what is missing where.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn wait_until_agreed(&self, deadline: Duration) -> Result<()> {
        until(deadline, "waiting for the nodes to agree", || {
            self.disagreement()
        })
        .await
    }

    /// What is still missing, cheapest first.
    async fn disagreement(&self) -> Result<(), String> {
        let mut first: Option<(Shape, &Node)> = None;
        for node in self.living() {
            let view = view_of(node).await.map_err(|error| error.to_string())?;
            let shape = self
                .shape(&view)
                .map_err(|what| format!("node {}: {what}", node.address()))?;
            match &first {
                Some((known, other)) if *known != shape => {
                    return Err(format!(
                        "nodes {} and {} see different clusters",
                        other.address(),
                        node.address()
                    ));
                }
                Some(_) => {}
                None => first = Some((shape, node)),
            }
        }
        for node in self.living() {
            let info: String = node
                .ask(&["CLUSTER", "INFO"])
                .await
                .map_err(|error| error.to_string())?;
            if !info.lines().any(|line| line.trim() == "cluster_state:ok") {
                return Err(format!(
                    "node {}: its cluster state is not ok",
                    node.address()
                ));
            }
            let link = node
                .info("replication", "master_link_status")
                .await
                .map_err(|error| error.to_string())?;
            if link.is_some_and(|link| link != "up") {
                return Err(format!(
                    "node {}: it has no link to its primary",
                    node.address()
                ));
            }
        }
        Ok(())
    }

    /// Those that answer and are not cut off from the others.
    pub(super) fn living(&self) -> impl Iterator<Item = &Node> {
        self.nodes().iter().filter(|node| self.is_reachable(node))
    }

    /// The shape of the living part, or what is unsettled in the view.
    fn shape(&self, view: &View) -> Result<Shape, String> {
        let mut shape = Vec::new();
        for node in self.nodes() {
            let member = view.member(node.id());
            let alive = self.is_reachable(node);
            match member {
                Some(member) if alive && member.is_settled() => {
                    shape.push((
                        member.id.clone(),
                        member.primary.clone(),
                        member.slots.clone(),
                    ));
                }
                Some(member) if !alive && member.is_failed() => {}
                None if !alive => {}
                _ if alive => return Err(format!("it has not settled on {}", node.address())),
                _ => return Err(format!("it has not noticed the end of {}", node.address())),
            }
        }
        if let Some(stranger) = view
            .members
            .iter()
            .find(|member| self.node(&member.id).is_none())
        {
            return Err(format!("it knows a member {} that is none", stranger.id));
        }
        let covered: usize = shape
            .iter()
            .flat_map(|(_, _, slots)| slots)
            .map(|(from, to)| usize::from(to - from) + 1)
            .sum();
        if covered != 16_384 {
            return Err(format!("only {covered} slots have a living owner"));
        }
        shape.sort();
        Ok(shape)
    }
}
