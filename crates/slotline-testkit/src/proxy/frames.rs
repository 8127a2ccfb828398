//! Where the frames in a stream end, and what is passed on in their place.

use bytes::{Bytes, BytesMut};
use slotline_resp::{Limits, Scanner};

use super::faults::{Rewriter, Since};

/// Bytes on their way, after rewriting.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) bytes: Bytes,
    /// Whether it stands for a frame that was something else.
    pub(super) is_rewritten: bool,
    /// Where in the stream, as it came in, the frame ends that it is the end of.
    pub(super) ends_at: Option<u64>,
}

/// Finds the frames of one direction from its first byte on, so that it is known
/// at any time whether one has been begun. Bytes that need not wait go through at
/// once; a frame that is to be rewritten waits for its end.
///
/// What is no RESP goes through as it is, from there on for good.
#[derive(Debug)]
pub(super) struct Framer {
    scanner: Scanner,
    /// The frame that has been begun, and how much of it has gone through.
    begun: BytesMut,
    through: usize,
    /// Where in the stream it begins.
    start: u64,
    is_opaque: bool,
}

impl Framer {
    pub(super) fn new() -> Framer {
        Framer {
            scanner: Scanner::new(Limits::default()),
            begun: BytesMut::new(),
            through: 0,
            start: 0,
            is_opaque: false,
        }
    }

    /// Takes what has arrived, and tells what of it, and of what came before, is
    /// to go on. Without new bytes it lets go what a rewriter no longer waits for.
    pub(super) fn feed(
        &mut self,
        bytes: &[u8],
        rewrite: Option<&Since<Rewriter>>,
        mut pass: impl FnMut(Piece),
    ) {
        self.begun.extend_from_slice(bytes);
        while !self.is_opaque && !self.begun.is_empty() {
            match self.scanner.scan(&self.begun) {
                Ok(Some(len)) => pass(self.whole(len, rewrite)),
                Ok(None) => break,
                Err(_) => self.is_opaque = true,
            }
        }
        let waits = !self.is_opaque && self.rewriter(rewrite).is_some();
        if !waits && let Some(piece) = self.rest() {
            pass(piece);
        }
    }

    /// The stream has ended: what is left goes through as it is.
    pub(super) fn finish(&mut self) -> Option<Piece> {
        self.is_opaque = true;
        self.rest()
    }

    /// Where in the stream the next frame begins; `None` in the midst of one.
    pub(super) fn boundary(&self) -> Option<u64> {
        (!self.is_opaque && self.begun.is_empty()).then_some(self.start)
    }

    /// Who rewrites the frame that has been begun.
    fn rewriter<'a>(&self, rewrite: Option<&'a Since<Rewriter>>) -> Option<&'a Rewriter> {
        rewrite
            .filter(|_| self.through == 0)
            .and_then(|it| it.at(self.start))
    }

    fn whole(&mut self, len: usize, rewrite: Option<&Since<Rewriter>>) -> Piece {
        let rewriter = self.rewriter(rewrite);
        let frame = self.begun.split_to(len).freeze();
        let instead = rewriter.and_then(|rewriter| rewriter.apply(&frame));
        let is_rewritten = instead.is_some();
        let through = std::mem::take(&mut self.through);
        self.start += len as u64;
        Piece {
            bytes: instead.map_or_else(|| frame.slice(through..), Bytes::from),
            is_rewritten,
            ends_at: Some(self.start),
        }
    }

    fn rest(&mut self) -> Option<Piece> {
        let rest = self.begun.get(self.through..).unwrap_or_default();
        let bytes = Bytes::copy_from_slice(rest);
        if self.is_opaque {
            self.begun.clear();
        }
        self.through = self.begun.len();
        (!bytes.is_empty()).then_some(Piece {
            bytes,
            is_rewritten: false,
            ends_at: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What goes through when the bytes come in these portions; `|` is the end of
    /// a frame, and `~` stands before what was rewritten.
    fn through(portions: &[&str], rewrite: Option<&Since<Rewriter>>) -> Vec<String> {
        let mut framer = Framer::new();
        let each = portions.iter().map(|portion| {
            let mut text = String::new();
            framer.feed(portion.as_bytes(), rewrite, |piece| {
                text.push_str(if piece.is_rewritten { "~" } else { "" });
                text.push_str(&String::from_utf8_lossy(&piece.bytes).replace("\r\n", " "));
                text.push_str(if piece.ends_at.is_some() { "|" } else { "" });
            });
            text
        });
        each.collect()
    }

    fn doubling(from: u64) -> Since<Rewriter> {
        let what = Rewriter::new(|frame| match frame.first() {
            Some(b':') => Some([frame, frame].concat()),
            Some(b'-') => Some(Vec::new()),
            _ => None,
        });
        Since { from, what }
    }

    #[test]
    fn bytes_go_through_at_once_and_the_ends_of_frames_are_known() {
        let portions = ["+O", "K\r\n:1\r\n$3\r\na", "", "bc\r\n"];
        let expected = ["+O", "K |:1 |$3 a", "", "bc |"];
        assert_eq!(through(&portions, None), expected);
    }

    #[test]
    fn a_frame_that_may_be_rewritten_waits_for_its_end() {
        let portions = ["+O", "K\r\n:1\r\n-E", "RR\r\n$3\r\na", "bc\r\n"];
        let expected = ["", "+OK |~:1 :1 |", "~|", "$3 abc |"];
        assert_eq!(through(&portions, Some(&doubling(0))), expected);
    }

    #[test]
    fn a_frame_that_began_before_the_rewriting_goes_through_as_it_is() {
        let portions = [":", "1\r\n:2", "\r\n:3\r\n"];
        let expected = [":", "1 |", "~:2 :2 |~:3 :3 |"];
        assert_eq!(through(&portions, Some(&doubling(1))), expected);
        let expected = [":", "1 |:2", " |~:3 :3 |"];
        assert_eq!(through(&portions, Some(&doubling(5))), expected);
    }

    #[test]
    fn what_a_rewriter_no_longer_waits_for_is_let_go() {
        let mut framer = Framer::new();
        let rewrite = doubling(0);
        framer.feed(b"$3\r\na", Some(&rewrite), |piece| panic!("{piece:?}"));
        assert_eq!(framer.boundary(), None);
        let mut all = Vec::new();
        framer.feed(b"", None, |piece| all.push(piece.bytes));
        assert_eq!(all, ["$3\r\na"]);
        framer.feed(b"bc\r\n", Some(&rewrite), |piece| all.push(piece.bytes));
        assert_eq!(all, ["$3\r\na", "bc\r\n"]);
        assert_eq!(framer.boundary(), Some(9));
    }

    #[test]
    fn what_is_no_resp_goes_through_as_it_is() {
        let portions = [":1\r\nGET /", " HTTP/1.1\r\n", ":1\r\n"];
        let expected = ["~:1 :1 |GET /", " HTTP/1.1 ", ":1 "];
        assert_eq!(through(&portions, Some(&doubling(0))), expected);
        let mut framer = Framer::new();
        framer.feed(b"$5\r\nab", Some(&doubling(0)), |piece| panic!("{piece:?}"));
        assert_eq!(framer.finish().unwrap().bytes, "$5\r\nab");
        assert_eq!(framer.boundary(), None);
    }
}
