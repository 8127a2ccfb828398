//! What a connection is subscribed to, and which confirmations a subscription
//! command still waits for.

use std::collections::{HashSet, VecDeque};

use bytes::Bytes;
use slotline_resp::{CommandRef, Reader};

/// A subscription command, or the kind of its confirmations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Subscribe,
    Unsubscribe,
    PSubscribe,
    PUnsubscribe,
    SSubscribe,
    SUnsubscribe,
}

const VERBS: [(&str, Verb); 6] = [
    ("SUBSCRIBE", Verb::Subscribe),
    ("UNSUBSCRIBE", Verb::Unsubscribe),
    ("PSUBSCRIBE", Verb::PSubscribe),
    ("PUNSUBSCRIBE", Verb::PUnsubscribe),
    ("SSUBSCRIBE", Verb::SSubscribe),
    ("SUNSUBSCRIBE", Verb::SUnsubscribe),
];

impl Verb {
    /// That of a command or of a confirmation, in any case.
    pub(super) fn named(name: &str) -> Option<Verb> {
        let found = VERBS.iter().find(|(it, _)| it.eq_ignore_ascii_case(name));
        found.map(|(_, verb)| *verb)
    }

    fn adds(self) -> bool {
        matches!(self, Verb::Subscribe | Verb::PSubscribe | Verb::SSubscribe)
    }
}

/// The confirmations that one command still waits for. The server sends one for
/// each name, in pushes of their own (R1).
#[derive(Debug)]
pub(super) struct Awaited {
    verb: Verb,
    /// `None` for a command without a name, which ends everything of its kind.
    names: Option<VecDeque<Bytes>>,
}

/// What a frame was to the command that waits first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Met {
    /// One of its confirmations, and there are more to come.
    Confirmed,
    /// The last of them.
    Last,
    /// None of its own.
    Other,
}

impl Awaited {
    pub(super) fn of(verb: Verb, command: &CommandRef<'_>) -> Awaited {
        let names = command.args().skip(1).map(Bytes::copy_from_slice);
        let names: VecDeque<Bytes> = names.collect();
        Awaited {
            verb,
            names: (!names.is_empty()).then_some(names),
        }
    }

    /// `none_left`: nothing of its kind is subscribed any more.
    fn confirm(&mut self, name: Option<&[u8]>, none_left: bool) -> Met {
        let is_last = match &mut self.names {
            // Counting would not do: the server counts patterns with channels.
            None => name.is_none() || none_left,
            Some(names) => {
                let same = |have: &Bytes| Some(&have[..]) == name;
                let Some(at) = names.iter().position(same) else {
                    return Met::Other;
                };
                names.remove(at);
                names.is_empty()
            }
        };
        if is_last { Met::Last } else { Met::Confirmed }
    }
}

/// What the connection is subscribed to, as far as the server has confirmed it.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    channels: HashSet<Bytes>,
    patterns: HashSet<Bytes>,
    shard_channels: HashSet<Bytes>,
    /// Whether there has been any confirmation.
    pub(super) are_used: bool,
}

impl Subscriptions {
    /// Takes note of a push, and tells what it is to the command that waits first.
    pub(super) fn meet(&mut self, frame: &Bytes, awaited: Option<&mut Awaited>) -> Met {
        let Some((verb, name)) = confirmation(frame) else {
            return Met::Other;
        };
        self.are_used = true;
        let names = match verb {
            Verb::Subscribe | Verb::Unsubscribe => &mut self.channels,
            Verb::PSubscribe | Verb::PUnsubscribe => &mut self.patterns,
            Verb::SSubscribe | Verb::SUnsubscribe => &mut self.shard_channels,
        };
        if let Some(name) = name {
            if verb.adds() {
                // A copy: it is kept longer than what it was read into.
                names.insert(Bytes::copy_from_slice(name));
            } else {
                names.remove(name);
            }
        }
        let own = awaited.filter(|awaited| awaited.verb == verb);
        own.map_or(Met::Other, |own| own.confirm(name, names.is_empty()))
    }

    /// The server has forgotten all of them.
    pub(super) fn clear(&mut self) {
        self.channels.clear();
        self.patterns.clear();
        self.shard_channels.clear();
    }
}

/// The kind and the name of a confirmation; nil, without a name, is the answer to
/// an unsubscription where there was nothing.
fn confirmation(frame: &Bytes) -> Option<(Verb, Option<&[u8]>)> {
    let mut reader = Reader::new(frame, 0..frame.len());
    let mut parts = reader.sequence("a push").ok()?;
    reader.has_next(&mut parts).ok()?;
    let verb = Verb::named(reader.str().ok()?)?;
    reader.has_next(&mut parts).ok()?;
    let name = match reader.null().ok()? {
        true => None,
        false => Some(reader.bytes().ok()?),
    };
    Some((verb, name))
}

/// Whether an array is what RESP2 has instead of a push.
pub(super) fn is_push_of_resp2(frame: &[u8]) -> bool {
    if frame.first() != Some(&b'*') {
        return false;
    }
    let mut lines = frame.split(|byte| *byte == b'\n').skip(2);
    let kind = lines.next().and_then(|line| line.strip_suffix(b"\r"));
    let kind = kind.and_then(|kind| std::str::from_utf8(kind).ok());
    kind.is_some_and(|kind| {
        matches!(kind, "message" | "pmessage" | "smessage") || Verb::named(kind).is_some()
    })
}

#[cfg(test)]
mod tests {
    use slotline_resp::CommandBuffer;

    use super::*;

    fn awaited(line: &str) -> Awaited {
        let mut buffer = CommandBuffer::new();
        let mut words = line.split(' ');
        let name = words.next().unwrap();
        buffer.begin_named(name);
        words.for_each(|word| {
            buffer.arg(word);
        });
        let commands = buffer.freeze();
        Awaited::of(Verb::named(name).unwrap(), &commands.get(0).unwrap())
    }

    fn frame(text: &str) -> Bytes {
        let words: Vec<&str> = text.split(' ').collect();
        let mut frame = format!(">{}\r\n", words.len());
        for word in words {
            frame += &match word {
                "nil" => "_\r\n".to_owned(),
                word => format!("${}\r\n{word}\r\n", word.len()),
            };
        }
        frame.into()
    }

    /// `before` is confirmed first; then come `frames`, of which `told` says what
    /// each was: `.` a confirmation, `!` the last one, `-` something else.
    #[track_caller]
    fn check(before: &[&str], command: &str, frames: &[&str], told: &str) {
        let mut subscriptions = Subscriptions::default();
        for text in before {
            assert_eq!(subscriptions.meet(&frame(text), None), Met::Other);
        }
        let mut awaited = awaited(command);
        let seen: String = frames
            .iter()
            .map(
                |text| match subscriptions.meet(&frame(text), Some(&mut awaited)) {
                    Met::Confirmed => '.',
                    Met::Last => '!',
                    Met::Other => '-',
                },
            )
            .collect();
        assert_eq!(seen, told, "{command}");
    }

    #[test]
    fn a_command_is_confirmed_name_by_name() {
        check(&[], "SUBSCRIBE a", &["subscribe a 1"], "!");
        let two = ["subscribe a 1", "message a x", "subscribe b 2"];
        check(&[], "subscribe a b", &two, ".-!");
        // The server confirms what was named twice twice.
        let thrice = ["subscribe a 1", "subscribe b 2", "subscribe a 2"];
        check(&[], "SUBSCRIBE a b a", &thrice, "..!");
        check(
            &["subscribe a 1"],
            "UNSUBSCRIBE b",
            &["unsubscribe b 1"],
            "!",
        );
    }

    #[test]
    fn what_is_of_another_kind_or_name_confirms_nothing() {
        let others = [
            "psubscribe a 1",
            "ssubscribe a 1",
            "unsubscribe a 0",
            "sunsubscribe a 0",
            "subscribe b 2",
            "invalidate a",
            "subscribe a 3",
        ];
        check(&[], "SUBSCRIBE a", &others, "------!");
        // A slot that moves makes the server unsubscribe by itself.
        let moved = ["sunsubscribe x 0", "sunsubscribe y 0"];
        check(&[], "SUNSUBSCRIBE y", &moved, "-!");
    }

    /// F5: the counts are of channels and patterns together, so that they never
    /// come to 0 here.
    #[test]
    fn without_names_it_ends_with_the_last_that_was_there() {
        let before = ["subscribe a 1", "subscribe b 2", "psubscribe p 3"];
        let both = ["unsubscribe b 2", "message a x", "unsubscribe a 1"];
        check(&before, "UNSUBSCRIBE", &both, ".-!");
        check(&before, "PUNSUBSCRIBE", &["punsubscribe p 2"], "!");
        check(&before, "SUNSUBSCRIBE", &["sunsubscribe nil 0"], "!");
        check(&[], "UNSUBSCRIBE", &["unsubscribe nil 0"], "!");
        let gone = ["subscribe a 1", "unsubscribe a 0"];
        check(&gone, "UNSUBSCRIBE", &["unsubscribe nil 0"], "!");
    }

    #[test]
    fn resp2_has_arrays_for_pushes() {
        for (frame, is_push) in [
            ("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n", true),
            ("*4\r\n$8\r\npmessage\r\n", true),
            ("*3\r\n$8\r\nsmessage\r\n", true),
            ("*3\r\n$12\r\nsunsubscribe\r\n$-1\r\n:0\r\n", true),
            ("*2\r\n$4\r\npong\r\n$0\r\n\r\n", false),
            ("$7\r\nmessage\r\n", false),
            ("*0\r\n", false),
            ("*1\r\n:1\r\n", false),
            ("-ERR message\r\n", false),
        ] {
            assert_eq!(is_push_of_resp2(frame.as_bytes()), is_push, "{frame}");
        }
    }
}
