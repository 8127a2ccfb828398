//! A connection to a node in the memory of this process.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use slotline::Connect;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::node::Node;

/// Opens such connections, whatever the address.
pub(crate) fn connector() -> impl Connect {
    |_, _| async { Ok(Line::default()) }
}

/// The node answers while it is written to.
#[derive(Default)]
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
