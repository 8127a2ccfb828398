//! Any bytes through the scanner, and through the reader whether scanned or not.

use bytes::Bytes;
use slotline_resp::{
    Error, Limits, Protocol, Reader, Replies, Reply, ReplyBuffer, ReplyKind, Scanner, Sequence,
    Token, Value,
};

use crate::choices::roomy;

/// What was scanned decodes; what was not gives an error and does no harm.
pub(crate) fn scan(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let tight = roomy().depth(3).elements(12).bulk(8).total(100);
    for limits in [roomy(), tight] {
        match scan_once(limits, data) {
            Ok(Some(len)) => whole(limits, bytes.slice(..len)),
            Ok(None) => {
                let reply = Reply::from_scanned(bytes.clone());
                assert!(reply.value().is_err(), "a tree of half a frame");
                assert!(reply.reader().skip().is_err(), "skipped half a frame");
                unscanned(&bytes);
            }
            Err(error) => {
                if error.is_protocol() {
                    let skipped = Reader::new(&bytes, 0..bytes.len()).skip();
                    assert_eq!(skipped, Err(error), "skipping knows other rules");
                }
                unscanned(&bytes);
            }
        }
    }
}

fn scan_once(limits: Limits, data: &[u8]) -> Result<Option<usize>, Error> {
    let mut scanner = Scanner::new(limits);
    let scanned = scanner.scan(data);
    match &scanned {
        Ok(Some(len)) => assert!((1..=data.len()).contains(len), "a frame of {len} bytes"),
        Ok(None) => {}
        Err(error) => {
            assert!(error.is_protocol() != error.is_limit(), "{error}");
            let offset = error.offset().expect("it says where");
            assert!(!error.is_protocol() || offset <= data.len(), "{error}");
            assert_eq!(scanner.scan(b"+OK\r\n").as_ref(), Err(error), "it stays");
        }
    }
    scanned
}

/// A frame that the scanner let pass.
fn whole(limits: Limits, frame: Bytes) {
    let len = frame.len();
    assert_eq!(scan_once(limits, &frame), Ok(Some(len)), "alone");
    assert_eq!(scan_once(limits, &frame[..len - 1]), Ok(None), "cut short");
    let reply = Reply::from_scanned(frame.clone());
    let mut skipping = reply.reader();
    assert_eq!(skipping.skip(), Ok(()));
    assert_eq!(skipping.position(), len, "skipped too little");
    let mut walking = reply.reader();
    assert_eq!(walk(&mut walking), Ok(()));
    assert_eq!(walking.position(), len, "walked too little");

    let value = reply.value().expect("what was scanned is a tree");
    assert_eq!(value.kind(), reply.kind());
    match reply.decode::<Value>() {
        Ok(decoded) => assert!(!reply.is_error() && same(&decoded, &value)),
        Err(error) => assert!(error.is_server() && reply.is_error(), "{error}"),
    }
    error_text(&reply, &value);
    written_and_read(&value);
    assert!(same(&value.clone(), &value), "a clone is another");
}

/// However an error's text is asked for, it is the same.
fn error_text(reply: &Reply, value: &Value) {
    assert_eq!(reply.error_line().is_some(), reply.is_error());
    assert_eq!(reply.error().is_some(), reply.is_error());
    if let Value::Error { code, .. } = value {
        let found = reply.error_code();
        assert!(found.is_none_or(|found| found == code), "another code");
        // What is not UTF-8 is replaced, but never in silence.
        assert!(found.is_some() || code.contains('\u{fffd}'), "no code");
    }
    let frame = reply.as_bytes();
    let mut replies = Replies::new();
    replies.push_segment(frame.clone(), [frame.len()]);
    let Some(line) = replies.error_line(0) else {
        assert!(!replies.is_error(0));
        return;
    };
    let all = reply.error_line().expect("an error for both");
    assert!(replies.is_error(0) && all.starts_with(line), "another text");
    assert!(line.len() == all.len() || all[line.len()..].starts_with('\u{fffd}'));
}

/// A tree that is written and read comes back, and is then written alike: what
/// one version lacks, or what had no clean spelling, is changed only once.
fn written_and_read(value: &Value) {
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let first = write(protocol, value);
        let read = Reply::from_scanned(first.clone()).value();
        let again = write(protocol, &read.expect("what was written is read"));
        assert_eq!(first, again, "{protocol:?}");
    }
}

fn write(protocol: Protocol, value: &Value) -> Bytes {
    let mut replies = ReplyBuffer::new(protocol);
    let written = replies.value(value).split();
    let unlimited = roomy().bulk(usize::MAX).total(usize::MAX);
    assert_eq!(scan_once(unlimited, &written), Ok(Some(written.len())));
    written
}

/// Equal, with one NaN as good as another.
fn same(one: &Value, two: &Value) -> bool {
    one == two || write(Protocol::Resp3, one) == write(Protocol::Resp3, two)
}

/// Bytes that no scanner let pass: every way to read them ends.
fn unscanned(bytes: &Bytes) {
    let reply = Reply::from_scanned(bytes.clone());
    let _ = (reply.value(), reply.kind(), reply.error_line());
    let _ = walk(&mut reply.reader());
    for start in [bytes.len() / 2, bytes.len(), bytes.len() + 1] {
        let mut reader = Reader::new(bytes, start..bytes.len());
        let len = reader.remaining();
        let _ = walk(&mut reader);
        assert!(reader.position() <= len, "read behind the end");
    }
}

/// Reads one element token by token, attributes included.
fn walk(reader: &mut Reader<'_>) -> Result<(), Error> {
    // What is open, and whether an element follows behind it that it describes.
    let mut open: Vec<(Sequence, bool)> = Vec::new();
    loop {
        match reader.attributes()? {
            Some(attributes) => open.push((attributes, true)),
            None => one_token(reader, &mut open)?,
        }
        loop {
            let Some((sequence, describes)) = open.last_mut() else {
                return Ok(());
            };
            if reader.has_next(sequence)? {
                break;
            }
            let describes = *describes;
            open.pop();
            if describes {
                break;
            }
        }
    }
}

fn one_token(reader: &mut Reader<'_>, open: &mut Vec<(Sequence, bool)>) -> Result<(), Error> {
    let kind = reader.kind()?;
    let token = reader.token()?;
    // A length below zero that is not -1 looks like nil to `kind` alone.
    assert!(token.kind() == kind, "{kind:?} is {:?}", token.kind());
    match token {
        Token::Aggregate(sequence) => open.push((sequence, false)),
        Token::Chunks => {
            let mut all = reader.clone();
            let mut len = 0;
            while let Some(chunk) = reader.chunk()? {
                len += chunk.len();
            }
            assert_eq!(all.chunks().map(|chunks| chunks.len()), Ok(len));
        }
        _ => assert_ne!(kind, ReplyKind::Array),
    }
    Ok(())
}
