//! What a meddler does to commands and replies, as plain data.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use slotline_resp::ReceivedCommand;

use super::Defect;
use crate::run::PASSWORD;

/// What goes to the server, and what to the client.
type Moves = (Vec<Bytes>, Vec<Bytes>);

/// Of what it may spoil, it spoils one in so many.
const EACH: usize = 12;

/// Between a client and a node.
pub(super) struct Meddler {
    defect: Defect,
    pending: VecDeque<Pending>,
    /// How often it could have done something.
    chances: usize,
    /// A reply that waits for the next.
    held: Option<Bytes>,
    /// Logs as they were read, the older first.
    read: BTreeMap<Bytes, VecDeque<Bytes>>,
    was_asking: bool,
    /// What the first half of a torn transaction was answered with.
    half: Option<Bytes>,
}

/// A command under way.
struct Pending {
    command: Option<ReceivedCommand>,
    /// Nobody waits for its reply.
    drops: bool,
    /// Its reply goes behind the next one's.
    waits: bool,
    /// What the client is told instead.
    instead: Option<Bytes>,
    /// It ends the first half of a transaction.
    is_half: bool,
}

impl Meddler {
    pub(super) fn new(defect: Defect) -> Meddler {
        Meddler {
            defect,
            pending: VecDeque::new(),
            chances: 0,
            held: None,
            read: BTreeMap::new(),
            was_asking: false,
            half: None,
        }
    }

    /// Whether it is time to do something again.
    fn strikes(&mut self) -> bool {
        self.chances += 1;
        self.chances.is_multiple_of(EACH)
    }

    /// Writes whose replies have not come.
    pub(super) fn unanswered_writes(&self) -> Vec<Bytes> {
        let commands = self.pending.iter().filter_map(|it| it.command.as_ref());
        let writes = commands.filter(|command| is_write(command));
        writes.map(|command| command.as_bytes().clone()).collect()
    }

    pub(super) fn commands(&mut self, mut commands: Vec<ReceivedCommand>) -> Moves {
        let (mut up, mut down) = (Vec::new(), Vec::new());
        let swapped = match self.defect {
            Defect::OrderBroken => self.swap(&mut commands),
            _ => None,
        };
        for (at, command) in commands.into_iter().enumerate() {
            let name = command.info().name;
            let after_asking = std::mem::replace(&mut self.was_asking, name == "ASKING");
            let defect = self.defect;
            match defect {
                Defect::AskingApart if after_asking => {
                    up.push(Bytes::from_static(b"PING\r\n"));
                    self.expect(None, true);
                }
                Defect::ReadonlyLeftOut if name == "READONLY" => {
                    up.push(Bytes::from_static(b"PING\r\n"));
                    self.expect(None, false);
                    self.told_instead(b"+OK\r\n");
                    continue;
                }
                Defect::MadeUpReply if name == "SET" && self.strikes() => {
                    up.push(Bytes::from_static(b"PING\r\n"));
                    self.expect(None, false);
                    self.told_instead(b"+OK\r\n");
                    continue;
                }
                Defect::RefreshStorm if name == "CLUSTER SLOTS" => {
                    for _ in 0..20 {
                        up.push(command.as_bytes().clone());
                        self.expect(None, true);
                    }
                }
                _ => {}
            }
            let is_first_half = command.arg(1).is_some_and(|key| key.ends_with(b"}twin0"));
            let is_first_half = is_first_half && name == "APPEND";
            up.push(command.as_bytes().clone());
            self.expect(Some(command), false);
            if let Some(last) = self.pending.back_mut() {
                last.waits = swapped == Some(at);
            }
            if is_first_half && defect == Defect::TransactionTorn {
                up.push(Bytes::from_static(b"EXEC\r\nMULTI\r\n"));
                self.expect(None, false);
                if let Some(exec) = self.pending.back_mut() {
                    exec.is_half = true;
                }
                self.expect(None, true);
            }
        }
        if self.pending.is_empty() {
            down.extend(self.held.take());
        }
        (up, down)
    }

    fn expect(&mut self, command: Option<ReceivedCommand>, drops: bool) {
        self.pending.push_back(Pending {
            command,
            drops,
            waits: false,
            instead: None,
            is_half: false,
        });
    }

    fn told_instead(&mut self, reply: &'static [u8]) {
        if let Some(last) = self.pending.back_mut() {
            last.instead = Some(Bytes::from_static(reply));
        }
    }

    /// Lets two neighbours for one key change places; returns where the first of
    /// them is now.
    fn swap(&mut self, commands: &mut [ReceivedCommand]) -> Option<usize> {
        for at in 0..commands.len().saturating_sub(1) {
            let pair = (commands.get(at)?, commands.get(at + 1)?);
            let both_append = [pair.0, pair.1].iter().all(|it| it.info().name == "APPEND");
            if both_append && pair.0.arg(1) == pair.1.arg(1) {
                commands.swap(at, at + 1);
                return Some(at);
            }
        }
        None
    }

    pub(super) fn reply(&mut self, frame: Bytes) -> Moves {
        if frame.first() == Some(&b'>') {
            return (Vec::new(), vec![frame]);
        }
        let (mut up, mut down) = (Vec::new(), Vec::new());
        let Some(Pending {
            command,
            drops,
            waits,
            instead,
            is_half,
        }) = self.pending.pop_front()
        else {
            return (up, vec![frame]);
        };
        if is_half {
            self.half = Some(frame);
            return (up, down);
        }
        if drops {
            return (up, down);
        }
        let frame = instead.unwrap_or(frame);
        let held = self.held.take();
        if waits {
            self.held = Some(frame);
            down.extend(held);
            return (up, down);
        }
        match &command {
            Some(command) => {
                let reply = self.spoil(command, frame, &mut up);
                down.extend(reply);
            }
            None => down.push(frame),
        }
        down.extend(held);
        (up, down)
    }

    /// What the client gets for a reply, if anything.
    fn spoil(
        &mut self,
        command: &ReceivedCommand,
        frame: Bytes,
        up: &mut Vec<Bytes>,
    ) -> Option<Bytes> {
        let has_key = command
            .args()
            .nth(1)
            .is_some_and(|key| key.starts_with(b"{"));
        let is_error = frame.first() == Some(&b'-');
        let ran = has_key && is_write(command) && !is_error;
        let is_one = command.info().name == "DEL" && *frame == *b":1\r\n";
        let defect = self.defect;
        match defect {
            Defect::SwappedReplies if has_key && !self.pending.is_empty() && self.strikes() => {
                self.held = Some(frame);
                None
            }
            Defect::DroppedReply if has_key && !self.pending.is_empty() && self.strikes() => None,
            Defect::BatchReplayed if frame.starts_with(b"-MOVED") || frame.starts_with(b"-ASK") => {
                // Those behind it in the same batch went the same way.
                let writes = self.unanswered_writes();
                for write in writes.into_iter().take(3) {
                    up.push(write);
                    self.expect(None, true);
                }
                Some(frame)
            }
            Defect::AskPatchesMap if frame.starts_with(b"-ASK ") => {
                let mut moved = b"-MOVED ".to_vec();
                moved.extend_from_slice(frame.get(5..).unwrap_or_default());
                Some(moved.into())
            }
            Defect::RejectedThoughRun if ran && self.strikes() => Some(Bytes::from_static(
                b"-NOREPLICAS Not enough good replicas to write.\r\n",
            )),
            Defect::RetriedThoughRun if ran && self.strikes() => {
                Some(Bytes::from_static(b"-TRYAGAIN Multiple keys request\r\n"))
            }
            Defect::PartNotCounted if is_one && self.strikes() => {
                Some(Bytes::from_static(b":0\r\n"))
            }
            Defect::TransactionTorn if command.info().name == "EXEC" => {
                Some(joined(self.half.take(), frame))
            }
            Defect::TransactionRepeated if frame.starts_with(b"*4") && self.strikes() => {
                Some(Bytes::from_static(b"-TRYAGAIN Multiple keys request\r\n"))
            }
            Defect::SecretShown if is_error && frame.starts_with(b"-MOVED") => {
                Some(format!("-ERR who authenticates with {PASSWORD} is wrong\r\n").into())
            }
            Defect::OldRead if command.info().name == "GET" && !is_error => {
                let key = command.arg(1)?;
                let before = self.read.entry(Bytes::copy_from_slice(&key)).or_default();
                before.push_back(frame.clone());
                if before.len() > 4 {
                    before.pop_front();
                }
                let oldest = before.front().cloned();
                let strikes = self.strikes();
                oldest.filter(|_| strikes).or(Some(frame))
            }
            _ => Some(frame),
        }
    }
}

/// One answer to EXEC out of those to two halves: the first that is an error, if one is.
fn joined(half: Option<Bytes>, rest: Bytes) -> Bytes {
    let Some(half) = half else {
        return rest;
    };
    match (half.strip_prefix(b"*1\r\n"), rest.strip_prefix(b"*3\r\n")) {
        (None, _) => half,
        (_, None) => rest,
        (Some(first), Some(others)) => [b"*4\r\n", first, others].concat().into(),
    }
}

fn is_write(command: &ReceivedCommand) -> bool {
    let info = command.info();
    info.flags.contains(slotline_resp::Flags::WRITE)
}
