//! What is stored in the servers. Names end in twelve digits, as those that the
//! servers' own benchmark makes up do.

use std::collections::HashMap;
use std::sync::LazyLock;

use bytes::Bytes;

use crate::client::Failure;

/// Keys of small values, and the bytes of each value.
pub const SMALL: usize = 100_000;
/// See [`SMALL`].
pub const SMALL_LEN: usize = 64;

/// Keys of large values, and the bytes of each value.
pub const LARGE: usize = 4;
/// See [`LARGE`].
pub const LARGE_LEN: usize = 1 << 20;

/// Keys of hashes of 100 fields, and of hashes of ten.
pub const WIDE: usize = 64;
/// See [`WIDE`].
pub const WIDE_FIELDS: usize = 100;
/// Keys of hashes of ten fields.
pub const NARROW: usize = 10_000;
/// See [`NARROW`].
pub const NARROW_FIELDS: usize = 10;

/// The bytes of a field's value.
pub const FIELD_LEN: usize = 16;

/// What the names of each kind begin with.
pub const SMALL_PREFIX: &str = "key:";
/// See [`SMALL_PREFIX`].
pub const LARGE_PREFIX: &str = "large:";
/// See [`SMALL_PREFIX`].
pub const WIDE_PREFIX: &str = "wide:";
/// See [`SMALL_PREFIX`].
pub const NARROW_PREFIX: &str = "narrow:";

static SMALL_KEYS: LazyLock<Vec<String>> = LazyLock::new(|| names(SMALL_PREFIX, SMALL));
static LARGE_KEYS: LazyLock<Vec<String>> = LazyLock::new(|| names(LARGE_PREFIX, LARGE));
static WIDE_KEYS: LazyLock<Vec<String>> = LazyLock::new(|| names(WIDE_PREFIX, WIDE));
static NARROW_KEYS: LazyLock<Vec<String>> = LazyLock::new(|| names(NARROW_PREFIX, NARROW));
static SMALL_VALUE: Bytes = Bytes::from_static(&[b'x'; SMALL_LEN]);

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{prefix}{n:012}")).collect()
}

/// All keys of small values.
#[must_use]
pub fn small() -> &'static [String] {
    &SMALL_KEYS
}

/// All keys of large values.
#[must_use]
pub fn large() -> &'static [String] {
    &LARGE_KEYS
}

/// All keys of hashes of 100 fields.
#[must_use]
pub fn wide() -> &'static [String] {
    &WIDE_KEYS
}

/// All keys of hashes of ten fields.
#[must_use]
pub fn narrow() -> &'static [String] {
    &NARROW_KEYS
}

/// What is stored at, and written to, the keys of small values.
#[must_use]
pub fn small_value() -> &'static Bytes {
    &SMALL_VALUE
}

/// The name of a field of a hash.
#[must_use]
pub fn field(index: usize) -> String {
    format!("field:{index:04}")
}

/// `count` of `keys` that lie beside each other, others at every turn.
pub(crate) fn run(keys: &'static [String], turn: u64, count: usize) -> &'static [String] {
    // Fibonacci hashing: turns that follow each other lie far apart.
    let mixed = turn.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let places = keys.len().saturating_sub(count) as u64 + 1;
    let start = (mixed % places) as usize;
    keys.get(start..start + count).unwrap_or_default()
}

/// One of `keys`, another at every turn.
pub(crate) fn one(keys: &'static [String], turn: u64) -> &'static str {
    run(keys, turn, 1).first().map_or("", String::as_str)
}

/// Sees that a value has the length that it should have.
pub(crate) fn check_value(value: &[u8], len: usize) -> Result<(), Failure> {
    if value.len() == len {
        return Ok(());
    }
    Err(format!("a value of {} bytes in place of {len}", value.len()).into())
}

/// Sees that a hash has as many fields as it should have, and one of the values.
pub(crate) fn check_map(map: &HashMap<String, String>, fields: usize) -> Result<(), Failure> {
    let value = map.get("field:0000").map_or(0, String::len);
    if map.len() == fields && value == FIELD_LEN {
        return Ok(());
    }
    let len = map.len();
    Err(format!("{len} fields, the first of {value} bytes, in place of {fields}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_go_over_all_keys_and_stay_within_them() {
        let keys = narrow();
        let mut seen = vec![false; keys.len()];
        for turn in 0..200_000 {
            let run = run(keys, turn, 100);
            assert_eq!(run.len(), 100);
            let first: usize = run[0].rsplit(':').next().unwrap().parse().unwrap();
            seen[first..first + 100].fill(true);
        }
        assert!(seen.into_iter().all(|it| it));
        assert_eq!(one(wide(), 0), "wide:000000000000");
    }
}
