//! A server as small as a test needs it.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use std::io::ErrorKind;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use crate::{Address, Connect, Stream};

pub(crate) const HELLO: &[u8] = b"%4\r\n+server\r\n+redis\r\n+version\r\n+7.0.15\r\n\
    +proto\r\n:3\r\n+mode\r\n+cluster\r\n";
pub(crate) const OK: &[u8] = b"+OK\r\n";

/// One stream after another, from a script.
pub(crate) async fn script<F>(each: impl Fn(usize, TcpStream) -> F + Send + 'static) -> Address
where
    F: Future<Output = ()> + Send + 'static,
{
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        for index in 0.. {
            let Ok((stream, _)) = listener.accept().await else {
                return;
            };
            stream.set_nodelay(true).unwrap();
            tokio::spawn(each(index, stream));
        }
    });
    address
}

/// Reads until `count` whole commands have come.
pub(crate) async fn read_commands(
    stream: &mut (impl AsyncRead + Unpin),
    count: usize,
) -> Vec<Vec<String>> {
    let (mut bytes, mut all) = (Vec::new(), Vec::new());
    while all.len() < count {
        // Byte by byte, so that nothing behind the last one is taken.
        bytes.push(stream.read_u8().await.expect("closed early"));
        all.extend(commands_in(&mut bytes));
    }
    all
}

/// A connector without a network, and the other ends of what it opens: pipes
/// that hold so many bytes.
pub(crate) fn pipes(capacity: usize) -> (impl Connect, mpsc::UnboundedReceiver<DuplexStream>) {
    let (ours, theirs) = mpsc::unbounded_channel();
    let connector = move |_, _| {
        let (near, far) = duplex(capacity);
        let sent = ours.send(far);
        async move {
            sent.map_err(|_| ErrorKind::ConnectionRefused)?;
            Ok(near)
        }
    };
    (connector, theirs)
}

/// Answers a handshake of `count` commands as a server usually does.
pub(crate) async fn shake_hands(stream: &mut impl Stream, count: usize) {
    for command in read_commands(stream, count).await {
        stream.write_all(&usual(&command)).await.unwrap();
    }
}

pub(crate) async fn listen() -> (TcpListener, Address) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().into();
    (listener, address)
}

/// The commands in `bytes` that are whole; they are taken out.
pub(crate) fn commands_in(bytes: &mut Vec<u8>) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    while let Some((command, len)) = command_at(bytes) {
        all.push(command);
        bytes.drain(..len);
    }
    all
}

fn command_at(bytes: &[u8]) -> Option<(Vec<String>, usize)> {
    let mut at = 0;
    let line = |at: &mut usize| {
        let end = bytes[*at..].windows(2).position(|pair| pair == b"\r\n")?;
        let number = std::str::from_utf8(&bytes[*at + 1..*at + end]).unwrap();
        *at += end + 2;
        Some(number.parse::<usize>().unwrap())
    };
    let mut command = Vec::new();
    for _ in 0..line(&mut at)? {
        let len = line(&mut at)?;
        let arg = bytes.get(at..at + len + 2)?;
        command.push(String::from_utf8_lossy(&arg[..len]).into_owned());
        at += len + 2;
    }
    Some((command, at))
}

/// What anything answers that the test does not answer itself.
pub(crate) fn usual(command: &[String]) -> Vec<u8> {
    match command[0].as_str() {
        "HELLO" => HELLO.to_vec(),
        "GET" | "ECHO" => {
            let key = &command[1];
            format!("${}\r\n{key}\r\n", key.len()).into_bytes()
        }
        _ => OK.to_vec(),
    }
}

/// A server that answers each command as a function says; `None` closes.
pub(crate) struct Server {
    pub(crate) address: Address,
    /// Each connection's commands, in order.
    pub(crate) log: Arc<Mutex<Vec<Vec<String>>>>,
    pub(crate) open: Arc<AtomicUsize>,
    kill: watch::Sender<usize>,
}

impl Server {
    pub(crate) async fn start(
        answer: impl Fn(usize, &[String]) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Server {
        let (listener, address) = listen().await;
        let log = Arc::new(Mutex::new(Vec::new()));
        let open = Arc::new(AtomicUsize::new(0));
        let (kill, killed) = watch::channel(0);
        let answer = Arc::new(answer);
        let (shared_log, shared_open) = (Arc::clone(&log), Arc::clone(&open));
        tokio::spawn(async move {
            for index in 0.. {
                let Ok((stream, _)) = listener.accept().await else {
                    return;
                };
                stream.set_nodelay(true).unwrap();
                shared_log.lock().unwrap().push(Vec::new());
                shared_open.fetch_add(1, SeqCst);
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&shared_log));
                let (open, mut killed) = (Arc::clone(&shared_open), killed.clone());
                killed.mark_unchanged();
                tokio::spawn(async move {
                    tokio::select! {
                        () = serve(index, stream, &*answer, &log) => {}
                        _ = killed.changed() => {}
                    }
                    open.fetch_sub(1, SeqCst);
                });
            }
        });
        Server {
            address,
            log,
            open,
            kill,
        }
    }

    /// Closes every connection there is.
    pub(crate) fn kill_clients(&self) {
        self.kill.send_modify(|count| *count += 1);
    }

    /// The first words of what connection `index` sent.
    pub(crate) fn names(&self, index: usize) -> Vec<String> {
        let log = self.log.lock().unwrap();
        let first = |line: &String| line.split(' ').next().unwrap().to_owned();
        log[index].iter().map(first).collect()
    }

    pub(crate) fn dials(&self) -> usize {
        self.log.lock().unwrap().len()
    }
}

type Answer = dyn Fn(usize, &[String]) -> Option<Vec<u8>> + Send + Sync;

async fn serve(
    index: usize,
    mut stream: TcpStream,
    answer: &Answer,
    log: &Mutex<Vec<Vec<String>>>,
) {
    let mut bytes = Vec::new();
    while let Ok(1..) = stream.read_buf(&mut bytes).await {
        for command in commands_in(&mut bytes) {
            log.lock().unwrap()[index].push(command.join(" "));
            let Some(reply) = answer(index, &command) else {
                return;
            };
            if stream.write_all(&reply).await.is_err() {
                return;
            }
        }
    }
}
