//! Commands and replies as bytes, as far as these nodes need them.

/// What an aggregate or a string begins with, or a number. Nothing that allocates
/// beside the buffer itself: allocations are counted.
pub(crate) fn header(out: &mut Vec<u8>, kind: u8, number: usize) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len() - 1;
    let mut left = number / 10;
    digits[first] += (number % 10) as u8;
    while left > 0 {
        first -= 1;
        digits[first] += (left % 10) as u8;
        left /= 10;
    }
    out.push(kind);
    out.extend_from_slice(&digits[first..]);
    out.extend_from_slice(b"\r\n");
}

pub(crate) fn bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    header(out, b'$', bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// The first two words of a whole command, and what is behind it.
pub(crate) fn command(bytes: &[u8]) -> Option<([&[u8]; 2], &[u8])> {
    let mut words = [&b""[..]; 2];
    let (count, mut rest) = line(bytes)?;
    for index in 0..count {
        let (len, after) = line(rest)?;
        let word = after.get(..len)?;
        rest = after.get(len + 2..)?;
        if let Some(place) = words.get_mut(index) {
            *place = word;
        }
    }
    Some((words, rest))
}

/// The number behind the first byte, and what is behind the line.
fn line(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let digits = bytes.get(1..end.checked_sub(1)?)?;
    let number = digits
        .iter()
        .fold(0, |number, digit| number * 10 + usize::from(digit - b'0'));
    Some((number, bytes.get(end + 1..)?))
}
