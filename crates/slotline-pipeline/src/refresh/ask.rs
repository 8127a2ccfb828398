//! Asks nodes how they see the cluster.

use std::time::Duration;

use slotline_resp::{CommandBuffer, Commands};
use slotline_topology::{Endpoint, View};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tower::Service;

use crate::attempt::Attempt;
use crate::error::{BoxError, Error};
use crate::node::{Asked, Intent, Part, PartResponse, WhileAway};
use crate::response::{Response, Trouble};
use crate::route::{Sent, of_part};

/// Once one node has answered, the others get this long.
const STRAGGLERS: Duration = Duration::from_millis(150);

/// CLUSTER SLOTS says where the nodes are, CLUSTER NODES which view is newer and
/// which slots are on the move.
fn questions() -> Commands {
    let mut buffer = CommandBuffer::new();
    buffer.begin_named("CLUSTER").arg("SLOTS");
    buffer.begin_named("CLUSTER").arg("NODES");
    buffer.freeze()
}

/// Asks one node for its view of the cluster.
///
/// # Errors
/// Why there is no answer; or the server's own error, in the inner result, as a
/// server gives it that is not in cluster mode.
///
/// # Cancel safety
/// Dropping it drops the question.
pub async fn fetch_view<S>(
    service: S,
    node: Endpoint,
    deadline: Instant,
) -> Result<Result<View, slotline_topology::Error>, Error>
where
    S: Service<Part, Response = PartResponse>,
    S::Error: Into<BoxError>,
{
    let commands = questions();
    let expected = commands.len();
    let part = Part {
        node: node.clone(),
        intent: Intent::ReadWrite,
        commands,
        is_transaction: false,
        deadline,
        while_away: WhileAway::Refuse,
    };
    let answer = Attempt::new(service, part, deadline).await;
    let sent = Sent {
        asked: Asked::new(node.clone(), Intent::ReadWrite),
        commands: expected,
        is_transaction: false,
    };
    let response: Response = of_part(answer, &sent);
    if let Some(Trouble::Failed(error)) = response.trouble(0) {
        return Err(error.clone());
    }
    let slots = response.outcome(0)?;
    let Some(slots) = response.replies().get(slots) else {
        return Err(Error::of_layer("the reply to CLUSTER SLOTS is missing"));
    };
    Ok(View::from_slots(&slots, &node).map(|mut view| {
        // Without it, views are compared by majority alone.
        let nodes = response.outcome(1).ok();
        if let Some(Ok(text)) = nodes.and_then(|at| response.replies().decode::<String>(at)) {
            view.add_nodes(&text);
        }
        view
    }))
}

/// Asks all of `nodes` at once: the views of those that answered in time.
pub(super) async fn fetch_views<S>(
    service: &S,
    nodes: Vec<Endpoint>,
    patience: Duration,
) -> Vec<View>
where
    S: Service<Part, Response = PartResponse> + Clone + Send + 'static,
    S::Error: Into<BoxError> + Send,
    S::Future: Send,
{
    let mut deadline = Instant::now() + patience;
    let mut asked = JoinSet::new();
    for node in nodes {
        asked.spawn(fetch_view(service.clone(), node, deadline));
    }
    let mut views = Vec::new();
    while let Ok(Some(answer)) = timeout_at(deadline, asked.join_next()).await {
        if let Ok(Ok(Ok(view))) = answer {
            views.push(view);
            deadline = deadline.min(Instant::now() + STRAGGLERS);
        }
    }
    views
}
