//! The commands of one consumer of a group, and the entries that it is given.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use slotline_commands::StreamId;
use slotline_resp::{FromReplyOwned, Value};

use super::read::{Claimed, Read};
use crate::client::Client;
use crate::error::Result;
use crate::patience::{Patience, patiently};

/// One consumer of a group.
pub(super) struct Membership {
    pub(super) client: Client,
    pub(super) stream: Bytes,
    pub(super) group: Bytes,
    pub(super) consumer: Bytes,
    /// Where the group begins.
    pub(super) start: Bytes,
}

impl Membership {
    /// The id of the last entry that is there.
    pub(super) async fn last(&self) -> Result<StreamId> {
        let last = self.client.xrevrange(&self.stream, "+", "-").count(1);
        let last: Vec<(StreamId, Value)> = last.await?;
        Ok(last.first().map_or(StreamId::MIN, |(id, _)| *id))
    }

    /// Makes the group; whether it was not there.
    pub(super) async fn create(&self) -> Result<bool> {
        let (stream, group) = (&self.stream, &self.group);
        let create = self.client.xgroup_create(stream, group, &self.start);
        match create.mkstream().await {
            Err(error) if error.code() == Some("BUSYGROUP") => Ok(false),
            made => made.map(|_| true),
        }
    }

    /// What this consumer has pending behind `id`.
    pub(super) async fn own<T: FromReplyOwned>(&self, id: StreamId, batch: u64) -> Result<Read<T>> {
        let (group, consumer) = (&self.group, &self.consumer);
        let read = self.client.xreadgroup(group, consumer, &self.stream, id);
        read.count(batch).await
    }

    /// What nobody has had, if need be after so long; after any time if that is zero.
    pub(super) async fn unseen<T: FromReplyOwned>(
        &self,
        batch: u64,
        block: Duration,
    ) -> Result<Read<T>> {
        let (group, consumer) = (&self.group, &self.consumer);
        let read = self.client.xreadgroup(group, consumer, &self.stream, ">");
        read.count(batch).block(block).await
    }

    /// Takes over what was idle so long, from `id` on.
    pub(super) async fn claim<T: FromReplyOwned>(
        &self,
        id: StreamId,
        idle: Duration,
        batch: u64,
    ) -> Result<Claimed<T>> {
        let (stream, group, consumer) = (&self.stream, &self.group, &self.consumer);
        let claim = self.client.xautoclaim(stream, group, consumer, idle, id);
        claim.count(batch).await
    }

    /// How many of them were pending.
    pub(super) async fn ack(&self, ids: &[StreamId]) -> Result<u64> {
        match ids {
            [] => Ok(0),
            ids => {
                let ack = || async { self.client.xack(&self.stream, &self.group, ids).await };
                patiently(self.patience(), ack).await
            }
        }
    }

    /// Lets others claim what this consumer has pending, as if it were idle so long.
    pub(super) async fn give_back(&self, ids: &[StreamId], idle: Duration) -> Result<()> {
        let (stream, group, consumer) = (&self.stream, &self.group, &self.consumer);
        let claim = self
            .client
            .xclaim(stream, group, consumer, Duration::ZERO, ids);
        let _: Value = claim.idle(idle).justid().await?;
        Ok(())
    }

    /// As long as a command may take.
    pub(super) fn patience(&self) -> Patience {
        Patience::from_first_error(self.client.runner().settings.timeout)
    }
}

/// An entry of a stream that is to be acknowledged.
#[non_exhaustive]
pub struct Entry<T = super::Fields> {
    /// Its id.
    pub id: StreamId,
    /// Its fields.
    pub fields: T,
    membership: Arc<Membership>,
}

impl<T> Entry<T> {
    pub(super) fn new(id: StreamId, fields: T, membership: &Arc<Membership>) -> Entry<T> {
        Entry {
            id,
            fields,
            membership: Arc::clone(membership),
        }
    }

    /// Acknowledges it with [XACK](https://redis.io/docs/latest/commands/xack/): then it is
    /// done and does not come again. Whether it was still pending: not if it was
    /// acknowledged before, by another whom it was handed out to as well, or if the group
    /// is gone. It is sent at once, and may be from any task.
    ///
    /// # Errors
    /// Nobody answered within the client's timeout, though it was sent again: it may be
    /// acknowledged or not.
    ///
    /// # Cancel safety
    /// Dropping the future is safe; it may be acknowledged or not.
    pub async fn ack(&self) -> Result<bool> {
        Ok(self.membership.ack(&[self.id]).await? > 0)
    }
}

impl<T> fmt::Debug for Entry<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
