//! Leased connections against small servers that the tests script themselves, over
//! pipes and with a clock that stands still.

mod blocking;
mod calling;
mod cancelling;
mod closing;
mod lending;
mod returning;
mod subscribing;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;

use super::server::{commands_in, pipes, usual};
use super::*;
use crate::{Error, Lease, LeaseStatistics};

const SECOND: Duration = Duration::from_secs(1);

/// A server whose every connection answers as a function says: `None` closes, and
/// nothing is no answer.
#[derive(Clone)]
pub(super) struct Peer {
    lines: Arc<Mutex<Vec<Line>>>,
    open: Arc<AtomicUsize>,
}

/// One connection, as the server has it.
struct Line {
    heard: Vec<String>,
    /// What it is to say unasked; nothing at all closes it.
    say: mpsc::UnboundedSender<Vec<u8>>,
}

type Answer = dyn Fn(&Peer, usize, &[String]) -> Option<Vec<u8>> + Send + Sync;

impl Peer {
    /// One that answers everything as [`usual`].
    pub(super) fn usual() -> (PoolBuilder, Peer) {
        Peer::start(|_, _, command| Some(usual(command)))
    }

    pub(super) fn start(
        answer: impl Fn(&Peer, usize, &[String]) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> (PoolBuilder, Peer) {
        let (connector, mut streams) = pipes(1 << 16);
        let peer = Peer {
            lines: Arc::default(),
            open: Arc::default(),
        };
        let answer: Arc<Answer> = Arc::new(answer);
        let own = peer.clone();
        tokio::spawn(async move {
            while let Some(stream) = streams.recv().await {
                let (say, told) = mpsc::unbounded_channel();
                let heard = Vec::new();
                let index = {
                    let mut lines = own.lines.lock().unwrap();
                    lines.push(Line { heard, say });
                    lines.len() - 1
                };
                let (peer, answer) = (own.clone(), Arc::clone(&answer));
                tokio::spawn(async move {
                    peer.open.fetch_add(1, SeqCst);
                    peer.serve(index, stream, told, &*answer).await;
                    peer.open.fetch_sub(1, SeqCst);
                });
            }
        });
        let builder = builder(&Address::new("pipe", 1)).connector(connector);
        (builder, peer)
    }

    async fn serve(
        &self,
        index: usize,
        mut stream: DuplexStream,
        mut told: mpsc::UnboundedReceiver<Vec<u8>>,
        answer: &Answer,
    ) {
        let mut bytes = Vec::new();
        loop {
            tokio::select! {
                biased;
                said = told.recv() => match said {
                    Some(said) if !said.is_empty() => stream.write_all(&said).await.unwrap(),
                    _ => return,
                },
                read = stream.read_buf(&mut bytes) => {
                    let Ok(1..) = read else { return };
                    for command in commands_in(&mut bytes) {
                        self.lines.lock().unwrap()[index].heard.push(command.join(" "));
                        let Some(reply) = answer(self, index, &command) else { return };
                        if stream.write_all(&reply).await.is_err() {
                            return;
                        }
                    }
                }
            }
        }
    }

    /// What connection `index` has said, its recipe left out.
    pub(super) fn heard(&self, index: usize) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        let recipe = ["HELLO", "CLIENT SETINFO"];
        let all = lines[index].heard.iter();
        let after = all.skip_while(|line| recipe.iter().any(|it| line.starts_with(it)));
        after.cloned().collect()
    }

    /// Says something unasked.
    pub(super) fn say(&self, index: usize, bytes: &str) {
        let lines = self.lines.lock().unwrap();
        lines[index].say.send(bytes.into()).unwrap();
    }

    /// Closes a connection.
    pub(super) fn hang_up(&self, index: usize) {
        self.say(index, "");
    }

    /// How many connections there have been, and how many are open.
    pub(super) fn connections(&self) -> (usize, usize) {
        let all = self.lines.lock().unwrap().len();
        (all, self.open.load(SeqCst))
    }
}

/// What HELLO answers where it tells the connection's number.
fn hello(id: usize) -> Vec<u8> {
    format!("%3\r\n+server\r\n+redis\r\n+proto\r\n:3\r\n+id\r\n:{id}\r\n").into_bytes()
}

async fn lease(pool: &Pool) -> Lease {
    pool.lease(soon()).await.unwrap()
}

/// Asks one thing after another in one batch.
async fn ask(lease: &mut Lease, lines: &[&str]) -> Vec<String> {
    texts(&lease.call(words(lines), soon()).await)
}

/// Waits until the background has done what it can do without time passing.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

fn counts(pool: &Pool) -> LeaseStatistics {
    pool.statistics().leases
}

/// Connections in use, idle and in the making, and callers that wait.
fn state(pool: &Pool) -> (usize, usize, usize, usize) {
    let counts = counts(pool);
    assert_eq!(counts.tidying, 0);
    (counts.in_use, counts.idle, counts.dialling, counts.waiting)
}
