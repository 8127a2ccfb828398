//! The nodes as the layers see them.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use slotline_pipeline::{
    Error, Intent, NodeFailure, Nodes, Part, PartFailure, PartResponse, WhileAway,
};
use slotline_resp::Replies;
use slotline_topology::Endpoint;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tower::Service;

use super::execute::Session;
use super::log::Entry;
use super::{Cut, Fake, State};

type Answering = Pin<Box<dyn Future<Output = Result<PartResponse, Error>> + Send>>;

impl Service<Part> for Fake {
    type Response = PartResponse;
    type Error = Error;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, part: Part) -> Answering {
        Box::pin(self.clone().serve(part))
    }
}

impl Nodes for Fake {
    fn is_reachable(&self, node: &Endpoint) -> bool {
        let state = self.state();
        state.nodes.get(&node.port()).is_some_and(|node| !node.away)
    }

    fn give_back(&self, node: &Endpoint) {
        self.state().node(node.port()).given_back += 1;
        self.changed.notify_waiters();
    }

    fn quarantine(&self, node: &Endpoint, _: Intent) {
        let mut state = self.state();
        let node = state.node(node.port());
        node.quarantined += 1;
        // The next connection goes through the recipe again.
        node.forgets_readonly = node.forgets_readonly.saturating_sub(1);
    }

    fn is_used(&self, node: &Endpoint) -> bool {
        !self.state().unused.contains(&node.port())
    }
}

impl Fake {
    async fn serve(self, part: Part) -> Result<PartResponse, Error> {
        let port = part.node.port();
        if let Err(failure) = self.reach(&part).await {
            return Ok(unanswered(failure, &part, Replies::new(), 0));
        }
        let timeout = NodeFailure::Timeout;
        if Instant::now() >= part.deadline {
            return Ok(unanswered(timeout, &part, Replies::new(), 0));
        }
        let delay = self.state().node(port).delay;
        if Instant::now() + delay >= part.deadline {
            // What it was sent stays with it, whatever comes of that.
            sleep_until(part.deadline).await;
            let all = part.commands.len();
            return Ok(unanswered(timeout, &part, Replies::new(), all));
        }
        sleep(delay).await;
        let mut state = self.state();
        let cut = state.node(port).cuts.pop_front();
        Ok(state.execute(&part, cut))
    }

    /// Waits until the node can be reached, if the part is to wait for that.
    async fn reach(&self, part: &Part) -> Result<(), NodeFailure> {
        let port = part.node.port();
        let given_back = |state: &State| state.nodes.get(&port).map_or(0, |node| node.given_back);
        let before = given_back(&self.state());
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            {
                let state = self.state();
                if state.nodes.get(&port).is_some_and(|node| !node.away) {
                    return Ok(());
                }
                if part.while_away == WhileAway::Refuse {
                    return Err(NodeFailure::Unreachable);
                }
                if given_back(&state) > before {
                    return Err(NodeFailure::Displaced);
                }
            }
            let waited = timeout_at(part.deadline, changed).await;
            waited.map_err(|_| NodeFailure::Timeout)?;
        }
    }
}

impl State {
    fn execute(&mut self, part: &Part, cut: Option<Cut>) -> PartResponse {
        self.parts += 1;
        let runs = cut.map_or(part.commands.len(), |cut| cut.runs);
        let answers = cut.map_or(part.commands.len(), |cut| cut.answers);
        let (mut bytes, mut ends) = (String::new(), Vec::new());
        let mut asking = false;
        let mut multi = None;
        for (index, command) in part.commands.iter().take(runs).enumerate() {
            let session = Session {
                port: part.node.port(),
                intent: part.intent,
                asking,
            };
            let (reply, ran) = self.answer_in(&mut multi, session, command);
            let keeps = asking && multi.is_some();
            asking = keeps || (command.name() == "ASKING" && reply.starts_with('+'));
            let words = command.args().map(String::from_utf8_lossy);
            self.log.push(Entry {
                at: Instant::now(),
                port: session.port,
                intent: part.intent,
                part: self.parts,
                command: words.collect::<Vec<_>>().join(" "),
                ran,
                reply: reply.trim_end().to_owned(),
            });
            if index < answers {
                bytes += &reply;
                ends.push(bytes.len());
            }
        }
        let mut replies = Replies::new();
        replies.push_segment(Bytes::from(bytes), ends);
        match cut {
            Some(cut) => unanswered(NodeFailure::Network, part, replies, cut.first_unsent),
            None => PartResponse {
                replies,
                failure: None,
            },
        }
    }
}

fn unanswered(
    failure: NodeFailure,
    part: &Part,
    replies: Replies,
    first_unsent: usize,
) -> PartResponse {
    PartResponse {
        replies,
        failure: Some(PartFailure {
            error: Error::of_node(failure, part.node.clone(), "the test wants it so"),
            first_unsent,
        }),
    }
}
