//! A connection to a node in the memory of this process.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use slotline::Connect;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::layout::Layout;
use crate::node::Node;

/// What a stream itself takes in memory while it is idle.
pub const STREAM_BYTES: usize = size_of::<Line>();

/// Opens such connections, whatever the address.
pub fn connector(layout: Arc<Layout>) -> impl Connect {
    move |_, _| {
        let line = Line {
            node: Node::new(Arc::clone(&layout)),
            read: 0,
            reader: None,
        };
        async move { Ok(line) }
    }
}

/// The node answers while it is written to.
struct Line {
    node: Node,
    /// How much of its replies has been read.
    read: usize,
    reader: Option<Waker>,
}

impl AsyncRead for Line {
    #[inline(never)]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let ahead = self.node.replies.get(self.read..).unwrap_or_default();
        if ahead.is_empty() {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let len = ahead.len().min(buffer.remaining());
        buffer.put_slice(&ahead[..len]);
        self.read += len;
        if self.read == self.node.replies.len() {
            self.read = 0;
            self.node.replies.clear();
            if self.node.layout.is_frugal {
                self.node.replies = Vec::new();
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Line {
    #[inline(never)]
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.node.take(bytes);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
