use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use slotline_testkit::Node;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::until;

/// One command that the server ran, as MONITOR showed it. Commands that the
/// server refused (MOVED) are not shown: see [`errors`](crate::errors).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The client's address.
    pub address: String,
    /// The command, its name in lower case.
    pub words: Vec<String>,
}

impl Entry {
    /// Whether the command begins so, as `["client", "setname"]`.
    pub fn begins(&self, words: &[&str]) -> bool {
        let own = self.words.iter().map(String::as_str);
        own.zip(words).filter(|(own, word)| own == *word).count() == words.len()
    }

    fn parse(line: &str) -> Option<Entry> {
        let (_, rest) = line.split_once('[')?;
        let (from, command) = rest.split_once("] ")?;
        let address = from.split_once(' ')?.1.to_owned();
        let command = command.strip_prefix('"')?.strip_suffix('"')?;
        let mut words: Vec<String> = command.split("\" \"").map(str::to_owned).collect();
        if let Some(name) = words.first_mut() {
            name.make_ascii_lowercase();
        }
        Some(Entry { address, words })
    }
}

/// Watches everything that one server runs.
pub struct Monitor {
    node: Node,
    seen: Arc<Mutex<Vec<Entry>>>,
    task: JoinHandle<()>,
}

impl Monitor {
    /// Begins to watch; back when the server has agreed.
    ///
    /// # Panics
    /// It cannot be reached.
    pub async fn start(node: &Node) -> Monitor {
        let mut stream = match TcpStream::connect(node.address()).await {
            Ok(stream) => stream,
            Err(error) => panic!("MONITOR at {}: {error}", node.address()),
        };
        if let Err(error) = stream.write_all(b"MONITOR\r\n").await {
            panic!("MONITOR at {}: {error}", node.address());
        }
        let mut lines = BufReader::new(stream).lines();
        assert_eq!(
            lines.next_line().await.unwrap_or_default().as_deref(),
            Some("+OK")
        );
        let seen = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(entry) = Entry::parse(&line) {
                    into.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(entry);
                }
            }
        });
        Monitor {
            node: node.clone(),
            seen,
            task,
        }
    }

    /// What was seen so far, and whatever the server had run when this was called.
    ///
    /// # Panics
    /// The server does not show it.
    pub async fn seen(&self) -> Vec<Entry> {
        let mark = format!("mark:{}", self.copy().len());
        if let Err(error) = self.node.call(&["ECHO", &mark]).await {
            panic!("{error}");
        }
        until("MONITOR shows the mark", async || {
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.iter()
                .rev()
                .any(|entry| entry.begins(&["echo", &mark]))
        })
        .await;
        self.copy()
    }

    /// The same, by client and in order.
    ///
    /// # Panics
    /// As [`seen`](Monitor::seen).
    pub async fn by_client(&self) -> BTreeMap<String, Vec<Entry>> {
        let mut clients: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
        for entry in self.seen().await {
            clients
                .entry(entry.address.clone())
                .or_default()
                .push(entry);
        }
        clients
    }

    fn copy(&self) -> Vec<Entry> {
        let seen = self.seen.lock();
        seen.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.task.abort();
    }
}
