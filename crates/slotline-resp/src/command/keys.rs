//! Finds a command's keys by its key specification.

use smallvec::SmallVec;

use super::body::{Arguments, Encoded, Entry, Span};
use super::info::KeySpec;

/// The keys of every entry: those that are marked, or else those that its key
/// specification names. Each entry's `keys_end` is set anew.
pub(crate) fn find(
    encoded: Encoded<'_>,
    entries: &mut [Entry],
    marked: &[Span],
) -> SmallVec<[Span; 1]> {
    let mut keys = SmallVec::with_capacity(entries.len());
    let mut marked_start = 0;
    for entry in entries {
        let own = marked.get(marked_start..entry.keys_end).unwrap_or_default();
        marked_start = entry.keys_end;
        if own.is_empty() {
            keys.extend(by_specification(encoded, entry.start, entry.info.keys));
        } else {
            keys.extend_from_slice(own);
        }
        entry.keys_end = keys.len();
    }
    keys
}

fn by_specification(encoded: Encoded<'_>, start: usize, spec: KeySpec) -> Vec<Span> {
    let arguments = Arguments::new(encoded, start);
    let count = arguments.left();
    match spec {
        KeySpec::None | KeySpec::Unknown => Vec::new(),
        KeySpec::Range { first, last, step } => {
            let last = if last < 0 {
                count.saturating_sub(usize::from(last.unsigned_abs()))
            } else {
                usize::from(last.unsigned_abs())
            };
            arguments
                .enumerate()
                .take_while(|(at, _)| *at <= last)
                .skip(usize::from(first))
                .step_by(usize::from(step.max(1)))
                .map(|(_, span)| span)
                .collect()
        }
        KeySpec::Counted { count_at } => {
            let mut rest = arguments.skip(usize::from(count_at));
            let keys = rest
                .next()
                .and_then(|span| encoded.get(span))
                .and_then(|digits| std::str::from_utf8(digits).ok())
                .and_then(|digits| digits.parse().ok())
                .unwrap_or(0);
            rest.take(keys).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::command::{CommandBuffer, KeySpec};

    fn check(spec: KeySpec, args: &[&str], expected: &[&str]) {
        let mut buffer = CommandBuffer::new();
        buffer.begin_named("X");
        for arg in args {
            buffer.arg(arg);
        }
        let bytes = buffer.freeze().to_vec();
        let encoded = super::Encoded {
            bytes: &bytes,
            large: &[],
        };
        let found: Vec<&str> = super::by_specification(encoded, 0, spec)
            .into_iter()
            .map(|span| std::str::from_utf8(&bytes[span.start..span.end]).unwrap())
            .collect();
        assert_eq!(found, expected, "{spec:?} {args:?}");
    }

    #[test]
    fn each_specification_names_its_keys() {
        let range = |first, last, step| KeySpec::Range { first, last, step };
        check(range(1, 1, 1), &["k", "v"], &["k"]);
        check(range(1, -1, 1), &["a", "b", "c"], &["a", "b", "c"]);
        check(range(1, -1, 2), &["a", "1", "b", "2"], &["a", "b"]);
        check(range(1, -2, 1), &["a", "b", "timeout"], &["a", "b"]);
        check(range(2, 2, 1), &["ENCODING", "k"], &["k"]);
        check(range(1, 1, 1), &[], &[]);
        check(range(1, -9, 1), &["k"], &[]);
        let counted = KeySpec::Counted { count_at: 2 };
        check(counted, &["script", "2", "a", "b", "arg"], &["a", "b"]);
        check(counted, &["script", "many"], &[]);
        check(counted, &["script", "18446744073709551615", "a"], &["a"]);
        check(KeySpec::Unknown, &["k"], &[]);
    }
}
