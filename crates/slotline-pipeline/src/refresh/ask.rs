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
use crate::track::Watched;

/// Once one node has answered, the others get this long.
const STRAGGLERS: Duration = Duration::from_millis(150);

/// CLUSTER SLOTS says where the nodes are, CLUSTER NODES which view is newer and
/// which slots are on the move, CLUSTER SHARDS how the nodes are.
fn questions(with_shards: bool) -> Commands {
    let mut buffer = CommandBuffer::new();
    buffer.begin_named("CLUSTER").arg("SLOTS");
    buffer.begin_named("CLUSTER").arg("NODES");
    if with_shards {
        buffer.begin_named("CLUSTER").arg("SHARDS");
    }
    buffer.freeze()
}

/// What a node answered that was asked for its view.
pub(super) struct Answer {
    pub(super) view: View,
    /// It knows no CLUSTER SHARDS, or does not let this user ask for it.
    pub(super) refuses_shards: bool,
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
    let answer = fetch(service, node, deadline, false).await?;
    Ok(answer.map(|answer| answer.view))
}

async fn fetch<S>(
    service: S,
    node: Endpoint,
    deadline: Instant,
    with_shards: bool,
) -> Result<Result<Answer, slotline_topology::Error>, Error>
where
    S: Service<Part, Response = PartResponse>,
    S::Error: Into<BoxError>,
{
    let asked = Asked::new(node.clone(), Intent::ReadWrite);
    let response = ask(service, asked, questions(with_shards), deadline).await?;
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
        let shards = response.outcome(2).ok().filter(|_| with_shards);
        let shards = shards.and_then(|at| response.replies().get(at));
        let refusal = shards.and_then(|shards| view.add_shards(&shards).err());
        Answer {
            view,
            refuses_shards: refusal.is_some_and(|error| is_refusal(error.code())),
        }
    }))
}

/// Asks one node something, on a connection of its own kind.
///
/// # Errors
/// Why there is no answer.
pub(super) async fn ask<S>(
    service: S,
    asked: Asked,
    commands: Commands,
    deadline: Instant,
) -> Result<Response, Error>
where
    S: Service<Part, Response = PartResponse>,
    S::Error: Into<BoxError>,
{
    let expected = commands.len();
    let part = Part {
        node: asked.node.clone(),
        intent: asked.intent,
        commands,
        is_transaction: false,
        alone: None,
        deadline,
        while_away: WhileAway::Refuse,
        watched: Watched::default(),
    };
    let answer = Attempt::new(service, part, deadline).await;
    let sent = Sent {
        asked,
        commands: expected,
        is_transaction: false,
    };
    let response: Response = of_part(answer, &sent);
    if let Some(Trouble::Failed(error)) = response.trouble(0) {
        return Err(error.clone());
    }
    Ok(response)
}

/// Whether a server would say the same again: it does not know the command, or the
/// user may not use it. That it is loading passes.
pub(super) fn is_refusal(code: Option<&str>) -> bool {
    matches!(code, Some("ERR" | "NOPERM"))
}

/// Asks all of `nodes` at once: the answers of those that answered in time.
pub(super) async fn fetch_views<S>(
    service: &S,
    nodes: Vec<(Endpoint, bool)>,
    patience: Duration,
) -> Vec<Answer>
where
    S: Service<Part, Response = PartResponse> + Clone + Send + 'static,
    S::Error: Into<BoxError> + Send,
    S::Future: Send,
{
    let mut deadline = Instant::now() + patience;
    let mut asked = JoinSet::new();
    for (node, with_shards) in nodes {
        asked.spawn(fetch(service.clone(), node, deadline, with_shards));
    }
    let mut answers = Vec::new();
    while let Ok(Some(answer)) = timeout_at(deadline, asked.join_next()).await {
        if let Ok(Ok(Ok(answer))) = answer {
            answers.push(answer);
            deadline = deadline.min(Instant::now() + STRAGGLERS);
        }
    }
    answers
}
