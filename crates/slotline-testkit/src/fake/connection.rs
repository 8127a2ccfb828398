//! One connection: bytes in, bytes out, and the time that it takes.

use std::ops::ControlFlow;

use bytes::BytesMut;
use slotline_resp::{CommandDecoder, Limits, ReplyBuffer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::FakeCluster;
use super::world::Session;

/// Serves a connection that is open until either side ends it.
pub(super) async fn serve<S>(cluster: FakeCluster, port: u16, number: u64, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Also if this future is dropped.
    let _open = Open(cluster.clone(), number);
    let session = Session::new(port, number);
    let mut connection = Connection {
        replies: ReplyBuffer::new(session.protocol),
        session,
        stream,
        decoder: CommandDecoder::new(Limits::default()),
        buffer: BytesMut::new(),
        cluster: cluster.clone(),
        left: 0,
    };
    let ended = cluster.until(|state| state.lines.is_cut(number).then_some(()));
    tokio::select! {
        biased;
        () = ended => cluster.state().world.count("cut"),
        _ = connection.run() => {}
    }
}

struct Open(FakeCluster, u64);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.state().lines.close(self.1);
    }
}

struct Connection<S> {
    cluster: FakeCluster,
    stream: S,
    decoder: CommandDecoder,
    buffer: BytesMut,
    session: Session,
    replies: ReplyBuffer,
    /// Commands left in this turn.
    left: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Until the connection ends, one way or another.
    async fn run(&mut self) -> ControlFlow<()> {
        loop {
            let number = self.session.connection;
            let cluster = self.cluster.clone();
            let spoken_to = cluster.until(|state| state.lines.has_injected(number).then_some(()));
            let read = tokio::select! {
                biased;
                read = self.stream.read_buf(&mut self.buffer) => Some(read),
                // Only while nobody waits for a reply, who could not tell.
                () = spoken_to, if self.buffer.is_empty() => None,
            };
            let Some(read) = read else {
                self.flush().await?;
                continue;
            };
            let Some(arrived) = read.ok().filter(|arrived| *arrived > 0) else {
                return ControlFlow::Break(());
            };
            self.is_running().await;
            let is_cut = {
                let mut state = self.cluster.state();
                state.lines.take_in(number, &mut self.buffer, arrived)
            };
            self.answer().await?;
            if is_cut {
                // What has arrived ran; nobody hears of it.
                self.cluster.state().world.count("cut in commands");
                return ControlFlow::Break(());
            }
            if !self.replies.is_empty() {
                self.flush().await?;
            }
        }
    }

    /// Waits while the node stands still.
    async fn is_running(&self) {
        let number = self.session.connection;
        let running = |state: &super::State| (!state.lines.is_held(number)).then_some(());
        self.cluster.until(running).await;
    }

    /// Answers all whole commands that have arrived.
    async fn answer(&mut self) -> ControlFlow<()> {
        self.left = 0;
        loop {
            let command = match self.decoder.decode(&mut self.buffer) {
                Ok(Some(command)) => command,
                Ok(None) => return ControlFlow::Continue(()),
                Err(error) => {
                    self.replies.error(format!("ERR Protocol error: {error}"));
                    self.flush().await?;
                    return ControlFlow::Break(());
                }
            };
            if self.left == 0 {
                let (time, commands) = {
                    let mut state = self.cluster.state();
                    state.lines.next_turn(self.session.node)
                };
                if !time.is_zero() {
                    tokio::time::sleep(time).await;
                    self.is_running().await;
                }
                self.left = commands;
            }
            self.left -= 1;
            let now = self.cluster.now();
            let (session, replies) = (&mut self.session, &mut self.replies);
            {
                let mut state = self.cluster.state();
                state.world.answer(now, session, &command, replies);
            }
            if self.session.is_over {
                self.flush().await?;
                return ControlFlow::Break(());
            }
        }
    }

    /// Sends the replies so far, or what becomes of them.
    async fn flush(&mut self) -> ControlFlow<()> {
        let mut bytes = BytesMut::from(self.replies.as_bytes());
        self.replies.clear();
        let passed = {
            let mut state = self.cluster.state();
            let passed = state.lines.let_out(self.session.connection, &mut bytes);
            for count in &passed.counts {
                state.world.count(count);
            }
            passed
        };
        let written = self.stream.write_all(&bytes).await;
        if written.is_err() || passed.is_cut {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}
