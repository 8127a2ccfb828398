//! Streams of every kind: sockets, pipes, the user's own.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use tokio::io::duplex;
use tokio::net::TcpStream;

use super::server::{Server, shake_hands, usual};
use super::*;
use crate::dial::Socket;
use crate::{Connect, Connecting, Network, Stream};

/// A connector that is more than a closure.
struct Pipe {
    dials: Arc<AtomicUsize>,
}

impl Connect for Pipe {
    fn connect(&self, address: Address, deadline: Instant) -> Connecting {
        assert_eq!(address.host(), Some("pipe"));
        assert!(deadline > Instant::now());
        self.dials.fetch_add(1, SeqCst);
        Box::pin(async {
            let (near, mut far) = duplex(16);
            tokio::spawn(async move {
                loop {
                    shake_hands(&mut far, 1).await;
                }
            });
            let near: Box<dyn Stream> = Box::new(near);
            Ok(near)
        })
    }
}

#[tokio::test]
async fn a_pool_runs_over_whatever_its_connector_gives() {
    let dials = Arc::new(AtomicUsize::new(0));
    let pipe = Pipe {
        dials: Arc::clone(&dials),
    };
    let pool = builder(&Address::new("pipe", 1)).connector(pipe).build();
    let long = "x".repeat(1000);
    let requests: Vec<_> = (0..20)
        .map(|_| send(&pool, &["GET k", &format!("GET {long}")]))
        .collect();
    for request in requests {
        assert_eq!(texts(&request.await), ["k", long.as_str()]);
    }
    assert_eq!(dials.load(SeqCst), 1);
}

#[tokio::test]
async fn a_connector_that_says_no_is_not_asked_for_ever() {
    for (kind, is_network) in [
        (io::ErrorKind::InvalidInput, false),
        (io::ErrorKind::Unsupported, false),
        (io::ErrorKind::ConnectionRefused, true),
        (io::ErrorKind::NotFound, true),
        (io::ErrorKind::Other, true),
    ] {
        let refuse = move |_, _| async move { Err::<TcpStream, _>(io::Error::from(kind)) };
        let pool = builder(&Address::new("nowhere", 1))
            .connector(refuse)
            .build();
        let error = pool.connect().await.unwrap_err();
        assert_eq!(error.step(), Some("connect"));
        assert_eq!(error.is_network(), is_network, "{error}");
        if !is_network {
            // Nobody waits until the deadline.
            let answer = send(&pool, &["GET k"]).await;
            assert_eq!(fates(&answer, 1), "-");
            assert!(answer.failure.unwrap().error.is_handshake());
        }
    }
}

/// A socket is known for one through the box that it comes in, since sockets can
/// be written to directly.
#[tokio::test]
async fn sockets_are_known_for_what_they_are() {
    let server = Server::start(|_, command| Some(usual(command))).await;
    let address = server.address.to_string();
    let boxed: Box<dyn Stream> = Box::new(TcpStream::connect(&address).await.unwrap());
    assert!(matches!(Socket::from(boxed), Socket::Tcp(..)));
    #[cfg(unix)]
    {
        let (near, _far) = tokio::net::UnixStream::pair().unwrap();
        let boxed: Box<dyn Stream> = Box::new(near);
        assert!(matches!(Socket::from(boxed), Socket::Unix(..)));
    }
    let boxed: Box<dyn Stream> = Box::new(duplex(1).0);
    assert!(matches!(Socket::from(boxed), Socket::Other(_)));
}

/// The resolver is asked at every dial, and all that it gives is tried (D11).
#[tokio::test]
async fn a_name_that_moves_is_followed_at_the_next_dial() {
    let (old, new) = (
        Server::start(|_, command| Some(usual(command))).await,
        Server::start(|_, command| Some(usual(command))).await,
    );
    let dead = super::server::listen().await.1;
    let ip = |address: &Address| address.to_string().parse::<SocketAddr>().unwrap();
    let now = Arc::new(Mutex::new(vec![ip(&dead), ip(&old.address)]));
    let asked = Arc::clone(&now);
    let network = Network::new().resolver(move |address: Address| {
        assert_eq!(address, Address::new("db.internal", 6379));
        let found = asked.lock().unwrap().clone();
        async { Ok(found) }
    });
    let pool = builder(&Address::new("db.internal", 6379))
        .connector(network)
        .build();
    assert_eq!(texts(&send(&pool, &["GET k"]).await), ["k"]);
    assert_eq!((old.dials(), new.dials()), (1, 0));

    *now.lock().unwrap() = vec![ip(&dead), ip(&new.address)];
    old.kill_clients();
    while pool.statistics().connections_lost == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(texts(&send(&pool, &["GET k"]).await), ["k"]);
    assert_eq!((old.dials(), new.dials()), (1, 1));

    *now.lock().unwrap() = Vec::new();
    new.kill_clients();
    let error = loop {
        if let Err(error) = pool.connect().await {
            break error;
        }
        tokio::task::yield_now().await;
    };
    assert!(error.to_string().contains("no address"), "{error}");
}

#[cfg(unix)]
mod unix {
    use tokio::io::{AsyncWriteExt, BufReader};
    use tokio::net::UnixListener;

    use super::super::server::read_commands;
    use super::*;

    #[tokio::test]
    async fn a_unix_socket_is_an_address_like_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.sock");
        let address = Address::unix(&path);
        let pool = builder(&address).build();
        let error = pool.connect().await.unwrap_err();
        assert!(error.is_network(), "a server may be about to make it");
        let shown = format!("unix:{}: connect", path.display());
        assert!(error.to_string().starts_with(&shown), "{error}");

        let listener = UnixListener::bind(&path).unwrap();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let mut stream = BufReader::new(stream);
                let mut goes_on = true;
                while goes_on {
                    let command = read_commands(&mut stream, 1).await.remove(0);
                    goes_on = command[0] != "DEL";
                    stream.write_all(&usual(&command)).await.unwrap();
                }
            }
        });
        let large = "x".repeat(1 << 18);
        for dials in 1..4 {
            let lines = ["GET a", &format!("GET {large}"), "GET b", "DEL c"];
            let answer = send(&pool, &lines).await;
            assert_eq!(texts(&answer), ["a", large.as_str(), "b", "OK"]);
            // The server closes behind its last answer.
            while pool.statistics().connections_lost < dials {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn a_path_that_no_socket_can_have_is_refused() {
        let address = Address::unix(format!("/{}", "x".repeat(200)));
        let pool = builder(&address).build();
        let error = pool.connect().await.unwrap_err();
        assert_eq!((error.step(), error.is_network()), (Some("connect"), false));
    }
}
