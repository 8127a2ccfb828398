//! What is asked of a client, and which clients there are.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

/// How long a request may take: every client is to keep a deadline, and none is
/// ever met.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// One connection, used by whoever has a clone. Whatever fails panics.
pub(super) trait Client: Clone + Send + 'static {
    /// Connects. If writes are to be counted, [`writes`](Self::writes) must tell
    /// them, even where that costs something.
    fn connect(address: SocketAddr, count_writes: bool) -> impl Future<Output = Self>;

    /// A GET, its reply as an owned value; tells its length.
    fn get(&mut self, key: &str) -> impl Future<Output = usize> + Send;

    /// GETs in one batch, each reply as an owned value; tells their lengths' sum.
    fn get_all(&mut self, keys: &[String]) -> impl Future<Output = usize> + Send;

    /// A SET.
    fn set(&mut self, key: &str, value: &Bytes) -> impl Future<Output = ()> + Send;

    /// Writes to the socket so far.
    fn writes(&self) -> u64;
}

/// Who does the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// `slotline-pool`, with the commands and replies of `slotline-resp`.
    Slotline,
    /// The `redis` crate's `MultiplexedConnection`.
    Redis,
}

impl Who {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 2] = [Self::Slotline, Self::Redis];

    /// What it is called in the table.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Slotline => "slotline-pool",
            Self::Redis => "redis",
        }
    }
}
