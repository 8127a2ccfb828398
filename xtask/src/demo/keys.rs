//! The keys of the demo. Every value names its key, so that a reply that belongs
//! to another request is seen to be wrong.

use std::collections::BTreeMap;

/// How many hashes are loaded.
pub(super) const HASHES: usize = 100_000;
/// How many fields each has.
pub(super) const FIELDS: usize = 10;
/// How many counters there are; few enough that each is hit many times.
pub(super) const COUNTERS: usize = 2_000;
/// Counters begin this far apart: a counter's value names the counter as long as
/// it is increased less often than that.
const APART: i64 = 1_000_000_000_000;

/// The field of a counter's hash that holds its number.
pub(super) const COUNT: &str = "n";

pub(super) fn hash(index: usize) -> String {
    format!("h:{index}")
}

/// The fields of a hash with their values.
pub(super) fn fields(key: &str) -> Vec<(String, String)> {
    (0..FIELDS)
        .map(|field| (format!("f{field}"), format!("{key}/f{field}")))
        .collect()
}

/// Whether these are the fields of that hash: all of them and no other's.
pub(super) fn is_hash(key: &str, found: &BTreeMap<&str, &str>) -> bool {
    let belongs = |(field, value): (&&str, &&str)| {
        let number = field.strip_prefix('f').and_then(|rest| rest.parse().ok());
        number.is_some_and(|number: usize| number < FIELDS)
            && value
                .strip_prefix(key)
                .and_then(|rest| rest.strip_prefix('/'))
                == Some(*field)
    };
    found.len() == FIELDS && found.iter().all(belongs)
}

pub(super) fn counter(index: usize) -> String {
    format!("c:{index}")
}

/// What a counter holds before anyone has increased it.
pub(super) fn counter_base(index: usize) -> i64 {
    // None begins at nothing: a counter whose key was missing would show.
    (index as i64 + 1) * APART
}

/// How often a counter that holds `value` was increased; `None` if that is no
/// value of this counter.
pub(super) fn increments(index: usize, value: i64) -> Option<u64> {
    let count = value.checked_sub(counter_base(index))?;
    u64::try_from(count)
        .ok()
        .filter(|count| *count < APART as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_known_by_its_values_and_another_hash_is_not() {
        let own = fields("h:12");
        let mut found: BTreeMap<&str, &str> = own
            .iter()
            .map(|(field, value)| (field.as_str(), value.as_str()))
            .collect();
        assert!(is_hash("h:12", &found));
        assert!(!is_hash("h:1", &found));
        found.insert("f3", "h:12/f4");
        assert!(!is_hash("h:12", &found));
        found.remove("f3");
        assert!(!is_hash("h:12", &found));
    }

    #[test]
    fn a_counter_is_known_by_its_value() {
        assert_eq!(increments(7, counter_base(7) + 5), Some(5));
        assert_eq!(increments(8, counter_base(7) + 5), None);
        assert_eq!(increments(6, counter_base(7) + 5), None);
        // A counter that began at nothing because its key was missing.
        assert_eq!(increments(0, 1), None);
    }
}
