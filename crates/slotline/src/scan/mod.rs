//! SCAN and its kin as streams: all keys of a server or a cluster, all elements of one
//! key, a page at a time.

mod cursor;
mod elements;
mod keys;
mod options;
mod page;
mod plan;
#[cfg(test)]
mod plan_tests;
mod standing;
mod step;

use slotline_resp::{FromReplyOwned, ToArg, known};

pub use cursor::ScanCursor;
pub use elements::ElementStream;
pub use keys::ScanStream;
pub use options::Scan;

use crate::client::Client;
use page::Width;

impl Client {
    /// All keys, as [SCAN](https://redis.io/docs/latest/commands/scan/) tells them, of a
    /// server or of every primary of a cluster.
    ///
    /// A key that is there from the beginning to the end comes at least once, whatever
    /// becomes of the cluster meanwhile: resharding, failover, a node that begins anew. It
    /// may come more than once, since a slot that has moved, or whose node has changed, is
    /// gone through again. A key that is added or deleted meanwhile may come or not.
    ///
    /// Two things are not noticed: keys that are moved to another node and back by hand,
    /// without their slot, while their node is gone through; and, for a reader who takes
    /// longer than a quarter of a second from page to page, a slot that makes that round
    /// trip in each of three passes.
    ///
    /// ```no_run
    /// # async fn example(client: slotline::Client) -> slotline::Result<()> {
    /// use slotline::scan::Scan;
    ///
    /// let scan = Scan::new().matching("user:*").of_type("hash").concurrency(3);
    /// let mut keys = client.scan_stream::<String>(scan);
    /// while let Some(key) = keys.try_next().await? {
    ///     println!("{key}");
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// It can be left and gone on with elsewhere:
    ///
    /// ```no_run
    /// # async fn example(client: slotline::Client) -> slotline::Result<()> {
    /// use slotline::scan::Scan;
    ///
    /// let mut keys = client.scan_stream::<String>(Scan::new());
    /// let _first = keys.try_next().await?;
    /// let place = keys.cursor().to_string();
    /// // Another day, in another program:
    /// let rest = client.scan_stream::<String>(Scan::new().resume(place.parse()?));
    /// # let _ = rest; Ok(()) }
    /// ```
    pub fn scan_stream<K: FromReplyOwned>(&self, scan: Scan) -> ScanStream<K> {
        ScanStream::new(self.clone(), scan)
    }

    /// The fields of a hash with their values, as
    /// [HSCAN](https://redis.io/docs/latest/commands/hscan/) tells them; none if there is
    /// no such key.
    ///
    /// A field that is there from the beginning to the end comes at least once, also where
    /// the key moves or its node fails over: then it is gone through from the beginning
    /// again, and fields come twice.
    ///
    /// ```no_run
    /// # async fn example(client: slotline::Client) -> slotline::Result<()> {
    /// let mut fields = client.hscan_stream::<String, i64>("visits").matching("2026-*");
    /// while let Some((day, visits)) = fields.try_next().await? {
    ///     println!("{day}: {visits}");
    /// }
    /// # Ok(()) }
    /// ```
    pub fn hscan_stream<F, V>(&self, key: impl ToArg) -> ElementStream<(F, V)>
    where
        F: FromReplyOwned,
        V: FromReplyOwned,
    {
        ElementStream::new(self.clone(), &known::HSCAN, key, Width::Two)
    }

    /// The fields of a hash without their values: HSCAN with NOVALUES, which servers have
    /// since Redis 7.4 and Valkey 8.0. As [`hscan_stream`](Client::hscan_stream) else.
    pub fn hscan_fields_stream<F: FromReplyOwned>(&self, key: impl ToArg) -> ElementStream<F> {
        ElementStream::new(self.clone(), &known::HSCAN, key, Width::One).without_values()
    }

    /// The members of a set, as [SSCAN](https://redis.io/docs/latest/commands/sscan/)
    /// tells them. As [`hscan_stream`](Client::hscan_stream) else.
    pub fn sscan_stream<M: FromReplyOwned>(&self, key: impl ToArg) -> ElementStream<M> {
        ElementStream::new(self.clone(), &known::SSCAN, key, Width::One)
    }

    /// The members of a sorted set with their scores, in no order, as
    /// [ZSCAN](https://redis.io/docs/latest/commands/zscan/) tells them. As
    /// [`hscan_stream`](Client::hscan_stream) else.
    pub fn zscan_stream<M: FromReplyOwned>(&self, key: impl ToArg) -> ElementStream<(M, f64)> {
        ElementStream::new(self.clone(), &known::ZSCAN, key, Width::Two)
    }
}
