//! Which bytes of a frame are UTF-8.

use std::ops::Range;

use crate::error::Error;

/// How far ahead bytes are looked at together. Short strings one by one would
/// cost several times as much as all of them in a row, headers included.
const AHEAD: usize = 4096;
/// Where less than this was in a row, it is no use to look ahead.
const WORTHWHILE: usize = 256;

/// A stretch of a frame that is known to be text.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    text: &'a str,
    /// Where it begins among the bytes.
    start: usize,
    looks_ahead: bool,
}

impl Default for Known<'_> {
    fn default() -> Self {
        Self {
            text: "",
            start: 0,
            looks_ahead: true,
        }
    }
}

impl<'a> Known<'a> {
    /// `bytes[range]` as text; the bytes must be the same at every call.
    ///
    /// # Errors
    ///
    /// It is not UTF-8.
    #[inline]
    pub(super) fn text(&mut self, bytes: &'a [u8], range: Range<usize>) -> Result<&'a str, Error> {
        let known = range.start.wrapping_sub(self.start)..range.end.wrapping_sub(self.start);
        match self.text.get(known) {
            Some(text) => Ok(text),
            None => self.look(bytes, range),
        }
    }

    fn look(&mut self, bytes: &'a [u8], range: Range<usize>) -> Result<&'a str, Error> {
        let ahead = bytes.get(range.start..).unwrap_or_default();
        let len = range.len();
        if self.looks_ahead && len < AHEAD {
            let ahead = ahead.get(..AHEAD).unwrap_or(ahead);
            let text = match std::str::from_utf8(ahead) {
                Ok(text) => text,
                Err(error) => {
                    let valid = error.valid_up_to();
                    self.looks_ahead = valid >= WORTHWHILE;
                    let valid = ahead.get(..valid).unwrap_or_default();
                    std::str::from_utf8(valid).unwrap_or_default()
                }
            };
            if let Some(own) = text.get(..len) {
                (self.text, self.start) = (text, range.start);
                return Ok(own);
            }
        }
        std::str::from_utf8(ahead.get(..len).unwrap_or_default()).map_err(not_utf8)
    }
}

pub(super) fn not_utf8(cause: std::str::Utf8Error) -> Error {
    Error::mismatch("a string", "bytes that are not UTF-8").caused_by(cause)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{FromReply, Reader};

    /// An array of bulk strings, decoded as text and told whether each was.
    fn check(elements: &[&[u8]]) {
        let mut frame = format!("*{}\r\n", elements.len()).into_bytes();
        for element in elements {
            frame.extend_from_slice(format!("${}\r\n", element.len()).as_bytes());
            frame.extend_from_slice(element);
            frame.extend_from_slice(b"\r\n");
        }
        let frame = Bytes::from(frame);
        let mut reader = Reader::new(&frame, 0..frame.len());
        let found = Vec::<Result<String, Error>>::from_reply(&mut reader).unwrap();
        assert_eq!(reader.remaining(), 0);
        for (element, found) in elements.iter().zip(found) {
            let expected = std::str::from_utf8(element).map(str::to_owned);
            assert_eq!(found.ok(), expected.ok(), "{element:?}");
        }
    }

    #[test]
    fn text_is_text_whatever_stands_around_it() {
        let long = "é".repeat(3000);
        let odd = format!("x{long}");
        let text = ["", "a", "é", "\u{10ffff}", &long, &odd, "é"].map(str::as_bytes);
        // A character that the end of its string cuts off is none, even if the
        // bytes behind it would have gone on with it.
        let broken: [&[u8]; 5] = [b"\xff", b"\xc3", b"a\xc3", b"\xa9", b"\xed\xa0\x80"];
        for one in text {
            for two in broken {
                check(&[one, two, one, two, two, one, one]);
                check(&[two; 9]);
            }
        }
        let many: Vec<&[u8]> = text.into_iter().cycle().take(500).collect();
        check(&many);
    }
}
