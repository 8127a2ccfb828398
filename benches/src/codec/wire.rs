//! The bytes of each workload, prepared before anything is measured.

use std::fmt::Write as _;

use bytes::Bytes;

use super::workload::Workload;

/// Commands of a workload that encodes.
const COMMANDS: usize = 1_000;
/// The nested map: so many maps, of so many pairs each.
const MAPS: usize = 10;
const PAIRS: usize = 100;

/// The input of one case.
#[derive(Clone, Debug)]
pub struct Wire {
    /// What arrives, or for encoding what is to come out.
    pub bytes: Bytes,
    /// In pieces of how many bytes it arrives; all at once if `None`.
    pub piece: Option<usize>,
    /// Replies, elements, bytes or commands: what the figures are divided by.
    pub units: u64,
    /// The keys of commands.
    pub keys: Vec<String>,
    /// The value of each SET.
    pub value: Vec<u8>,
}

impl Wire {
    /// The input of `workload`, or of a shorter one like it if `most` is less
    /// than the number of its elements.
    #[must_use]
    pub fn new(workload: Workload, most: usize) -> Self {
        let (bytes, piece, units) = match workload {
            Workload::Replies => (bulk(64).repeat(10_000), Some(16 << 10), 10_000),
            Workload::Array => {
                let all = [b"*1000\r\n", &*bulk(64).repeat(1_000)].concat();
                (all, None, 1_000)
            }
            Workload::Map => (maps().into_bytes(), None, MAPS * (1 + 2 * PAIRS)),
            Workload::Bulk => (bulk(16 << 20), Some(16 << 10), 16 << 20),
            Workload::Integers => {
                let count = most.min(100_000);
                (integers(count).into_bytes(), Some(1 << 10), count)
            }
            Workload::Get | Workload::Set | Workload::Pipeline => {
                (commands(workload).into_bytes(), None, COMMANDS)
            }
        };
        Self {
            bytes: bytes.into(),
            piece,
            units: units as u64,
            keys: (0..COMMANDS).map(key).collect(),
            value: vec![b'x'; 64],
        }
    }

    /// The pieces in which it arrives.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.chunks(self.piece.unwrap_or(usize::MAX))
    }
}

fn key(index: usize) -> String {
    format!("key:{index:08}")
}

fn bulk(len: usize) -> Vec<u8> {
    let mut bulk = format!("${len}\r\n").into_bytes();
    bulk.resize(bulk.len() + len, b'x');
    bulk.extend_from_slice(b"\r\n");
    bulk
}

fn text(out: &mut String, text: &str) {
    let _ = write!(out, "${}\r\n{text}\r\n", text.len());
}

fn maps() -> String {
    let mut out = format!("%{MAPS}\r\n");
    for map in 0..MAPS {
        text(&mut out, &format!("key:{map}"));
        let _ = write!(out, "%{PAIRS}\r\n");
        for pair in 0..PAIRS {
            text(&mut out, &format!("field:{pair}"));
            text(&mut out, &format!("value:{pair}"));
        }
    }
    out
}

fn integers(count: usize) -> String {
    let mut out = format!("*{count}\r\n");
    for n in 0..count {
        let _ = write!(out, ":{n}\r\n");
    }
    out
}

fn commands(workload: Workload) -> String {
    let mut out = String::new();
    for index in 0..COMMANDS {
        let key = key(index);
        if workload == Workload::Get {
            out.push_str("*2\r\n");
            text(&mut out, "GET");
            text(&mut out, &key);
        } else {
            out.push_str("*3\r\n");
            text(&mut out, "SET");
            text(&mut out, &key);
            text(&mut out, &"x".repeat(64));
        }
    }
    out
}
