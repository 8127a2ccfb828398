//! What a consumer group is asked for.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use slotline_resp::{FromReplyOwned, ToArg};

use super::Fields;
use super::consumer::Consumer;
use super::membership::Membership;
use crate::client::Client;
use crate::error::Result;
use crate::patience::patiently;

/// A consumer group and how its entries are read: see [`Client::consumer_group`].
#[must_use = "nothing is read without a consumer"]
pub struct ConsumerGroup<T = Fields> {
    client: Client,
    stream: Bytes,
    group: Bytes,
    start: Bytes,
    settings: Settings,
    kind: PhantomData<fn() -> T>,
}

/// How entries are read.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) batch: u64,
    /// For ever if there is none.
    pub(super) block: Option<Duration>,
    /// Never if there is none.
    pub(super) claim_idle: Option<Duration>,
}

impl ConsumerGroup {
    pub(super) fn new(client: Client, stream: impl ToArg, group: impl ToArg) -> ConsumerGroup {
        ConsumerGroup {
            client,
            stream: owned(stream),
            group: owned(group),
            start: Bytes::from_static(b"0"),
            settings: Settings {
                batch: 100,
                block: None,
                claim_idle: Some(Duration::from_secs(60)),
            },
            kind: PhantomData,
        }
    }
}

impl<T> ConsumerGroup<T> {
    /// What the fields of entries become: a `HashMap<String, Bytes>` by default. A `Vec` of
    /// pairs keeps their order and those that come twice. An entry that is no `U` is an
    /// error in its place, and stays pending; of a
    /// `Result<U, slotline_resp::Error>` it is an entry with that error, which can be
    /// acknowledged.
    pub fn returning<U>(self) -> ConsumerGroup<U> {
        ConsumerGroup {
            client: self.client,
            stream: self.stream,
            group: self.group,
            start: self.start,
            settings: self.settings,
            kind: PhantomData,
        }
    }

    /// Where the group begins if it is not there yet: behind the entry of this
    /// [id](crate::commands::StreamId), at the first entry with `"0"`, which is the default,
    /// behind the last with `"$"`. Where the last is, is settled once, when the consumer is
    /// made.
    ///
    /// A group that is lost while it is read, since its stream was deleted or a failover has
    /// forgotten it, is made again and begins there again.
    pub fn start_at(mut self, id: impl ToArg) -> ConsumerGroup<T> {
        self.start = owned(id);
        self
    }

    /// So many entries are read at once, at least one; 100 by default. As many are read
    /// ahead, and no more.
    pub fn batch(mut self, entries: u64) -> ConsumerGroup<T> {
        self.settings.batch = entries.max(1);
        self
    }

    /// How long [`next`](Consumer::next) waits for an entry before it is `None`; for ever by
    /// default. Counted in milliseconds.
    pub fn block(mut self, time: impl Into<Option<Duration>>) -> ConsumerGroup<T> {
        self.settings.block = time.into();
        self
    }

    /// An entry that was handed out to anybody this long ago, and is not acknowledged, is
    /// handed out again: a minute by default, at least a millisecond. It should be longer
    /// than anybody takes for a whole [batch](ConsumerGroup::batch), since all of it was
    /// handed out by the server at once. It is looked for as often as that.
    ///
    /// With `None` only what this consumer's own name has pending when it begins comes
    /// again.
    pub fn claim_idle(mut self, time: impl Into<Option<Duration>>) -> ConsumerGroup<T> {
        let time: Option<Duration> = time.into();
        self.settings.claim_idle = time.map(|time| time.max(Duration::from_millis(1)));
        self
    }
}

impl<T: FromReplyOwned + Send + 'static> ConsumerGroup<T> {
    /// Makes the group, and the stream, if they are not there, and a consumer of that name.
    /// Of two that go by one name at the same time, both may be handed out the same entries.
    ///
    /// # Errors
    /// The group is not there and cannot be made: the key is no stream (WRONGTYPE),
    /// [`start_at`](ConsumerGroup::start_at) is no id, or nobody answered within the
    /// client's timeout.
    ///
    /// # Cancel safety
    /// Dropping the future is safe; the group may have been made.
    pub async fn consumer(&self, name: impl ToArg) -> Result<Consumer<T>> {
        let mut membership = Membership {
            client: self.client.clone(),
            stream: self.stream.clone(),
            group: self.group.clone(),
            consumer: owned(name),
            start: self.start.clone(),
        };
        if membership.start == "$" {
            let last = patiently(membership.patience(), || membership.last()).await?;
            membership.start = owned(last);
        }
        patiently(membership.patience(), || membership.create()).await?;
        Ok(Consumer::new(Arc::new(membership), self.settings.clone()))
    }
}

fn owned(arg: impl ToArg) -> Bytes {
    arg.with_bytes(Bytes::copy_from_slice)
}

impl<T> Clone for ConsumerGroup<T> {
    fn clone(&self) -> ConsumerGroup<T> {
        ConsumerGroup {
            client: self.client.clone(),
            stream: self.stream.clone(),
            group: self.group.clone(),
            start: self.start.clone(),
            settings: self.settings.clone(),
            kind: PhantomData,
        }
    }
}

impl<T> fmt::Debug for ConsumerGroup<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerGroup")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
