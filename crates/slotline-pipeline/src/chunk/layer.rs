use tower::Layer;

use super::Chunk;

/// How large a piece may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) commands: usize,
    pub(crate) bytes: usize,
}

/// Cuts a request of more than so many commands or bytes into pieces, which go
/// one after the other, so that commands that share a key keep their order and
/// others can get in between. Results are in the order of the commands.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct ChunkLayer {
    limits: Limits,
}

impl ChunkLayer {
    /// Pieces of 1,000 commands or 1 MiB, whichever comes first.
    pub fn new() -> ChunkLayer {
        let limits = Limits {
            commands: 1_000,
            bytes: 1 << 20,
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
