//! What every node answers: whole commands in, replies out, nothing stored.

use std::sync::Arc;

use crate::layout::Layout;
use crate::wire::{bulk, command, header};

/// The answers of one connection.
pub struct Node {
    pub(crate) layout: Arc<Layout>,
    /// What has come of a command that is not whole yet.
    begun: Vec<u8>,
    /// What is still to be read.
    pub replies: Vec<u8>,
}

/// What a GET brings.
const VALUE: [u8; 64] = [b'x'; 64];

impl Node {
    /// A connection's other end, in such a cluster.
    #[must_use]
    pub fn new(layout: Arc<Layout>) -> Node {
        Node {
            layout,
            begun: Vec::new(),
            replies: Vec::new(),
        }
    }

    /// Takes in what a client has sent.
    #[inline(never)]
    pub fn take(&mut self, bytes: &[u8]) {
        if !self.begun.is_empty() {
            self.begun.extend_from_slice(bytes);
            let begun = std::mem::take(&mut self.begun);
            let whole = self.answer_all(&begun);
            self.begun = begun.get(whole..).unwrap_or_default().to_vec();
            return;
        }
        let whole = self.answer_all(bytes);
        self.begun
            .extend_from_slice(bytes.get(whole..).unwrap_or_default());
    }

    /// Answers what is whole; tells how many bytes that was.
    fn answer_all(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while let Some((command, after)) = command(rest) {
            self.answer(command);
            rest = after;
        }
        bytes.len() - rest.len()
    }

    fn answer(&mut self, [name, first]: [&[u8]; 2]) {
        match (name, first) {
            (b"GET", _) if self.layout.is_silent => {}
            (b"GET", _) => bulk(&mut self.replies, &VALUE),
            (b"HGETALL", _) => {
                header(&mut self.replies, b'%', 100);
                for field in 0..100_u8 {
                    let name = [b'f', b'0' + field / 10, b'0' + field % 10];
                    bulk(&mut self.replies, &name);
                    bulk(&mut self.replies, &VALUE);
                }
            }
            (b"HELLO", _) => {
                header(&mut self.replies, b'%', 4);
                for (key, value) in [
                    ("server", "redis"),
                    ("version", "7.0.0"),
                    ("mode", "cluster"),
                ] {
                    bulk(&mut self.replies, key.as_bytes());
                    bulk(&mut self.replies, value.as_bytes());
                }
                bulk(&mut self.replies, b"proto");
                header(&mut self.replies, b':', 3);
            }
            (b"CLUSTER", b"SLOTS") => self.replies.extend_from_slice(&self.layout.slots),
            (b"CLUSTER", b"NODES") => self.replies.extend_from_slice(&self.layout.nodes),
            (b"CLUSTER" | b"INFO", _) => self.replies.extend_from_slice(b"-ERR unknown\r\n"),
            _ => self.replies.extend_from_slice(b"+OK\r\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_answered_however_they_are_cut() {
        let sent = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n";
        let layout = Arc::new(Layout::new(3, 3));
        for cut in 0..sent.len() {
            let mut node = Node::new(Arc::clone(&layout));
            node.take(&sent[..cut]);
            node.take(&sent[cut..]);
            let expected = [&b"$64\r\n"[..], &VALUE, b"\r\n+OK\r\n"].concat();
            assert_eq!(node.replies, expected);
        }
    }
}
