//! RESP2 replies, as far as the workloads have them.

use std::collections::HashMap;

use bytes::{Buf, Bytes};
use slotline_bench_driver::Failure;

/// Where a reply ends.
pub(super) enum End {
    At(usize),
    /// Not here yet: at least so many bytes more.
    Missing(usize),
}

/// The line at `at`, without its end, and where the next begins.
fn line(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = &bytes[at..];
    let len = rest.iter().position(|&byte| byte == b'\r')?;
    (rest.len() > len + 1).then(|| (&rest[..len], at + len + 2))
}

fn number(digits: &[u8]) -> Result<usize, Failure> {
    let text = std::str::from_utf8(digits)?;
    Ok(text.parse()?)
}

/// Where the reply ends that begins at `at`.
pub(super) fn end(bytes: &[u8], mut at: usize) -> Result<End, Failure> {
    let mut left = 1;
    while left > 0 {
        let Some((line, next)) = line(bytes, at) else {
            return Ok(End::Missing(1));
        };
        left -= 1;
        at = next;
        match line.split_first() {
            Some((b'$', digits)) => {
                at += number(digits)? + 2;
                if at > bytes.len() {
                    return Ok(End::Missing(at - bytes.len()));
                }
            }
            Some((b'*', digits)) => left += number(digits)?,
            Some((b'+' | b':', _)) => {}
            _ => return Err(String::from_utf8_lossy(line).into()),
        }
    }
    Ok(End::At(at))
}

/// Takes the head of the first reply, which is to be of that kind.
fn head(replies: &mut Bytes, kind: u8) -> Result<usize, Failure> {
    let (line, next) = line(replies, 0).ok_or("a reply is missing")?;
    let number = match line.split_first() {
        Some((&first, digits)) if first == kind => number(digits)?,
        _ => return Err("a reply of another kind".into()),
    };
    replies.advance(next);
    Ok(number)
}

pub(super) fn bulk(replies: &mut Bytes) -> Result<Bytes, Failure> {
    let len = head(replies, b'$')?;
    let value = replies.split_to(len);
    replies.advance(2);
    Ok(value)
}

pub(super) fn ok(replies: &mut Bytes) -> Result<(), Failure> {
    if !replies.starts_with(b"+OK\r\n") {
        return Err("a reply that is not OK".into());
    }
    replies.advance(5);
    Ok(())
}

fn text(replies: &mut Bytes) -> Result<String, Failure> {
    let len = head(replies, b'$')?;
    let text = std::str::from_utf8(&replies[..len])?.to_owned();
    replies.advance(len + 2);
    Ok(text)
}

pub(super) fn map(replies: &mut Bytes) -> Result<HashMap<String, String>, Failure> {
    let fields = head(replies, b'*')? / 2;
    let mut map = HashMap::with_capacity(fields);
    for _ in 0..fields {
        map.insert(text(replies)?, text(replies)?);
    }
    Ok(map)
}
