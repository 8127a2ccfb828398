//! The common scalars, where they are whole and well formed: the way of nearly
//! every byte. What is not, `header` tells apart.

/// Digits, as a number if there are at most eighteen, and what comes behind
/// their CR LF.
#[inline]
fn digits(input: &[u8]) -> Option<(u64, &[u8])> {
    let mut n: u64 = 0;
    let mut rest = input;
    // A long run of digits is walked over once, and then refused.
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        n = n.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        rest = after;
    }
    let count = input.len() - rest.len();
    match rest {
        [b'\r', b'\n', rest @ ..] if (1..=18).contains(&count) => Some((n, rest)),
        _ => None,
    }
}

/// The digits of a length or count and their CR LF. Most have one or two.
#[inline]
pub(super) fn quick_length(input: &[u8]) -> Option<(&[u8], u64)> {
    let digit = |byte: u8| u64::from(byte - b'0');
    match input {
        [ones @ b'0'..=b'9', b'\r', b'\n', rest @ ..] => Some((rest, digit(*ones))),
        [
            tens @ b'1'..=b'9',
            ones @ b'0'..=b'9',
            b'\r',
            b'\n',
            rest @ ..,
        ] => Some((rest, digit(*tens) * 10 + digit(*ones))),
        [b'1'..=b'9', ..] => digits(input).map(|(n, rest)| (rest, n)),
        _ => None,
    }
}

/// A bulk string of at most `longest` bytes, and what comes behind it.
// The compiler makes a function of it by itself once several places read bulk strings:
// a third more for each.
#[inline(always)]
pub(crate) fn quick_bulk(input: &[u8], longest: usize) -> Option<(&[u8], &[u8])> {
    let (rest, len) = quick_length(input.strip_prefix(b"$")?)?;
    let len = usize::try_from(len).ok().filter(|len| *len <= longest)?;
    let (body, rest) = rest.split_at_checked(len)?;
    Some((body, rest.strip_prefix(b"\r\n")?))
}

/// An integer of at most eighteen digits, and what comes behind it.
#[inline]
pub(crate) fn quick_integer(input: &[u8]) -> Option<(i64, &[u8])> {
    match input {
        [b':', b'-', rest @ ..] => digits(rest).map(|(n, rest)| (-(n as i64), rest)),
        [b':', rest @ ..] => digits(rest).map(|(n, rest)| (n as i64, rest)),
        _ => None,
    }
}

/// A short simple string of at most `longest` bytes, and what comes behind it.
#[inline]
pub(crate) fn quick_simple(input: &[u8], longest: usize) -> Option<(&[u8], &[u8])> {
    let text = input.strip_prefix(b"+")?;
    let mut short = text.iter().take(32);
    let end = short.position(|byte| matches!(byte, b'\r' | b'\n'))?;
    let (text, rest) = text.split_at_checked(end)?;
    let rest = rest.strip_prefix(b"\r\n")?;
    (text.len() <= longest).then_some((text, rest))
}

/// How long the scalar at the front of `input` is, if it is one of the common
/// ones, here whole and no longer than `longest`.
#[inline]
pub(super) fn scalar(input: &[u8], longest: usize) -> Option<usize> {
    let rest = match input {
        [b'$', b'0'..=b'9', ..] => quick_bulk(input, longest)?.1,
        [b'$', b'-', b'1', b'\r', b'\n', rest @ ..] | [b'_', b'\r', b'\n', rest @ ..] => rest,
        [b':', ..] => quick_integer(input)?.1,
        [b'+', ..] => quick_simple(input, longest)?.1,
        _ => return None,
    };
    Some(input.len() - rest.len())
}
