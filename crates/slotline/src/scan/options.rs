//! What a scan is asked for.

use std::sync::Arc;

use slotline_resp::{CommandBuffer, Commands, ToArg, known};

use super::cursor::ScanCursor;

/// So many are asked for at once unless it is said otherwise: the server's own ten
/// would take a round trip for every ten keys.
const USUAL_COUNT: u64 = 500;

/// Which keys a [`ScanStream`](super::ScanStream) goes through, and how.
///
/// ```
/// use slotline::scan::Scan;
///
/// let scan = Scan::new().matching("user:*").of_type("hash").count(1_000).concurrency(3);
/// # let _ = scan;
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Scan {
    pub(super) page: Page,
    of_type: Option<Arc<str>>,
    pub(super) concurrency: usize,
    pub(super) resume: ScanCursor,
}

impl Scan {
    /// All keys, one node after the other.
    pub fn new() -> Scan {
        Scan {
            page: Page::default(),
            of_type: None,
            concurrency: 1,
            resume: ScanCursor::default(),
        }
    }

    /// Only keys that match this glob pattern, as `user:*`; the server goes through all
    /// the same.
    pub fn matching(mut self, pattern: impl ToArg) -> Scan {
        self.page = self.page.matching(pattern);
        self
    }

    /// About so many keys are gone through for each reply, at least one; 500 by default.
    /// It is a hint: a reply may bring more or less, and a server answers nobody else
    /// meanwhile.
    pub fn count(mut self, count: u64) -> Scan {
        self.page = self.page.count(count);
        self
    }

    /// Only keys of values of this type: `string`, `list`, `set`, `zset`, `hash`,
    /// `stream`, or a module's own.
    pub fn of_type(mut self, name: &str) -> Scan {
        self.of_type = Some(name.into());
        self
    }

    /// So many nodes at once, at least one; one by default.
    pub fn concurrency(mut self, nodes: usize) -> Scan {
        self.concurrency = nodes.max(1);
        self
    }

    /// Goes on where another scan was, with the same settings as that one.
    pub fn resume(mut self, cursor: ScanCursor) -> Scan {
        self.resume = cursor;
        self
    }

    pub(super) fn command(&self, cursor: u64) -> Commands {
        let mut buffer = CommandBuffer::new();
        buffer.begin(&known::SCAN, 3).arg(&cursor);
        self.page.encode(&mut buffer);
        if let Some(name) = &self.of_type {
            buffer.arg("TYPE").arg(name);
        }
        buffer.freeze()
    }
}

impl Default for Scan {
    fn default() -> Scan {
        Scan::new()
    }
}

/// What one reply is to bring.
#[derive(Debug, Clone)]
pub(super) struct Page {
    pattern: Option<Arc<[u8]>>,
    count: u64,
}

impl Default for Page {
    fn default() -> Page {
        Page {
            pattern: None,
            count: USUAL_COUNT,
        }
    }
}

impl Page {
    pub(super) fn matching(mut self, pattern: impl ToArg) -> Page {
        self.pattern = Some(pattern.with_bytes(|bytes| Arc::from(bytes)));
        self
    }

    pub(super) fn count(mut self, count: u64) -> Page {
        self.count = count.max(1);
        self
    }

    /// While there are as many items ahead of whoever takes them, nothing is asked: two
    /// replies, so that the next is on its way when one is used up.
    pub(super) fn ahead(&self) -> usize {
        usize::try_from(self.count.saturating_mul(2)).unwrap_or(usize::MAX)
    }

    pub(super) fn encode(&self, buffer: &mut CommandBuffer) {
        if let Some(pattern) = &self.pattern {
            buffer.arg("MATCH").arg(pattern);
        }
        buffer.arg("COUNT").arg(&self.count);
    }
}
