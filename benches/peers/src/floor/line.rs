//! The one connection, and the task that writes and reads.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use slotline_bench_driver::Failure;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::sync::oneshot;

use super::{Inbox, PIECE};

/// Who waits for how many replies.
type Waiting = (usize, oneshot::Sender<Bytes>);

#[derive(Default)]
pub(super) struct Line(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    /// Commands that nobody has begun to write.
    commands: Vec<u8>,
    waiting: VecDeque<Waiting>,
    driver: Option<Waker>,
}

impl Line {
    /// Sends the commands that `fill` appends; gives the bytes of their replies.
    pub(super) async fn send(
        &self,
        replies: usize,
        fill: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Bytes, Failure> {
        let (sender, receiver) = oneshot::channel();
        let driver = {
            let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            fill(&mut queue.commands);
            queue.waiting.push_back((replies, sender));
            queue.driver.take()
        };
        if let Some(driver) = driver {
            driver.wake();
        }
        Ok(receiver.await?)
    }
}

/// Writes what is queued and reads what comes, until something fails: then all
/// who wait are told so by their channels.
pub(super) async fn drive(line: Arc<Line>, stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut driver = Driver {
        stream,
        writing: Vec::new(),
        written: 0,
        inbox: Inbox::default(),
        waiting: VecDeque::new(),
    };
    let failed = poll_fn(|cx| driver.poll(&line, cx)).await;
    eprintln!("the connection is lost: {failed}");
    line.0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .waiting
        .clear();
}

struct Driver<S> {
    stream: S,
    writing: Vec<u8>,
    written: usize,
    inbox: Inbox,
    waiting: VecDeque<Waiting>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    fn poll(&mut self, line: &Line, cx: &mut Context<'_>) -> Poll<Failure> {
        if let Err(failed) = self.write(line, cx) {
            return Poll::Ready(failed);
        }
        match self.read(cx) {
            Ok(()) => Poll::Pending,
            Err(failed) => Poll::Ready(failed),
        }
    }

    /// Writes until there is nothing left, or no room.
    fn write(&mut self, line: &Line, cx: &mut Context<'_>) -> Result<(), Failure> {
        loop {
            if self.written == self.writing.len() {
                self.writing.clear();
                self.written = 0;
                let mut queue = line.0.lock().unwrap_or_else(PoisonError::into_inner);
                if queue.commands.is_empty() {
                    queue.driver = Some(cx.waker().clone());
                    drop(queue);
                    // Buffered by TLS, perhaps.
                    let _ = Pin::new(&mut self.stream).poll_flush(cx)?;
                    return Ok(());
                }
                std::mem::swap(&mut queue.commands, &mut self.writing);
                self.waiting.append(&mut queue.waiting);
            }
            let rest = &self.writing[self.written..];
            match Pin::new(&mut self.stream).poll_write(cx, rest)? {
                Poll::Ready(0) => return Err("nothing can be written".into()),
                Poll::Ready(len) => self.written += len,
                Poll::Pending => return Ok(()),
            }
        }
    }

    /// Reads until there is nothing left, and gives replies to those who wait.
    fn read(&mut self, cx: &mut Context<'_>) -> Result<(), Failure> {
        loop {
            let bytes = &mut self.inbox.bytes;
            if bytes.capacity() == bytes.len() {
                bytes.reserve(PIECE);
            }
            // It keeps nothing between polls.
            let reading = pin!(self.stream.read_buf(bytes));
            match reading.poll(cx)? {
                Poll::Pending => return Ok(()),
                Poll::Ready(0) => return Err("the server hung up".into()),
                Poll::Ready(_) => {}
            }
            while let Some((replies, _)) = self.waiting.front() {
                let Some(bytes) = self.inbox.take(*replies)? else {
                    break;
                };
                if let Some((_, sender)) = self.waiting.pop_front() {
                    // Whoever waited may be gone.
                    let _ = sender.send(bytes);
                }
            }
        }
    }
}
