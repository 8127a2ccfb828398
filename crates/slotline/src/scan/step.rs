//! What is asked of a node: each a future of its own, and nothing that lasts.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use slotline_commands::{Output, Run};
use slotline_resp::{Commands, Replies, Reply};
use slotline_topology::{Endpoint, Role};
use tokio::time::sleep;

use super::standing::Standing;
use crate::client::{Client, Node};
use crate::error::{Error, Result};

/// A question under way.
pub(super) type Step<T, E = Setback> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// Why a question was not answered.
#[derive(Debug)]
pub(super) enum Setback {
    /// It will pass: the node is away, or its slots have another owner.
    Passing(Option<Error>),
    /// It will not by itself.
    Lasting(Error),
}

/// What is looked at while a node does not answer: whether the map has another in its
/// place.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

impl From<Error> for Setback {
    fn from(error: Error) -> Setback {
        match error.will_pass() {
            true => Setback::Passing(Some(error)),
            false => Setback::Lasting(error),
        }
    }
}

/// Asks a node how it stands.
pub(super) async fn stand(node: Node) -> Result<Standing, Setback> {
    let mut pipe = node.pipeline();
    pipe.command("CLUSTER NODES");
    pipe.command("INFO").arg("server");
    let results = pipe.send().await?;
    let nodes: String = results.decode(0)?;
    // Whoever may not be asked for it is taken to be the same as before.
    let info = unless_refused(results.decode(1))?;
    Standing::of_node(&nodes, &info)
        .ok_or_else(|| Error::mode("a node says nothing of itself in CLUSTER NODES").into())
}

/// The same for a server that is in no cluster.
pub(super) async fn stand_alone(node: Node) -> Result<Standing, Setback> {
    let info = node.command("INFO").arg("server").returning().await;
    Ok(Standing::alone(&unless_refused(info)?))
}

/// The server's answer, empty where it does not let this user ask.
pub(super) fn unless_refused(answer: Result<String>) -> Result<String, Setback> {
    match answer {
        Ok(answer) => Ok(answer),
        Err(error) if error.is_server() && error.code() != Some("LOADING") => Ok(String::new()),
        Err(error) => Err(error.into()),
    }
}

/// A reply as it came.
pub(super) enum Whole {}

impl Output for Whole {
    type T = Reply;

    fn decode(replies: &Replies, index: usize) -> Option<slotline_resp::Result<Reply>> {
        let reply = replies.get(index)?;
        Some(match reply.error() {
            Some(error) => Err(error),
            None => Ok(reply),
        })
    }
}

/// Asks a node for one page; and how it stands behind that, if `looks`.
pub(super) async fn page(
    node: Node,
    command: Commands,
    looks: bool,
) -> Result<(Reply, Option<Standing>), Setback> {
    let page = node.get_ref().run::<Whole>(command, None);
    if !looks {
        return Ok((page.await?, None));
    }
    let page = page.await?;
    Ok((page, Some(stand(node).await?)))
}

/// Asks after a pause, and only for as long as the node is what the map says it is:
/// `is_known` says that it is in the map as a primary.
pub(super) async fn watched<T>(
    client: Client,
    node: Endpoint,
    is_known: bool,
    pause: Duration,
    question: impl Future<Output = Result<T, Setback>>,
) -> Result<T, Setback> {
    if !pause.is_zero() {
        sleep(pause).await;
    }
    let mut question = pin!(question);
    loop {
        let mut tick = pin!(sleep(LOOK_AGAIN));
        let answer = poll_fn(|cx| match question.as_mut().poll(cx) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending => tick.as_mut().poll(cx).map(|()| None),
        });
        if let Some(answer) = answer.await {
            return answer;
        }
        if is_known && !is_primary(&client, &node) {
            return Err(Setback::Passing(None));
        }
    }
}

/// Whether the map has it as the owner of slots.
pub(super) fn is_primary(client: &Client, node: &Endpoint) -> bool {
    let topology = client.topology();
    let found = topology.find(node).and_then(|index| topology.node(index));
    found.is_some_and(|node| node.role() == Role::Primary)
}
