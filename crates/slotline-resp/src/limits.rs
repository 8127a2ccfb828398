//! What a peer may make us hold.

/// Bounds on one frame, checked while it is scanned and before any of it is
/// kept.
///
/// ```
/// use slotline_resp::Limits;
///
/// let limits = Limits::default().bulk(16 << 20).depth(8);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    pub(crate) depth: u32,
    pub(crate) bulk: usize,
    pub(crate) elements: u64,
    pub(crate) total: usize,
}

/// What is reserved on the peer's word alone, in bytes.
pub(crate) const TRUSTED: usize = 1 << 20;

impl Default for Limits {
    /// Depth 128, bulks of 512 MiB (the server's own `proto-max-bulk-len`),
    /// 134,217,728 elements, 1 GiB in all.
    fn default() -> Self {
        Self {
            depth: 128,
            bulk: 512 << 20,
            elements: 1 << 27,
            total: 1 << 30,
        }
    }
}

impl Limits {
    /// Nothing is refused: for bytes that have been scanned already.
    pub(crate) const SCANNED: Self = Self {
        depth: u32::MAX,
        bulk: usize::MAX,
        elements: u64::MAX,
        total: usize::MAX,
    };

    /// How many aggregates may be open at once: one for an array of numbers.
    /// Default 128. Nothing in this crate uses the stack for it; a recursive type
    /// of your own that implements [`FromReply`](crate::FromReply) does.
    #[must_use]
    pub fn depth(mut self, levels: u32) -> Self {
        self.depth = levels;
        self
    }

    /// The longest bulk string, simple string or error, in bytes; of a
    /// streamed string the sum of its chunks. Default 512 MiB.
    #[must_use]
    pub fn bulk(mut self, bytes: usize) -> Self {
        self.bulk = bytes;
        self
    }

    /// How many elements a frame may have at all depths together; a map's pair
    /// counts as two. Default 134,217,728.
    #[must_use]
    pub fn elements(mut self, count: u64) -> Self {
        self.elements = count;
        self
    }

    /// The longest frame, headers included, in bytes. Default 1 GiB.
    #[must_use]
    pub fn total(mut self, bytes: usize) -> Self {
        self.total = bytes;
        self
    }
}
