//! A stream of replies, whole and cut.

use bytes::{Bytes, BytesMut};
use slotline_resp::{Error, Limits, ReplyDecoder, Scanner};

use crate::choices::Choices;

/// The first bytes choose limits and cuts, the rest is the stream: the frames, the
/// error and its offset are the same however it was cut.
pub(crate) fn cutting(data: &[u8]) {
    let mut choices = Choices::new(data);
    let limits = choices.limits();
    let cuts = choices.cuts();
    let stream = choices.rest();
    let whole = scanned(limits, stream, [stream]);
    assert_eq!(
        scanned(limits, stream, cuts.pieces(stream)),
        whole,
        "scanned"
    );
    assert_eq!(decoded(limits, [stream]), whole, "decoded");
    let cut = decoded(limits, cuts.pieces(stream));
    assert_eq!(cut, whole, "decoded in pieces");
}

/// The frames of a stream, and how it ended.
#[derive(Debug, PartialEq)]
struct Outcome {
    frames: Vec<Bytes>,
    /// How many bytes are left over, or what is wrong with them and where.
    end: Result<usize, (Error, Option<usize>)>,
}

fn broken(error: Error) -> (Error, Option<usize>) {
    let offset = error.offset();
    (error, offset)
}

fn scanned<'s>(
    limits: Limits,
    stream: &'s [u8],
    pieces: impl IntoIterator<Item = &'s [u8]>,
) -> Outcome {
    let mut scanner = Scanner::new(limits);
    let (mut start, mut arrived) = (0, 0);
    let mut frames = Vec::new();
    for piece in pieces {
        arrived += piece.len();
        loop {
            match scanner.scan(&stream[start..arrived]) {
                Ok(Some(len)) => {
                    assert!(len > 0 && start + len <= arrived, "a frame of {len} bytes");
                    assert_eq!(scanner.missing(), 0);
                    frames.push(Bytes::copy_from_slice(&stream[start..start + len]));
                    start += len;
                }
                Ok(None) => break,
                Err(error) => {
                    let again = scanner.scan(&stream[start..arrived]);
                    assert_eq!(again.as_ref(), Err(&error), "it stays");
                    let end = Err(broken(error));
                    return Outcome { frames, end };
                }
            }
        }
        // What lacks of a string is known exactly, so that much brings progress.
        let missing = scanner.missing();
        let more = stream.get(arrived..arrived + missing.saturating_sub(1));
        if let Some(more) = more.filter(|more| !more.is_empty()) {
            let upto = arrived + more.len();
            let waiting = scanner.clone().scan(&stream[start..upto]);
            assert_eq!(waiting, Ok(None), "{missing} bytes were too many");
        }
    }
    let end = Ok(stream.len() - start);
    Outcome { frames, end }
}

fn decoded<'s>(limits: Limits, pieces: impl IntoIterator<Item = &'s [u8]>) -> Outcome {
    let mut decoder = ReplyDecoder::new(limits);
    let mut buffer = BytesMut::new();
    let mut frames = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match decoder.decode(&mut buffer) {
                Ok(Some(reply)) => frames.push(reply.into_bytes()),
                Ok(None) => break,
                Err(error) => {
                    let again = decoder.decode(&mut buffer);
                    assert_eq!(again.as_ref(), Err(&error), "it stays");
                    let end = Err(broken(error));
                    return Outcome { frames, end };
                }
            }
        }
    }
    let end = Ok(buffer.len());
    Outcome { frames, end }
}
