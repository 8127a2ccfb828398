//! What a server sends over a shared connection without having been asked.

use bytes::Bytes;
use slotline_resp::Reply;
use tokio::sync::broadcast::{self, error::TryRecvError};

use crate::events::{Missed, received};

/// What comes over the shared connections beside the replies.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Push {
    /// A push of the server's, such as an invalidation.
    Message {
        /// Which of the pool's connections it came over, counted from 0.
        connection: usize,
        /// The whole frame.
        message: Reply,
    },
    /// The connection is gone, and with it whatever the server would have told
    /// over it: what was cached because of it is to be forgotten.
    Lost {
        /// Which it was.
        connection: usize,
    },
}

/// Receives the pushes that come from [`Pool::pushes`](crate::Pool::pushes) on.
///
/// A push is here before any reply that came behind it is handed to its caller:
/// whoever has got a reply and then empties this with [`try_next`](Self::try_next)
/// knows of everything that the server had said before it.
#[derive(Debug)]
pub struct Pushes(broadcast::Receiver<Push>);

impl Pushes {
    /// The next push, as soon as there is one; `None` when the pool is gone and all
    /// have been read. A receiver that does not keep up is told how many it missed,
    /// the oldest.
    ///
    /// # Cancel safety
    /// If it is dropped, no push is lost.
    pub async fn next(&mut self) -> Option<Result<Push, Missed>> {
        received(self.0.recv().await)
    }

    /// The next push if it is here already.
    pub fn try_next(&mut self) -> Option<Result<Push, Missed>> {
        match self.0.try_recv() {
            Ok(push) => Some(Ok(push)),
            Err(TryRecvError::Lagged(missed)) => Some(Err(Missed(missed))),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }
}

/// The other end of [`Pushes`].
#[derive(Debug)]
pub(crate) struct PushSender(broadcast::Sender<Push>);

impl PushSender {
    /// One that keeps so many for a receiver that does not read.
    pub(crate) fn new(kept: usize) -> PushSender {
        PushSender(broadcast::Sender::new(kept))
    }

    pub(crate) fn receiver(&self) -> Pushes {
        Pushes(self.0.subscribe())
    }

    pub(crate) fn has_receivers(&self) -> bool {
        self.0.receiver_count() > 0
    }

    /// Copied, so that a short push keeps no more memory than it needs.
    pub(crate) fn message(&self, connection: usize, frame: &[u8]) {
        let message = Reply::from_scanned(Bytes::copy_from_slice(frame));
        let _ = self.0.send(Push::Message {
            connection,
            message,
        });
    }

    pub(crate) fn lost(&self, connection: usize) {
        let _ = self.0.send(Push::Lost { connection });
    }
}
