use tower::Layer;

use super::Chunk;

/// How large a piece may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) commands: usize,
    pub(crate) bytes: usize,
    /// How many pieces of one request may be on their way at once.
    pub(crate) in_flight: usize,
}

/// Cuts a request of more than so many commands or bytes into pieces, a few of
/// which are on their way at once, begun in their order. Results are in the order
/// of the commands.
///
/// Commands that share a key run in their order (O1): what an earlier piece could
/// not get done yet, because it was redirected or has to be retried, holds back
/// the later commands for its keys, and nothing else.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct ChunkLayer {
    limits: Limits,
}

impl ChunkLayer {
    /// Pieces of 1,000 commands or 1 MiB, whichever comes first, four of them at
    /// once.
    pub fn new() -> ChunkLayer {
        let limits = Limits {
            commands: 1_000,
            bytes: 1 << 20,
            in_flight: 4,
        };
        ChunkLayer { limits }
    }

    /// The most commands in a piece, at least 1.
    pub fn commands(mut self, commands: usize) -> ChunkLayer {
        self.limits.commands = commands.max(1);
        self
    }

    /// The most bytes in a piece; a command that is larger alone goes alone.
    pub fn bytes(mut self, bytes: usize) -> ChunkLayer {
        self.limits.bytes = bytes;
        self
    }

    /// How many pieces of one request may be on their way at once, at least 1. A
    /// lone command of another task waits behind so many at most.
    pub fn in_flight(mut self, pieces: usize) -> ChunkLayer {
        self.limits.in_flight = pieces.max(1);
        self
    }
}

impl Default for ChunkLayer {
    fn default() -> ChunkLayer {
        ChunkLayer::new()
    }
}

impl<S> Layer<S> for ChunkLayer {
    type Service = Chunk<S>;

    fn layer(&self, inner: S) -> Chunk<S> {
        Chunk::new(inner, self.limits)
    }
}
