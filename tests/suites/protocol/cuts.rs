//! The same bytes, however the network cut them.

use bytes::Bytes;
use slotline_resp::{Error, Limits, Reply, Scanner};

/// Bytes up to this long are cut at each position in turn.
const SHORT: usize = 2048;

/// Longer ones go in pieces this long, beginning at each of as many positions: so
/// every position is a cut in one of the rounds, and their number does not grow.
const PIECE: usize = 64;

/// Where each frame of `bytes` ends, or what is wrong with them: the same for the
/// whole, byte by byte, and cut at every position.
pub fn ends(limits: Limits, bytes: &[u8]) -> Result<Vec<usize>, Error> {
    let whole = feed(limits, bytes, []);
    assert_eq!(feed(limits, bytes, 1..bytes.len()), whole, "byte by byte");
    if bytes.len() <= SHORT {
        for cut in 1..bytes.len() {
            assert_eq!(feed(limits, bytes, [cut]), whole, "cut at {cut}");
        }
    } else {
        for first in 1..=PIECE {
            let cuts = (first..bytes.len()).step_by(PIECE);
            assert_eq!(feed(limits, bytes, cuts), whole, "pieces from {first}");
        }
    }
    whole
}

/// The frames that `bytes` are, each sharing their memory.
pub fn frames(limits: Limits, bytes: &Bytes) -> Vec<Reply> {
    let ends = ends(limits, bytes).unwrap_or_else(|error| panic!("{error}"));
    let mut start = 0;
    let cut_out = ends.into_iter().map(|end| {
        let frame = bytes.slice(start..end);
        start = end;
        Reply::from_scanned(frame)
    });
    cut_out.collect()
}

/// Scans as one who reads from a socket does, getting as many bytes each time as
/// `cuts` say and all of them in the end.
fn feed(
    limits: Limits,
    bytes: &[u8],
    cuts: impl IntoIterator<Item = usize>,
) -> Result<Vec<usize>, Error> {
    let mut scanner = Scanner::new(limits);
    let (mut ends, mut start) = (Vec::new(), 0);
    for arrived in cuts.into_iter().chain([bytes.len()]) {
        while start < arrived {
            let Some(len) = scanner.scan(&bytes[start..arrived])? else {
                break;
            };
            start += len;
            assert!(start <= arrived, "a frame longer than what had arrived");
            ends.push(start);
        }
    }
    assert_eq!(start, bytes.len(), "a part of a frame is left over");
    Ok(ends)
}
