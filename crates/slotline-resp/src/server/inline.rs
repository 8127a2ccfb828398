//! Inline commands: a line as a person types it.

use smallvec::SmallVec;

use super::received::FEW;
use crate::command::Span;

/// The arguments of a line, without their quotes.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) text: Vec<u8>,
    /// Where each lies in `text`.
    pub(super) spans: SmallVec<[Span; FEW]>,
}

/// A broken rule, and where in the line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Broken {
    pub(super) what: &'static str,
    pub(super) at: usize,
}

/// Splits a line, with or without what ends it, into its arguments, by the
/// server's own rules: white space parts them; within double quotes a backslash
/// escapes, within single quotes only a single quote; after a closing quote
/// comes white space or nothing.
pub(super) fn split(line: &[u8]) -> Result<Words, Broken> {
    // Servers read a C string, and would lose what comes after it in silence.
    if let Some(at) = line.iter().position(|byte| *byte == 0) {
        let what = "NUL byte in an inline command";
        return Err(Broken { what, at });
    }
    let mut words = Words::default();
    let mut at = 0;
    while let Some(byte) = line.get(at) {
        if is_blank(*byte) {
            at += 1;
            continue;
        }
        let start = words.text.len();
        at = word(line, at, &mut words.text)?;
        let end = words.text.len();
        words.spans.push(Span { start, end });
    }
    Ok(words)
}

/// What C's `isspace` says.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Appends the argument that begins at `at`; tells where it ends.
fn word(line: &[u8], mut at: usize, text: &mut Vec<u8>) -> Result<usize, Broken> {
    while let Some(byte) = line.get(at) {
        match byte {
            // Not all that is blank: servers let VT and FF stand in a word.
            b' ' | b'\t' | b'\r' | b'\n' => break,
            b'"' => return quoted(line, at, text, escape),
            b'\'' => return quoted(line, at, text, escaped_quote),
            byte => text.push(*byte),
        }
        at += 1;
    }
    Ok(at)
}

/// Appends what stands in the quotes that open at `open`; tells where they end.
/// `escape` reads what begins with a backslash.
fn quoted(
    line: &[u8],
    open: usize,
    text: &mut Vec<u8>,
    escape: impl Fn(&[u8]) -> Option<(u8, usize)>,
) -> Result<usize, Broken> {
    let unbalanced = |at| {
        let what = "unbalanced quotes in an inline command";
        Err(Broken { what, at })
    };
    let mut at = open + 1;
    while let Some(byte) = line.get(at) {
        if line.get(open) == Some(byte) {
            return match line.get(at + 1) {
                Some(after) if !is_blank(*after) => unbalanced(at + 1),
                _ => Ok(at + 1),
            };
        }
        let ahead = line.get(at..).unwrap_or_default();
        let (byte, len) = escape(ahead).unwrap_or((*byte, 1));
        text.push(byte);
        at += len;
    }
    unbalanced(open)
}

/// The byte that an escape within double quotes stands for, and the escape's length.
fn escape(ahead: &[u8]) -> Option<(u8, usize)> {
    match ahead {
        [b'\\', b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
            Some((hex(*high) << 4 | hex(*low), 4))
        }
        [b'\\', byte, ..] => {
            let byte = match byte {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'b' => 0x08,
                b'a' => 0x07,
                other => *other,
            };
            Some((byte, 2))
        }
        _ => None,
    }
}

fn escaped_quote(ahead: &[u8]) -> Option<(u8, usize)> {
    ahead.starts_with(b"\\'").then_some((b'\'', 2))
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit.to_ascii_lowercase().wrapping_sub(b'a' - 10),
    }
}
