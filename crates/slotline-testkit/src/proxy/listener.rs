//! The task that listens, and that owns the task of every connection.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::faults::Cut;
use super::link::{Link, refuse, serve};
use super::registry::{OnConnect, Registry};

/// How many connections may wait for being accepted.
const BACKLOG: u32 = 1024;

/// Opens sockets as the test wants them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sockets {
    /// SO_RCVBUF and SO_SNDBUF in bytes; the system's own choice if none.
    pub(super) buffers: Option<u32>,
}

impl Sockets {
    fn open(self, like: SocketAddr) -> io::Result<TcpSocket> {
        let socket = match like {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // Before listening and connecting: the window is agreed on then, and
        // connections that are accepted inherit it.
        if let Some(bytes) = self.buffers {
            socket.set_recv_buffer_size(bytes)?;
            socket.set_send_buffer_size(bytes)?;
        }
        Ok(socket)
    }

    pub(super) fn listen(self, address: SocketAddr) -> io::Result<TcpListener> {
        let socket = self.open(address)?;
        // Connections of before may still be in the system's books.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    }

    async fn connect(self, address: SocketAddr) -> io::Result<TcpStream> {
        let stream = self.open(address)?.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// Accepts until it is told to close. Dropping the future ends every connection.
pub(super) async fn listen(registry: Arc<Registry>, listener: TcpListener, sockets: Sockets) {
    let mut task = Listening {
        registry: &registry,
        listener: Some(listener),
        sockets,
        connections: JoinSet::new(),
    };
    poll_fn(|cx| task.poll(cx)).await;
    task.listener = None;
    task.connections.shutdown().await;
}

struct Listening<'a> {
    registry: &'a Arc<Registry>,
    listener: Option<TcpListener>,
    sockets: Sockets,
    connections: JoinSet<()>,
}

impl Listening<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (is_to_listen, is_closing) = self
            .registry
            .look(cx, |state| (state.is_to_listen, state.is_closing));
        if is_closing {
            return Poll::Ready(());
        }
        self.listen(is_to_listen);
        while let Poll::Ready(Some(_)) = self.connections.poll_join_next(cx) {}
        while let Some(listener) = &self.listener {
            match listener.poll_accept(cx) {
                Poll::Pending => break,
                Poll::Ready(Ok((client, address))) => self.accepted(client, address),
                // The client has gone again, or there are too many open files: in
                // either case there may be others who wait.
                Poll::Ready(Err(_)) => {
                    cx.waker().wake_by_ref();
                    break;
                }
            }
        }
        Poll::Pending
    }

    /// Begins or ends to listen, if that is not as it should be.
    fn listen(&mut self, is_to_listen: bool) {
        let mut failure = None;
        match &self.listener {
            Some(_) if !is_to_listen => self.listener = None,
            None if is_to_listen => match self.sockets.listen(self.registry.address()) {
                Ok(listener) => self.listener = Some(listener),
                Err(error) => failure = Some(error),
            },
            _ => return,
        }
        let is_listening = self.listener.is_some();
        self.registry.with(|state| {
            state.is_listening = is_listening;
            state.is_to_listen &= failure.is_none();
            state.failure = failure;
        });
    }

    fn accepted(&mut self, client: TcpStream, address: SocketAddr) {
        let _ = client.set_nodelay(true);
        let (link, on_connect) = self.registry.add(address);
        let backend = self.registry.quietly(|state| state.backend);
        match on_connect {
            OnConnect::Refuse(how) => self.connections.spawn(refuse(link, client, how)),
            OnConnect::StaySilent => self.connections.spawn(serve(link, client, None)),
            OnConnect::Forward => {
                let registry = Arc::clone(self.registry);
                let forwarded = forward(registry, link, client, backend, self.sockets);
                self.connections.spawn(forwarded)
            }
        };
    }
}

async fn forward(
    registry: Arc<Registry>,
    link: Arc<Link>,
    client: TcpStream,
    backend: SocketAddr,
    sockets: Sockets,
) {
    match sockets.connect(backend).await {
        Ok(server) => serve(link, client, Some(server)).await,
        Err(_) => {
            registry.with(|state| state.unreachable += 1);
            refuse(link, client, Cut::Reset).await;
        }
    }
}
