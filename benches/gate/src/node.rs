//! What every node answers: whole commands in, replies out, nothing stored.

/// The answers of one connection.
#[derive(Default)]
pub(crate) struct Node {
    /// What has come of a command that is not whole yet.
    begun: Vec<u8>,
    /// What is still to be read.
    pub(crate) replies: Vec<u8>,
}

/// What a GET brings.
const VALUE: [u8; 64] = [b'x'; 64];

/// How many nodes there are; the slots are shared out among them.
const NODES: usize = 3;

impl Node {
    /// Takes in what a client has sent.
    #[inline(never)]
    pub(crate) fn take(&mut self, bytes: &[u8]) {
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
            (b"GET", _) => self.bulk(&VALUE),
            (b"HGETALL", _) => {
                self.header(b'%', 100);
                for field in 0..100_u8 {
                    let name = [b'f', b'0' + field / 10, b'0' + field % 10];
                    self.bulk(&name);
                    self.bulk(&VALUE);
                }
            }
            (b"HELLO", _) => {
                self.header(b'%', 4);
                for (key, value) in [
                    ("server", "redis"),
                    ("version", "7.0.0"),
                    ("mode", "cluster"),
                ] {
                    self.bulk(key.as_bytes());
                    self.bulk(value.as_bytes());
                }
                self.bulk(b"proto");
                self.header(b':', 3);
            }
            (b"CLUSTER", b"SLOTS") => {
                self.header(b'*', NODES);
                for node in 0..NODES {
                    self.header(b'*', 3);
                    self.header(b':', first_slot(node));
                    self.header(b':', first_slot(node + 1) - 1);
                    self.header(b'*', 3);
                    self.bulk(host(node).as_bytes());
                    self.header(b':', 7000);
                    self.bulk(format!("{node:040}").as_bytes());
                }
            }
            (b"CLUSTER", b"NODES") => {
                let lines = (0..NODES).map(|node| {
                    let (host, epoch) = (host(node), node + 1);
                    let (first, last) = (first_slot(node), first_slot(node + 1) - 1);
                    format!(
                        "{node:040} {host}:7000@17000 master - 0 0 {epoch} connected {first}-{last}\n"
                    )
                });
                self.bulk(lines.collect::<String>().as_bytes());
            }
            (b"CLUSTER" | b"INFO", _) => self.replies.extend_from_slice(b"-ERR unknown\r\n"),
            _ => self.replies.extend_from_slice(b"+OK\r\n"),
        }
    }

    /// Nothing that allocates: allocations are counted.
    fn header(&mut self, kind: u8, number: usize) {
        let mut digits = [b'0'; 20];
        let mut first = digits.len() - 1;
        let mut left = number / 10;
        digits[first] += (number % 10) as u8;
        while left > 0 {
            first -= 1;
            digits[first] += (left % 10) as u8;
            left /= 10;
        }
        self.replies.push(kind);
        self.replies.extend_from_slice(&digits[first..]);
        self.replies.extend_from_slice(b"\r\n");
    }

    fn bulk(&mut self, bytes: &[u8]) {
        self.header(b'$', bytes.len());
        self.replies.extend_from_slice(bytes);
        self.replies.extend_from_slice(b"\r\n");
    }
}

fn host(node: usize) -> String {
    format!("10.0.0.{}", node + 1)
}

fn first_slot(node: usize) -> usize {
    node * 16_384 / NODES
}

/// The first two words of a whole command, and what is behind it.
fn command(bytes: &[u8]) -> Option<([&[u8]; 2], &[u8])> {
    let mut words = [&b""[..]; 2];
    let (count, mut rest) = line(bytes)?;
    for index in 0..count {
        let (len, after) = line(rest)?;
        let word = after.get(..len)?;
        rest = after.get(len + 2..)?;
        if let Some(place) = words.get_mut(index) {
            *place = word;
        }
    }
    Some((words, rest))
}

/// The number behind the first byte, and what is behind the line.
fn line(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let digits = bytes.get(1..end.checked_sub(1)?)?;
    let number = digits
        .iter()
        .fold(0, |number, digit| number * 10 + usize::from(digit - b'0'));
    Some((number, bytes.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_answered_however_they_are_cut() {
        let sent = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n";
        for cut in 0..sent.len() {
            let mut node = Node::default();
            node.take(&sent[..cut]);
            node.take(&sent[cut..]);
            let expected = [&b"$64\r\n"[..], &VALUE, b"\r\n+OK\r\n"].concat();
            assert_eq!(node.replies, expected);
        }
    }
}
