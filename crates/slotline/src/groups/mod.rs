//! Consumer groups: the entries of a stream, shared out among consumers, each handed out
//! until it is acknowledged.

mod consumer;
mod group;
mod membership;
mod place;
mod read;

use std::collections::HashMap;

use bytes::Bytes;
use slotline_resp::ToArg;

pub use consumer::Consumer;
pub use group::ConsumerGroup;
pub use membership::Entry;

use crate::client::Client;

/// What an entry's fields are unless it is said otherwise.
pub type Fields = HashMap<String, Bytes>;

impl Client {
    /// A [consumer group](https://redis.io/docs/latest/develop/data-types/streams/) of a
    /// stream: settings, and then [consumers](ConsumerGroup::consumer).
    ///
    /// Each entry is handed out at least once: again, to any consumer of the group, if it is
    /// not acknowledged in time, if its acknowledgement was lost in a failover, and in rare
    /// cases besides. So what is done with an entry must bear being done twice.
    ///
    /// ```no_run
    /// # async fn example(client: slotline::Client) -> slotline::Result<()> {
    /// use std::time::Duration;
    ///
    /// let group = client
    ///     .consumer_group("orders", "billing")
    ///     .start_at("$")
    ///     .batch(50)
    ///     .claim_idle(Duration::from_secs(30));
    /// let mut consumer = group.consumer("worker-1").await?;
    /// while let Some(entry) = consumer.next().await? {
    ///     println!("{}: {:?}", entry.id, entry.fields.get("amount"));
    ///     entry.ack().await?;
    /// }
    /// # Ok(()) }
    /// ```
    pub fn consumer_group(&self, stream: impl ToArg, group: impl ToArg) -> ConsumerGroup {
        ConsumerGroup::new(self.clone(), stream, group)
    }
}
