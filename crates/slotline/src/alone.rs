//! Commands that have a connection to themselves: a lease of their node's pool.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use slotline_pipeline::{
    self as pipeline, Alone, NodeFailure, Part, PartFailure, PartResponse, WhileAway,
};
use slotline_pool::{self as pool, Answer, Call, Lease, Pool};
use slotline_resp::{CommandBuffer, Replies, known};
use slotline_topology::Endpoint;
use tokio::time::{Instant, timeout};

use crate::nodes::{node_error, part_response};

/// A part under way on a lease.
pub(crate) type Carrying = Pin<Box<dyn Future<Output = PartResponse> + Send>>;

/// Where a connection is left that is to be kept.
#[derive(Debug, Default)]
pub(crate) struct Place(Mutex<Option<Kept>>);

/// A connection that was kept.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) lease: Lease,
    pub(crate) node: Endpoint,
    /// Whether its node serves the slot for those only that say ASKING.
    pub(crate) is_asking: bool,
}

impl Place {
    fn put(&self, kept: Kept) {
        let before = self.lock().replace(kept);
        // Outside the lock: it goes back to its pool.
        drop(before);
    }

    pub(crate) fn take(&self) -> Option<Kept> {
        self.lock().take()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends the part on a connection of its own, for which it waits if there are as many
/// as are allowed.
pub(crate) async fn carry(pool: Pool, part: Part, alone: Alone) -> PartResponse {
    let mut lease = match lend(&pool, &part, &alone).await {
        Ok(lease) => lease,
        Err(error) => return failed(error, 0),
    };
    let commands = part.commands.len();
    let call = lease.call(part.commands, part.deadline);
    let answer = match attend(&pool, call, alone.patience).await {
        Ok(answer) => answer,
        Err(error) => {
            let error = pipeline::Error::of_node(NodeFailure::Network, part.node, error);
            return failed(error, commands);
        }
    };
    let last = commands.saturating_sub(1);
    let went_well = answer.failure.is_none() && !answer.replies.is_error(last);
    let place = alone.keep.as_ref().and_then(|keep| keep.get::<Place>());
    if let (Some(place), true) = (place, went_well) {
        place.put(Kept {
            lease,
            node: part.node.clone(),
            is_asking: commands > 1,
        });
    }
    part_response(answer, &part.node, part.while_away)
}

async fn lend(pool: &Pool, part: &Part, alone: &Alone) -> Result<Lease, pipeline::Error> {
    let of_node = |error: pool::Error| match error.is_overloaded() {
        // Others have them all, maybe for long: to wait once more would not help.
        true => pipeline::Error::of_node(NodeFailure::Refused, part.node.clone(), error),
        false => node_error(error, &part.node, part.while_away),
    };
    if part.while_away == WhileAway::Refuse {
        // There is another way, unless the node answers at once.
        pool.connect().await.map_err(of_node)?;
    }
    let by = part.deadline.min(Instant::now() + alone.patience);
    pool.lease(by).await.map_err(of_node)
}

/// Waits for the answer. A node whose process hangs, or that something swallows the bytes
/// of, closes no connection: it is asked for a sign of life now and then, on another.
///
/// # Errors
/// It has given none.
async fn attend(pool: &Pool, mut call: Call<'_>, every: Duration) -> Result<Answer, pool::Error> {
    loop {
        if let Ok(answer) = timeout(every, &mut call).await {
            return Ok(answer);
        }
        let mut buffer = CommandBuffer::new();
        buffer.begin(&known::PING, 0);
        let by = Instant::now() + every;
        let mut ping = pool.send(buffer.freeze(), by, pool::WhileAway::Wait);
        let first = poll_fn(|cx| {
            if let Poll::Ready(answer) = Pin::new(&mut call).poll(cx) {
                return Poll::Ready(Ok(answer));
            }
            Pin::new(&mut ping).poll(cx).map(Err)
        });
        match first.await {
            Ok(answer) => return Ok(answer),
            Err(Answer {
                failure: Some(failure),
                ..
            }) => return Err(failure.error),
            Err(_) => {}
        }
    }
}

fn failed(error: pipeline::Error, first_unsent: usize) -> PartResponse {
    PartResponse {
        replies: Replies::new(),
        failure: Some(PartFailure {
            error,
            first_unsent,
        }),
    }
}
