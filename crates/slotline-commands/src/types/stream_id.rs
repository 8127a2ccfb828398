//! The ids of a stream's entries.

use std::fmt;
use std::io::Write;
use std::str::FromStr;

use slotline_resp::{Arguments, Error, FromReply, Reader, ToArg, ToArgs};

/// The id of a stream's entry: a time, and a number among the entries of that time.
/// Ids are ordered as the entries are. As text it is both with a dash between them.
///
/// Source: [streams, "Entry IDs"](https://redis.io/docs/latest/develop/data-types/streams/).
///
/// ```
/// use slotline_commands::StreamId;
///
/// let id: StreamId = "1526919030474-55".parse()?;
/// assert_eq!((id.millis, id.sequence), (1_526_919_030_474, 55));
/// assert_eq!(id.next(), Some(StreamId::new(1_526_919_030_474, 56)));
/// assert!(id > StreamId::MIN);
/// # Ok::<(), slotline_resp::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Milliseconds since 1970 by the server's clock, unless whoever added the entry
    /// chose another number.
    pub millis: u64,
    /// Its number among those of the same millisecond, from 0 up.
    pub sequence: u64,
}

impl StreamId {
    /// `0-0`: less than the id of any entry.
    pub const MIN: StreamId = StreamId::new(0, 0);

    /// The greatest that there can be.
    pub const MAX: StreamId = StreamId::new(u64::MAX, u64::MAX);

    /// An id of two numbers.
    #[must_use]
    pub const fn new(millis: u64, sequence: u64) -> StreamId {
        StreamId { millis, sequence }
    }

    /// The least id that is greater; `None` if there is none.
    #[must_use]
    pub fn next(self) -> Option<StreamId> {
        match self.sequence.checked_add(1) {
            Some(sequence) => Some(StreamId { sequence, ..self }),
            None => Some(StreamId::new(self.millis.checked_add(1)?, 0)),
        }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.sequence)
    }
}

impl FromStr for StreamId {
    type Err = Error;

    /// Reads an id as servers write it. What a command takes in the place of one, such as
    /// `*`, `$` or a time alone, is none.
    fn from_str(text: &str) -> Result<StreamId, Error> {
        let wrong = || Error::mismatch("a stream id", "a string that is not one");
        let (millis, sequence) = text.split_once('-').ok_or_else(wrong)?;
        match (number(millis), number(sequence)) {
            (Some(millis), Some(sequence)) => Ok(StreamId::new(millis, sequence)),
            _ => Err(wrong()),
        }
    }
}

/// Digits and nothing else: `u64` itself would take a plus sign too.
fn number(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}

/// Two of the longest numbers, and the dash.
const LONGEST: usize = 20 + 1 + 20;

impl ToArg for StreamId {
    fn with_bytes<R>(&self, take: impl FnOnce(&[u8]) -> R) -> R {
        let mut text = [0; LONGEST];
        let mut left = text.as_mut_slice();
        // It has room for any.
        let _written = write!(left, "{self}");
        let len = LONGEST - left.len();
        take(text.get(..len).unwrap_or_default())
    }
}

impl ToArgs for StreamId {
    fn add_to(&self, arguments: &mut Arguments<'_>) {
        arguments.add(self);
    }
}

impl<'a> FromReply<'a> for StreamId {
    fn from_reply(reader: &mut Reader<'a>) -> Result<StreamId, Error> {
        reader.str()?.parse()
    }
}

#[cfg(test)]
mod tests {
    use slotline_resp::{CommandBuffer, Reply, known};

    use super::*;

    #[test]
    fn an_id_is_read_and_written_as_servers_do() {
        let check = |text: &str, millis, sequence| {
            let id = StreamId::new(millis, sequence);
            assert_eq!(text.parse(), Ok(id));
            assert_eq!(id.to_string(), text);
            let frame = format!("${}\r\n{text}\r\n", text.len());
            let reply = Reply::from_frame(frame.into()).expect("a frame");
            assert_eq!(reply.decode(), Ok(id));
            let mut buffer = CommandBuffer::new();
            buffer.begin(&known::GET, 1).key(&id);
            let sent = String::from_utf8(buffer.freeze().to_vec()).expect("text");
            assert_eq!(
                sent,
                format!("*2\r\n$3\r\nGET\r\n${}\r\n{text}\r\n", text.len())
            );
        };
        check("0-0", 0, 0);
        check("0-1", 0, 1);
        check("1526919030474-55", 1_526_919_030_474, 55);
        let most = "18446744073709551615-18446744073709551615";
        check(most, u64::MAX, u64::MAX);
        assert_eq!(most.len(), LONGEST);
    }

    #[test]
    fn what_stands_for_an_id_is_none() {
        for text in [
            "",
            "-",
            "+",
            "*",
            "$",
            ">",
            "5",
            "5-",
            "-5",
            "5-*",
            "+5-0",
            "5-+1",
            "5--1",
            " 5-1",
            "5-1 ",
            "5-1-1",
            "18446744073709551616-0",
            "٣-0",
        ] {
            let read: Result<StreamId, Error> = text.parse();
            let error = read.expect_err(text);
            assert!(error.is_type_mismatch(), "{text}");
        }
        let integer = Reply::from_frame(":5\r\n".into()).expect("a frame");
        assert!(integer.decode::<StreamId>().is_err());
    }

    #[test]
    fn ids_are_ordered_as_entries_are() {
        let next = |millis, sequence| StreamId::new(millis, sequence).next();
        assert_eq!(next(5, 0), Some(StreamId::new(5, 1)));
        assert_eq!(next(5, u64::MAX), Some(StreamId::new(6, 0)));
        assert_eq!(StreamId::MAX.next(), None);
        let ids = [
            StreamId::MIN,
            StreamId::new(0, u64::MAX),
            StreamId::new(1, 0),
            StreamId::MAX,
        ];
        assert!(ids.is_sorted());
    }
}
