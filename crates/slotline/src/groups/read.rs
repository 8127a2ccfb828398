//! Replies to XREADGROUP and XAUTOCLAIM.

use slotline_commands::StreamId;
use slotline_resp::{Error, FromReply, Reader};

/// One pending entry.
#[derive(Debug, PartialEq)]
pub(super) enum Pending<T> {
    /// Its fields, or why they are no `T`.
    There(StreamId, Result<T, Error>),
    /// It was deleted from the stream, or trimmed.
    Deleted(StreamId),
}

impl<T> Pending<T> {
    pub(super) fn id(&self) -> StreamId {
        let (Pending::There(id, _) | Pending::Deleted(id)) = self;
        *id
    }
}

/// What XREADGROUP answers for one stream.
#[derive(Debug, PartialEq)]
pub(super) struct Read<T>(pub(super) Vec<Pending<T>>);

/// What XAUTOCLAIM answers.
#[derive(Debug, PartialEq)]
pub(super) struct Claimed<T> {
    /// Where to go on; [`StreamId::MIN`] after the last.
    pub(super) next: StreamId,
    pub(super) entries: Vec<Pending<T>>,
}

impl<'a, T: FromReply<'a>> FromReply<'a> for Read<T> {
    /// Nil if nothing came; else streams and their entries, as pairs of any spelling.
    fn from_reply(reader: &mut Reader<'a>) -> Result<Read<T>, Error> {
        let mut all = Vec::new();
        if reader.null()? {
            return Ok(Read(all));
        }
        let mut streams = reader.pairs("streams and their entries")?;
        while reader.has_pair(&mut streams)? {
            reader.skip()?;
            reader.begin_value(&mut streams)?;
            entries(reader, &mut all)?;
        }
        Ok(Read(all))
    }
}

impl<'a, T: FromReply<'a>> FromReply<'a> for Claimed<T> {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Claimed<T>, Error> {
        let broken = || Error::mismatch("a reply to XAUTOCLAIM", "a shorter array");
        let mut parts = reader.sequence("a reply to XAUTOCLAIM")?;
        if !reader.has_next(&mut parts)? {
            return Err(broken());
        }
        let next = StreamId::from_reply(reader)?;
        if !reader.has_next(&mut parts)? {
            return Err(broken());
        }
        let mut all = Vec::new();
        entries(reader, &mut all)?;
        // Since 7.0 the ids of deleted entries follow, which are pending no more.
        while reader.has_next(&mut parts)? {
            reader.skip()?;
        }
        Ok(Claimed { next, entries: all })
    }
}

/// Adds the entries of an array to `all`.
fn entries<'a, T: FromReply<'a>>(
    reader: &mut Reader<'a>,
    all: &mut Vec<Pending<T>>,
) -> Result<(), Error> {
    let mut array = reader.sequence("an array of entries")?;
    all.reserve(reader.reserve::<Pending<T>>(&array));
    while reader.has_next(&mut array)? {
        // What XAUTOCLAIM of 6.2 has for a deleted entry.
        if !reader.null()? {
            all.push(entry(reader)?);
        }
    }
    Ok(())
}

fn entry<'a, T: FromReply<'a>>(reader: &mut Reader<'a>) -> Result<Pending<T>, Error> {
    let broken = || Error::mismatch("an id and fields", "an array of another length");
    let mut pair = reader.sequence("an id and fields")?;
    if !reader.has_next(&mut pair)? {
        return Err(broken());
    }
    let id = StreamId::from_reply(reader)?;
    if !reader.has_next(&mut pair)? {
        return Err(broken());
    }
    let read = match reader.null()? {
        true => Pending::Deleted(id),
        false => {
            let mut own = reader.clone();
            reader.skip()?;
            Pending::There(id, T::from_reply(&mut own))
        }
    };
    match reader.has_next(&mut pair)? {
        true => Err(broken()),
        false => Ok(read),
    }
}

#[cfg(test)]
mod tests {
    use slotline_resp::Reply;

    use super::*;

    type Pairs = Vec<(String, u64)>;

    fn reply(text: &str) -> Reply {
        Reply::from_frame(text.to_owned().into()).expect("a frame")
    }

    fn there(millis: u64, fields: &[(&str, u64)]) -> Pending<Pairs> {
        let fields = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value));
        Pending::There(StreamId::new(millis, 1), Ok(fields.collect()))
    }

    const TWO: &str = "*2\r\n*2\r\n$3\r\n5-1\r\n*2\r\n$1\r\nn\r\n$1\r\n7\r\n\
        *2\r\n$3\r\n6-1\r\n*4\r\n$1\r\nn\r\n$1\r\n8\r\n$1\r\nn\r\n$1\r\n9\r\n";

    #[test]
    fn what_a_stream_brings_is_read_in_both_protocols() {
        let resp2 = format!("*1\r\n*2\r\n$1\r\ns\r\n{TWO}");
        let resp3 = format!("%1\r\n$1\r\ns\r\n{TWO}");
        for text in [resp2, resp3] {
            let read: Read<Pairs> = reply(&text).decode().expect("entries");
            assert_eq!(
                read.0,
                [there(5, &[("n", 7)]), there(6, &[("n", 8), ("n", 9)])]
            );
        }
    }

    #[test]
    fn nothing_is_said_in_many_ways() {
        for text in [
            "*-1\r\n",
            "$-1\r\n",
            "_\r\n",
            "*0\r\n",
            "%0\r\n",
            "*1\r\n*2\r\n$1\r\ns\r\n*0\r\n",
            "%1\r\n$1\r\ns\r\n*0\r\n",
        ] {
            let read: Read<Pairs> = reply(text).decode().expect(text);
            assert_eq!(read.0, [], "{text:?}");
        }
    }

    #[test]
    fn a_deleted_entry_is_told_from_one_that_is_something_else() {
        for nil in ["*-1\r\n", "$-1\r\n", "_\r\n"] {
            let text = format!(
                "%1\r\n$1\r\ns\r\n*3\r\n*2\r\n$3\r\n4-1\r\n{nil}\
                 *2\r\n$3\r\n5-1\r\n*2\r\n$1\r\nn\r\n$1\r\nx\r\n\
                 *2\r\n$3\r\n6-1\r\n*2\r\n$1\r\nn\r\n$1\r\n1\r\n"
            );
            let read: Read<Pairs> = reply(&text).decode().expect("entries");
            let [Pending::Deleted(gone), Pending::There(other, Err(_)), last] = &read.0[..] else {
                panic!("{read:?}");
            };
            assert_eq!((gone.millis, other.millis), (4, 5));
            assert_eq!(last, &there(6, &[("n", 1)]), "what comes behind is read");
        }
    }

    #[test]
    fn what_was_claimed_is_read_as_every_version_says_it() {
        let check = |text: String, millis| {
            let claimed: Claimed<Pairs> = reply(&text).decode().expect("entries");
            assert_eq!(claimed.next, StreamId::new(millis, 0));
            assert_eq!(claimed.entries.len(), 2);
            assert_eq!(claimed.entries[0], there(5, &[("n", 7)]));
        };
        check(format!("*2\r\n$3\r\n0-0\r\n{TWO}"), 0);
        check(format!("*3\r\n$3\r\n9-0\r\n{TWO}*1\r\n$3\r\n4-1\r\n"), 9);
        let with_nil = TWO.replacen("*2\r\n", "*3\r\n*-1\r\n", 1);
        check(format!("*2\r\n$3\r\n9-0\r\n{with_nil}"), 9);
    }

    #[test]
    fn what_is_no_such_reply_is_an_error() {
        for text in [
            "+OK\r\n",
            ":1\r\n",
            "*1\r\n$1\r\ns\r\n",
            "*1\r\n*2\r\n$1\r\ns\r\n$1\r\nx\r\n",
            "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*1\r\n$3\r\n5-1\r\n",
            "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$1\r\nx\r\n*0\r\n",
            "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*3\r\n$3\r\n5-1\r\n*0\r\n*0\r\n",
        ] {
            let read: Result<Read<Pairs>, Error> = reply(text).decode();
            assert!(read.is_err(), "{text:?}");
        }
        for text in [
            "_\r\n",
            "*0\r\n",
            "*1\r\n$3\r\n0-0\r\n",
            "*2\r\n$1\r\nx\r\n*0\r\n",
        ] {
            let claimed: Result<Claimed<Pairs>, Error> = reply(text).decode();
            assert!(claimed.is_err(), "{text:?}");
        }
    }
}
