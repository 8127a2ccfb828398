use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use slotline_resp::Delivery;
use slotline_topology::Endpoint;
use tokio::time::Instant;

use crate::node::Intent;

/// A record of what becomes of one request: where its commands go and why, every
/// redirect, every wait, every retry, with times. Given to it with
/// [`Request::explain`](crate::Request::explain); a clone looks at the same. It
/// holds no key and no value: commands go by their places in the request.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use slotline_pipeline::{Cluster, Error, Explain, Part, PartResponse, Request, RouteLayer};
/// # use slotline_resp::{CommandBuffer, Replies, known};
/// # use slotline_topology::{Endpoint, Topology};
/// # use tower::{ServiceBuilder, ServiceExt, service_fn};
/// # let cluster = Cluster::new(
/// #     Topology::builder().shard([0..=16383], Endpoint::new("10.0.0.1", 7000), []).build(),
/// # );
/// # let nodes = service_fn(|_: Part| {
/// #     let mut replies = Replies::new();
/// #     replies.push_segment("+OK\r\n".into(), [5]);
/// #     Box::pin(async { Ok::<_, Error>(PartResponse { replies, failure: None }) })
/// # });
/// # let client = ServiceBuilder::new().layer(RouteLayer::new(cluster)).service(nodes);
/// # let mut commands = CommandBuffer::new();
/// # commands.begin(&known::GET, 1).key("k");
/// # let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(5);
/// let explain = Explain::new();
/// let request = Request::new(commands.freeze(), deadline).explain(&explain);
/// client.oneshot(request).await?;
/// // 0 µs  0: sent to 10.0.0.1:7000, which owns its slot
/// // 9 µs  0: answered by 10.0.0.1:7000
/// println!("{explain}");
/// assert_eq!(explain.steps().len(), 2);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Explain(Arc<Record>);

#[derive(Debug)]
struct Record {
    began: Instant,
    steps: Mutex<Vec<Step>>,
}

/// One thing that happened to some commands of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// How long after the record was begun.
    pub at: Duration,
    /// The commands, by their places in the request.
    pub commands: Vec<u32>,
    /// What happened.
    pub what: What,
}

/// What happened to commands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// It became several commands, each for a slot or a node of its own.
    Spread {
        /// How many.
        parts: usize,
    },
    /// They were handed to a node, in one part.
    Sent {
        /// The node.
        node: Endpoint,
        /// What kind of connection they travel on.
        intent: Intent,
        /// Why it was this node.
        why: Why,
        /// Whether each has an ASKING before it.
        asking: bool,
    },
    /// The node had not answered within the time that most reads take, and another
    /// replica was asked too; see [`HedgeLayer`](crate::HedgeLayer).
    Hedged {
        /// The other replica.
        node: Endpoint,
    },
    /// That replica answered first, and its answer is that of the part.
    Overtaken {
        /// The other replica.
        by: Endpoint,
    },
    /// The node's part has ended; where another replica was faster, with that one's
    /// answer.
    Answered {
        /// The node.
        node: Endpoint,
        /// Whether every command of the part has a reply, be it an error.
        whole: bool,
    },
    /// They could go to no node.
    NotRouted {
        /// Why.
        error: String,
    },
    /// The server answered with an error that is followed.
    Turned {
        /// The first word of the error, as in `MOVED`.
        code: String,
        /// Who said so, where that is known.
        by: Option<Endpoint>,
        /// Where the command goes now, if that was said.
        to: Option<Endpoint>,
    },
    /// The connection had lost its state, and is replaced (S5).
    LostSession {
        /// The node.
        node: Endpoint,
    },
    /// They had no answer, and the policy lets them go again.
    Retried {
        /// What became of them.
        delivery: Delivery,
        /// Why there was no answer.
        error: String,
    },
    /// They go again after this wait, if order and deadline allow it.
    Waits {
        /// How long.
        wait: Duration,
    },
    /// They wait for other pieces of the request, since they share keys (O1).
    StayedBehind,
    /// The order of the request forbids that they go again (O1).
    Forbidden,
}

/// Why commands go to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// It owns their slots; or they have no key, and it has its turn, or every such
    /// node is asked.
    Owner,
    /// Reads go there.
    ReadPolicy,
    /// A redirect named it.
    Redirect,
    /// All that goes this way goes there, whatever its slot: it is
    /// [`Pinned`](crate::route::Pinned).
    Pinned,
}

impl Explain {
    /// An empty record, whose time begins now.
    #[must_use]
    pub fn new() -> Explain {
        Explain(Arc::new(Record {
            began: Instant::now(),
            steps: Mutex::default(),
        }))
    }

    /// What has happened so far, in order.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        self.lock().clone()
    }

    /// What has happened so far to one command.
    #[must_use]
    pub fn of_command(&self, command: u32) -> Vec<Step> {
        let steps = self.lock();
        let own = steps.iter().filter(|step| step.commands.contains(&command));
        own.cloned().collect()
    }

    pub(crate) fn add(&self, commands: Vec<u32>, what: What) {
        let at = self.0.began.elapsed();
        self.lock().push(Step { at, commands, what });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Step>> {
        // Plain data: whoever panicked left it whole.
        let lock = self.0.steps.lock();
        lock.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Explain {
    fn default() -> Explain {
        Explain::new()
    }
}

impl fmt::Display for Explain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in self.lock().iter() {
            writeln!(f, "{step}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>6} µs  ", self.at.as_micros())?;
        for (at, command) in self.commands.iter().take(8).enumerate() {
            write!(f, "{}{command}", if at > 0 { ", " } else { "" })?;
        }
        if self.commands.len() > 8 {
            write!(f, " … {} in all", self.commands.len())?;
        }
        write!(f, ": {}", self.what)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Spread { parts } => write!(f, "spread in {parts} parts"),
            What::Sent {
                node, why, asking, ..
            } => {
                let asking = if *asking { ", ASKING first" } else { "" };
                let why = match why {
                    Why::Owner => "which owns its slot",
                    Why::ReadPolicy => "where reads go",
                    Why::Redirect => "as the redirect said",
                    Why::Pinned => "where all of it goes",
                };
                write!(f, "sent to {node}, {why}{asking}")
            }
            What::Hedged { node } => write!(f, "asked of {node} too, for it is slow"),
            What::Overtaken { by } => write!(f, "{by} was faster"),
            What::Answered { node, whole: true } => write!(f, "answered by {node}"),
            What::Answered { node, .. } => write!(f, "answered in part by {node}"),
            What::NotRouted { error } => write!(f, "could go to no node: {error}"),
            What::Turned { code, by, to } => {
                write!(f, "{code}")?;
                if let Some(by) = by {
                    write!(f, " from {by}")?;
                }
                match to {
                    Some(to) => write!(f, ", to {to}"),
                    None => Ok(()),
                }
            }
            What::LostSession { node } => {
                write!(f, "the connection to {node} had lost its state")
            }
            What::Retried { delivery, error } => {
                write!(f, "{delivery}, and goes again: {error}")
            }
            What::Waits { wait } => write!(f, "waits {} µs", wait.as_micros()),
            What::StayedBehind => f.write_str("waits for other pieces that share its keys"),
            What::Forbidden => f.write_str("may not go again: a later command has run"),
        }
    }
}
