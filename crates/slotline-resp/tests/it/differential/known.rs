//! The differences that are known, each with the bytes that show it. They are
//! the rows of `docs/differences.md`.

use slotline_resp::Value;

use super::alike::{any, repeats};
use super::peers::Outcome::{self, More, Refused, Whole};
use super::peers::Peer::{self, ProtocolResp2, ProtocolResp3, Redis};

/// One difference, and how it is recognised.
pub(super) struct Difference {
    /// What it is about.
    pub(super) about: &'static str,
    /// So many arrays of one element are opened before the example.
    pub(super) nested: usize,
    pub(super) example: &'static str,
    /// Who differs.
    pub(super) peers: &'static [Peer],
    /// Whether it is the reason for what `peer` makes of `bytes`.
    explains: fn(&Seen<'_>) -> bool,
    /// Why this crate does what it does.
    pub(super) why: &'static str,
}

/// Bytes, and what this crate and a peer make of them.
pub(super) struct Seen<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) ours: Outcome,
    /// Where we find an error.
    pub(super) offset: Option<usize>,
    pub(super) theirs: Outcome,
}

impl Seen<'_> {
    /// We refuse with one of these reasons what they take.
    fn stricter(&self, reasons: &[&str]) -> bool {
        let Refused(error) = &self.ours else {
            return false;
        };
        matches!(self.theirs, Whole(..)) && reasons.iter().any(|reason| error.ends_with(reason))
    }

    /// We take a value with such a part, which they refuse.
    fn refused(&self, part: fn(&Value) -> bool) -> bool {
        let refused = matches!(self.theirs, Refused(_));
        refused && matches!(&self.ours, Whole(value, _) if any(value, part))
    }

    /// We take what they refuse.
    fn taken(&self) -> bool {
        matches!((&self.ours, &self.theirs), (Whole(..), Refused(_)))
    }

    /// The byte at which we find an error, if what is before it ends so.
    fn found_after(&self, before: &[u8]) -> Option<u8> {
        let (all_before, rest) = self.bytes.split_at_checked(self.offset?)?;
        all_before.ends_with(before).then_some(*rest.first()?)
    }

    fn has(&self, part: &[u8]) -> bool {
        self.bytes.windows(part.len()).any(|window| window == part)
    }

    fn has_streamed(&self) -> bool {
        [b"$?", b"*?", b"%?", b"~?"]
            .iter()
            .any(|part| self.has(*part))
    }
}

/// The reason for a difference between what this crate and `peer` make of some
/// bytes, if it is a known one.
pub(super) fn reason(peer: Peer, seen: &Seen<'_>) -> Option<&'static Difference> {
    let mut known = DIFFERENCES.iter();
    known.find(|known| known.peers.contains(&peer) && (known.explains)(seen))
}

/// Whether a line begins with a type that RESP2 does not have.
pub(super) fn is_resp3(seen: &Seen<'_>) -> bool {
    let header = |at: usize| at == 0 || seen.bytes[..at].ends_with(b"\n");
    let mut types = seen.bytes.iter().enumerate();
    types.any(|(at, byte)| header(at) && b"_,#(!=%~>|;.".contains(byte))
}

fn is_not_utf8(value: &Value) -> bool {
    let text = match value {
        Value::Simple(text) => text,
        Value::Error { code, .. } if code.contains('\u{fffd}') => code,
        Value::Error { message, .. } => message,
        _ => return false,
    };
    text.contains('\u{fffd}')
}

fn is_no_number(value: &Value) -> bool {
    let Value::BigNumber(text) = value else {
        return false;
    };
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn cannot_be_hashed(value: &Value) -> bool {
    match value {
        Value::Set(all) => all.iter().any(Value::is_aggregate),
        Value::Map(pairs) => pairs.iter().any(|(key, _)| key.is_aggregate()),
        _ => false,
    }
}

fn has_no_kind(value: &Value) -> bool {
    let Value::Push(all) = value else {
        return false;
    };
    match all.first() {
        Some(Value::Simple(_)) => false,
        Some(Value::Bulk(kind)) => std::str::from_utf8(kind).is_err(),
        _ => true,
    }
}

pub(super) const DIFFERENCES: &[Difference] = &[
    Difference {
        about: "Types of RESP3",
        nested: 0,
        example: "#t\r\n",
        peers: &[ProtocolResp2],
        explains: is_resp3,
        why: "One set of functions for both versions; theirs are two.",
    },
    Difference {
        about: "Nil of RESP2",
        nested: 0,
        example: "$-1\r\n",
        peers: &[ProtocolResp3],
        explains: |seen| seen.has(b"$-1\r\n") || seen.has(b"*-1\r\n"),
        why: "The same.",
    },
    Difference {
        about: "Streamed strings and aggregates",
        nested: 0,
        example: "*?\r\n:1\r\n.\r\n",
        peers: &[ProtocolResp3, Redis],
        explains: |seen| seen.has_streamed(),
        why: "RESP3, \"Streamed strings\" and \"Streamed aggregated data types\". redis-protocol has \
              other functions for them, which hand out the pieces.",
    },
    Difference {
        about: "An attribute before another, or before nil",
        nested: 0,
        example: "|1\r\n+a\r\n:1\r\n|1\r\n+b\r\n:2\r\n+OK\r\n",
        peers: &[ProtocolResp3],
        explains: |seen| seen.taken() && seen.has(b"|"),
        why: "RESP3, \"Attribute type\": one may stand before any type.",
    },
    Difference {
        about: "An aggregate as a key of a map or a member of a set",
        nested: 0,
        example: "~1\r\n*0\r\n",
        peers: &[ProtocolResp3],
        explains: |seen| seen.refused(cannot_be_hashed),
        why: "RESP3, \"Map type\": keys may be of any type. It matters to whoever decodes into a \
              type that hashes.",
    },
    Difference {
        about: "A repeated member of a set, or key of a map",
        nested: 0,
        example: "~2\r\n:1\r\n:1\r\n",
        peers: &[ProtocolResp3],
        explains: |seen| matches!(&seen.ours, Whole(value, _) if any(value, repeats)),
        why: "What a repeated one means is the caller's to say: `HashMap` keeps the last, `Vec` \
              and `Value` keep all, in the order sent.",
    },
    Difference {
        about: "Formats of verbatim strings other than `txt` and `mkd`",
        nested: 0,
        example: "=5\r\nabc:d\r\n",
        peers: &[ProtocolResp3],
        explains: |seen| {
            seen.refused(|value| {
                let known = ["txt", "mkd"];
                matches!(value, Value::Verbatim { format, .. } if !known.contains(&format.as_str()))
            })
        },
        why: "RESP3, \"Verbatim string\": more formats may come.",
    },
    Difference {
        about: "Formats of verbatim strings that are not three letters",
        nested: 0,
        example: "=5\r\ntext:\r\n",
        peers: &[Redis],
        explains: |seen| {
            let odd = |value: &Value| matches!(value, Value::Verbatim { format, .. } if format.contains(':'));
            seen.stricter(&["verbatim string without its format"])
                || matches!(&seen.ours, Whole(value, _) if any(value, odd))
        },
        why: "RESP3, \"Verbatim string\": exactly three bytes; theirs are all before the first \
              colon.",
    },
    Difference {
        about: "Something else than a colon after a verbatim string's format",
        nested: 0,
        example: "=5\r\ntxtXa\r\n",
        peers: &[ProtocolResp3],
        explains: |seen| seen.stricter(&["verbatim string without its format"]),
        why: "The same.",
    },
    Difference {
        about: "A push that begins with no string",
        nested: 0,
        example: ">1\r\n:1\r\n",
        peers: &[Redis],
        explains: |seen| seen.refused(has_no_kind),
        why: "That the first element is a string is a rule for who reads the push, not for \
              where it ends.",
    },
    Difference {
        about: "A push of nothing",
        nested: 0,
        example: ">0\r\n",
        peers: &[Redis],
        explains: |seen| {
            let empty = |value: &Value| matches!(value, Value::Push(all) if all.is_empty());
            matches!(&seen.ours, Whole(value, _) if any(value, empty))
        },
        why: "Theirs has a kind in any case.",
    },
    Difference {
        about: "A negative length that is not nil",
        nested: 0,
        example: "*-2\r\n",
        peers: &[Redis],
        explains: |seen| {
            seen.stricter(&["negative length"])
                || seen.stricter(&["CR LF expected"]) && seen.found_after(b"-1").is_some()
        },
        why: "RESP2 has `-1` for nil and no other. For a map or an error of such a length redis \
              waits without end.",
    },
    Difference {
        about: "Signs, leading zeros and spaces in lengths",
        nested: 0,
        example: "$+02\r\nhi\r\n",
        peers: &[ProtocolResp2, ProtocolResp3, Redis],
        explains: |seen| {
            seen.stricter(&["digit expected in a length", "leading zero in a length"])
                || seen.stricter(&["negative length"]) && seen.has(b"-0")
        },
        why: "A length is digits. What one decoder reads and another does not is a way to smuggle \
              replies past a proxy.",
    },
    Difference {
        about: "Spaces around integers",
        nested: 0,
        example: ": 1\r\n",
        peers: &[Redis],
        explains: |seen| seen.stricter(&["digit expected in an integer"]),
        why: "No server sends any.",
    },
    Difference {
        about: "Frames beyond a limit",
        nested: 0,
        example: "$536870913\r\n",
        peers: &[ProtocolResp2, ProtocolResp3, Redis],
        explains: |seen| matches!(&seen.ours, Refused(error) if error.contains("exceeds the limit")),
        why: "Limits hold before anything of a frame is kept; the others have none, but for the \
              depth of nests.",
    },
    Difference {
        about: "More than 100 aggregates around an element",
        nested: 101,
        example: ":1\r\n",
        peers: &[Redis],
        explains: |seen| seen.taken() && seen.bytes.starts_with(&b"*1\r\n".repeat(100)),
        why: "Here the limit is 128 unless it is set. redis-protocol has none, and recurses.",
    },
    Difference {
        about: "A CR within a line",
        nested: 0,
        example: "+a\rb\r\n",
        peers: &[ProtocolResp2, ProtocolResp3, Redis],
        explains: |seen| seen.stricter(&["CR without LF"]),
        why: "RESP3, \"Simple string\": neither CR nor LF may be in one.",
    },
    Difference {
        about: "An LF within a line",
        nested: 0,
        example: "+a\nb\r\n",
        peers: &[ProtocolResp2, ProtocolResp3, Redis],
        explains: |seen| seen.stricter(&["CR LF expected"]) && seen.found_after(b"") == Some(b'\n'),
        why: "The same.",
    },
    Difference {
        about: "Something between `_` or `.` and CR LF",
        nested: 0,
        example: "_x\r\n",
        peers: &[ProtocolResp3, Redis],
        explains: |seen| {
            seen.stricter(&["CR LF expected"])
                && (seen.found_after(b"_").is_some() || seen.found_after(b".").is_some())
        },
        why: "RESP3, \"Null\": there is nothing.",
    },
    Difference {
        about: "Another ending of a string than CR LF",
        nested: 0,
        example: "$2\r\nhiXY",
        peers: &[ProtocolResp2, ProtocolResp3],
        explains: |seen| seen.stricter(&["CR LF expected after a string"]),
        why: "A wrong length is found where it is, not in the next frame.",
    },
    Difference {
        about: "Doubles that RESP3 does not spell so",
        nested: 0,
        example: ",.5\r\n",
        peers: &[ProtocolResp3, Redis],
        explains: |seen| seen.stricter(&["not a double"]),
        why: "RESP3, \"Double\", and what servers print through libc; theirs is what Rust parses, \
              such as `.5`, `1.` and `infinity`.",
    },
    Difference {
        about: "Big numbers that are no numbers",
        nested: 0,
        example: "(1.5\r\n",
        peers: &[Redis],
        explains: |seen| matches!(&seen.ours, Whole(value, _) if any(value, is_no_number)),
        why: "Where the frame ends is plain, so that nothing else is lost for it; what is no \
              number decodes as text. redis reads underscores in one as nothing.",
    },
    Difference {
        about: "Lines that are not UTF-8",
        nested: 0,
        example: "-ERR \u{fffd}\r\n",
        peers: &[ProtocolResp2, ProtocolResp3, Redis],
        explains: |seen| seen.refused(is_not_utf8),
        why: "The rest of the connection is not lost for it: `&[u8]` and `Bytes` have the line \
              as it came, `Value` and errors what is legible of it.",
    },
    Difference {
        about: "A line break right after an error's code",
        nested: 0,
        example: "!5\r\nERR\na\r\n",
        peers: &[Redis],
        explains: |seen| {
            let broken = |value: &Value| matches!(value, Value::Error { code, .. } if code.contains(['\r', '\n']));
            matches!(&seen.theirs, Whole(value, _) if any(value, broken))
        },
        why: "The code goes up to the first space or line break.",
    },
    Difference {
        about: "Chunks and end marks where none can be",
        nested: 0,
        example: ".\r\n",
        peers: &[ProtocolResp3],
        explains: |seen| {
            seen.stricter(&[
                "chunk outside a streamed string",
                "end mark outside a streamed aggregate",
            ])
        },
        why: "Their functions for streams take them up; on their own they are no replies.",
    },
    Difference {
        about: "`HELLO` as a line of its own",
        nested: 0,
        example: "HELLO 3\r\n",
        peers: &[ProtocolResp3],
        explains: |seen| seen.stricter(&["unknown type byte"]) && seen.has(b"HELLO"),
        why: "An inline command, and no reply.",
    },
    Difference {
        about: "When an error is found",
        nested: 0,
        example: "$5x",
        peers: &[ProtocolResp2, ProtocolResp3, Redis],
        explains: |seen| matches!((&seen.ours, &seen.theirs), (Refused(_), More)),
        why: "At the first byte that breaks a rule; theirs at the end of the line, if ever.",
    },
];
