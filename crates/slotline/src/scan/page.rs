//! One reply of SCAN and its kin.

use slotline_resp::{Error, FromReplyOwned, Reader, Reply, ReplyKind, Sequence};

/// How many elements of the reply an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    One,
    /// A field and its value, a member and its score.
    Two,
}

/// What a reply brings: where to go on, 0 at the end, and the items.
pub(super) type Items<T> = (u64, Vec<Result<T, Error>>);

/// Reads a reply; items whose first element `is_wanted` does not want are left out. One
/// that is no `T` is an error in its place.
pub(super) fn items<T: FromReplyOwned>(
    reply: &Reply,
    width: Width,
    is_wanted: impl Fn(&[u8]) -> bool,
) -> Result<Items<T>, Error> {
    let broken = || Error::mismatch("a reply to SCAN", "something else");
    let mut reader = reply.reader();
    let mut pair = reader.sequence("a cursor and an array")?;
    if !reader.has_next(&mut pair)? {
        return Err(broken());
    }
    let cursor = reader.text()?.parse().map_err(|_| broken())?;
    if !reader.has_next(&mut pair)? {
        return Err(broken());
    }
    let mut sequence = reader.sequence("an array")?;
    let mut items = Vec::with_capacity(reader.reserve::<Result<T, Error>>(&sequence));
    while reader.has_next(&mut sequence)? {
        let (mut own, mut own_sequence) = (reader.clone(), sequence);
        if is_wanted(pass_over(&mut reader, &mut sequence, width)?) {
            items.push(T::from_element(&mut own, &mut own_sequence));
        }
    }
    Ok((cursor, items))
}

/// Steps over one item; the bytes of its first element if that is a string.
fn pass_over<'a>(
    reader: &mut Reader<'a>,
    sequence: &mut Sequence,
    width: Width,
) -> Result<&'a [u8], Error> {
    let is_apart = reader.kind()? == ReplyKind::Array;
    let first = match reader.clone().bytes() {
        Ok(bytes) => bytes,
        Err(_) => &[],
    };
    reader.skip()?;
    if width == Width::Two && !is_apart {
        if !reader.has_next(sequence)? {
            return Err(Error::mismatch("a pair", "the rest of an array"));
        }
        reader.skip()?;
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(bytes: &'static str) -> Reply {
        Reply::from_frame(bytes.into()).expect("a frame")
    }

    #[test]
    fn a_page_is_a_cursor_and_items() {
        let page = reply("*2\r\n$2\r\n17\r\n*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\n3\r\n");
        let all: Items<String> = items(&page, Width::One, |_| true).expect("a page");
        assert_eq!(all.0, 17);
        assert_eq!(all.1, ["a", "b", "3"].map(|key| Ok(key.to_owned())));
        let some: Items<String> = items(&page, Width::One, |key| key != b"b").expect("a page");
        assert_eq!(some.1.len(), 2);
        let numbers: Items<u8> = items(&page, Width::One, |_| true).expect("a page");
        assert_eq!(numbers.1.iter().filter(|item| item.is_err()).count(), 2);
        assert_eq!(
            numbers.1[2],
            Ok(3),
            "what comes behind is read all the same"
        );
    }

    #[test]
    fn pairs_lie_flat_or_apart() {
        let flat = "*2\r\n$1\r\n0\r\n*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$3\r\n2.5\r\n";
        let apart = "*2\r\n$1\r\n0\r\n*2\r\n*2\r\n$1\r\na\r\n,1\r\n*2\r\n$1\r\nb\r\n,2.5\r\n";
        for bytes in [flat, apart] {
            let page = reply(bytes);
            let pairs: Items<(String, f64)> = items(&page, Width::Two, |_| true).expect("a page");
            let expected = [("a".to_owned(), 1.0), ("b".to_owned(), 2.5)].map(Ok);
            assert_eq!(pairs, (0, expected.to_vec()));
        }
    }

    #[test]
    fn what_is_no_page_is_an_error() {
        for bytes in [
            "+OK\r\n",
            "*0\r\n",
            "*1\r\n$1\r\n0\r\n",
            "*2\r\n$1\r\nx\r\n*0\r\n",
            "*2\r\n$1\r\n0\r\n$1\r\na\r\n",
            "*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n",
        ] {
            let read: Result<Items<(String, String)>, Error> =
                items(&reply(bytes), Width::Two, |_| true);
            assert!(read.is_err(), "{bytes:?}");
        }
    }
}
