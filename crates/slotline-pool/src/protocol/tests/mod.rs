//! The protocol state with made-up bytes and a made-up clock: no runtime.

mod bounds;
mod memory;
mod order;
mod own;

use std::task::Waker;
use std::time::Duration;

use slotline_resp::{CommandBuffer, Commands, Limits};
use tokio::time::Instant;

use super::*;
use crate::address::Address;
use crate::error::Error;

/// A protocol, and a server that answers each ECHO that has been written whole.
struct Line {
    protocol: Protocol,
    inbox: Inbox,
    written: Vec<u8>,
    answered: usize,
    start: Instant,
}

fn roomy() -> Bounds {
    Bounds {
        commands: 1000,
        bytes: 1 << 20,
        refuse: false,
        writes: None,
    }
}

fn gone() -> Error {
    Error::lost(&Address::new("node", 1), "in a test", None)
}

/// `ECHO` of each text.
fn echoes(texts: &[&str]) -> Commands {
    let mut buffer = CommandBuffer::new();
    for text in texts {
        buffer.begin_named("ECHO").arg(*text);
    }
    buffer.freeze()
}

impl Line {
    fn new(bounds: Bounds) -> Line {
        Line {
            protocol: Protocol::new(bounds),
            inbox: Inbox::new(Limits::default()),
            written: Vec::new(),
            answered: 0,
            start: Instant::now(),
        }
    }

    fn after(&self, seconds: u64) -> Instant {
        self.start + Duration::from_secs(seconds)
    }

    fn send(&mut self, texts: &[&str]) -> Ticket {
        self.send_until(texts, 1000)
    }

    fn send_until(&mut self, texts: &[&str], seconds: u64) -> Ticket {
        let deadline = self.after(seconds);
        let commands = echoes(texts);
        let ticket = self.protocol.submit(&commands, deadline, WhileAway::Wait);
        ticket.unwrap()
    }

    /// Lets the socket take up to `most` bytes, in one write.
    fn write(&mut self, most: usize) -> usize {
        let Some(chunk) = self.protocol.take() else {
            return 0;
        };
        let bytes = chunk.to_vec();
        let taken = bytes.len().min(most);
        self.written.extend_from_slice(&bytes[..taken]);
        self.protocol.put_back(chunk, taken);
        taken
    }

    fn write_all(&mut self) {
        while self.write(usize::MAX) > 0 {}
    }

    /// What the server answers to what it has got whole and not answered yet.
    fn answers(&mut self) -> Vec<u8> {
        let mut answers = Vec::new();
        let got = self.echoes_got();
        for text in &got[self.answered..] {
            answers.extend_from_slice(format!("${}\r\n{text}\r\n", text.len()).as_bytes());
        }
        self.answered = got.len();
        answers
    }

    /// The texts of the ECHOs that the server has got whole.
    fn echoes_got(&self) -> Vec<String> {
        let text = String::from_utf8(self.written.clone()).unwrap();
        let whole = text.split("*2\r\n$4\r\nECHO\r\n").skip(1);
        whole
            .filter_map(|rest| {
                let (len, rest) = rest.strip_prefix('$')?.split_once("\r\n")?;
                let (body, end) = (rest.get(..len.parse().ok()?)?, len.parse::<usize>().ok()?);
                rest.get(end..end + 2)?;
                Some(body.to_owned())
            })
            .collect()
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<(), Unsolicited> {
        self.inbox.room().extend_from_slice(bytes);
        self.inbox.scan().unwrap();
        self.protocol.distribute(&mut self.inbox, false)
    }

    fn answer_all(&mut self) {
        let answers = self.answers();
        self.feed(&answers).unwrap();
    }

    fn outcome(&mut self, ticket: Ticket) -> Option<Outcome> {
        self.protocol.poll(ticket, Waker::noop())
    }

    /// The replies of a request, in which nothing must have been lost.
    fn texts(&mut self, ticket: Ticket) -> Vec<String> {
        let outcome = self.outcome(ticket).expect("no outcome yet");
        assert!(outcome.loss.is_none(), "{:?}", outcome.loss);
        let replies = &outcome.replies;
        (0..replies.len())
            .map(|index| replies.decode(index).unwrap().unwrap())
            .collect()
    }

    /// How many replies came, and what is known of the bytes of the rest.
    fn loss(&mut self, ticket: Ticket) -> (usize, Written) {
        let outcome = self.outcome(ticket).expect("no outcome yet");
        (outcome.replies.len(), outcome.loss.unwrap().written)
    }

    fn expire(&mut self, seconds: u64) {
        let now = self.after(seconds);
        let error = |waiting| Error::deadline(&Address::new("node", 1), waiting, None);
        self.protocol.expire(now, error);
    }

    /// Nothing is held any more.
    fn assert_clean(&mut self) {
        self.write_all();
        self.protocol.drop_finished();
        let protocol = &self.protocol;
        assert_eq!(protocol.load(), (0, 0, 0));
        assert_eq!((protocol.owed, protocol.dead_bytes), (0, 0));
        assert_eq!(protocol.slots.len(), 0, "slots leak");
        assert_eq!((protocol.batches.len(), protocol.touched), (0, 0));
        assert!(protocol.pending.is_empty() && protocol.outbox.is_empty());
    }
}
