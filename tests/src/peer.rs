use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::until;

/// Waits until the client has said something; `None` if it has gone.
pub async fn heard(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = [0; 4096];
    let count = stream.read(&mut bytes).await.ok()?;
    let said = bytes.get(..count).filter(|said| !said.is_empty())?;
    Some(said.to_vec())
}

/// A listener of a test's own, for what no real server does.
pub struct Peer {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Peer {
    /// Listens on a free port and gives each connection to `serve`; when that
    /// returns, whatever the client still sends is read until it closes.
    ///
    /// # Panics
    /// There is no free port.
    pub async fn start<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Peer
    where
        F: Future<Output = Option<TcpStream>> + Send + 'static,
    {
        let listener = match TcpListener::bind("127.0.0.1:0").await {
            Ok(listener) => listener,
            Err(error) => panic!("no free port: {error}"),
        };
        let address = match listener.local_addr() {
            Ok(address) => address,
            Err(error) => panic!("no address: {error}"),
        };
        let (accepted, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counts = (Arc::clone(&accepted), Arc::clone(&open));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counts.0.fetch_add(1, Ordering::SeqCst);
                counts.1.fetch_add(1, Ordering::SeqCst);
                let (served, open) = (serve(stream), Arc::clone(&counts.1));
                tokio::spawn(async move {
                    if let Some(mut stream) = served.await {
                        let mut bytes = [0; 4096];
                        while stream.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
                    }
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Peer {
            address,
            accepted,
            open,
            task,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `redis://ADDRESS`.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// How many connections it has taken.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Waits until it has seen the end of every connection.
    ///
    /// # Panics
    /// One stays open.
    pub async fn is_left_alone(&self) {
        let open = async || self.open.load(Ordering::SeqCst) == 0;
        until("the client has closed every connection", open).await;
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}
