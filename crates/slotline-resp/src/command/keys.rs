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
        KeySpec::Counted { count_at, step } => {
            counted(encoded, arguments, count_at, step).collect()
        }
        KeySpec::CountedInto { count_at } => {
            let target = arguments.clone().nth(1);
            let counted = counted(encoded, arguments, count_at, 1);
            target.into_iter().chain(counted).collect()
        }
        KeySpec::Streams { from } => {
            let mut rest = arguments.skip(usize::from(from));
            let found = rest.any(|span| is_word(encoded, span, b"STREAMS"));
            let behind: Vec<Span> = rest.filter(|_| found).collect();
            let half = behind.len() / 2;
            behind.into_iter().take(half).collect()
        }
        KeySpec::Stored { from } => {
            let source = arguments.clone().nth(1);
            let options = arguments.skip(usize::from(from));
            source.into_iter().chain(stored(encoded, options)).collect()
        }
        KeySpec::Migrated => migrated(encoded, arguments),
    }
}

fn counted<'a>(
    encoded: Encoded<'a>,
    arguments: Arguments<'a>,
    count_at: u16,
    step: u16,
) -> impl Iterator<Item = Span> {
    let mut rest = arguments.skip(usize::from(count_at));
    let keys = rest
        .next()
        .and_then(|span| encoded.get(span))
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0);
    rest.step_by(usize::from(step.max(1))).take(keys)
}

fn is_word(encoded: Encoded<'_>, span: Span, word: &[u8]) -> bool {
    let given = encoded.get(span);
    given.is_some_and(|given| given.eq_ignore_ascii_case(word))
}

/// The keys behind the last STORE and the last STOREDIST. What belongs to another
/// option is no word.
fn stored(
    encoded: Encoded<'_>,
    mut options: impl Iterator<Item = Span>,
) -> impl Iterator<Item = Span> {
    let (mut stored, mut distances) = (None, None);
    while let Some(span) = options.next() {
        let is = |word: &[u8]| is_word(encoded, span, word);
        if is(b"STORE") {
            stored = options.next().or(stored);
        } else if is(b"STOREDIST") {
            distances = options.next().or(distances);
        } else if is(b"GET") || is(b"BY") {
            options.next();
        } else if is(b"LIMIT") {
            options.nth(1);
        }
    }
    stored.into_iter().chain(distances)
}

/// `MIGRATE host port key|"" db timeout [AUTH p | AUTH2 u p] [KEYS key …]`.
fn migrated(encoded: Encoded<'_>, mut arguments: Arguments<'_>) -> Vec<Span> {
    let Some(key) = arguments.nth(3) else {
        return Vec::new();
    };
    if encoded.get(key).is_some_and(|key| !key.is_empty()) {
        return vec![key];
    }
    let mut options = arguments.skip(2);
    while let Some(span) = options.next() {
        let is = |word: &[u8]| is_word(encoded, span, word);
        if is(b"KEYS") {
            return options.collect();
        }
        if is(b"AUTH") {
            options.next();
        } else if is(b"AUTH2") {
            options.nth(1);
        }
    }
    vec![key]
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
        let each = |count_at, step| KeySpec::Counted { count_at, step };
        let counted = each(2, 1);
        check(counted, &["script", "2", "a", "b", "arg"], &["a", "b"]);
        check(counted, &["script", "many"], &[]);
        check(counted, &["script", "18446744073709551615", "a"], &["a"]);
        let pairs = each(1, 2);
        check(pairs, &["2", "a", "1", "b", "2", "NX"], &["a", "b"]);
        check(pairs, &["1", "a", "1", "EX", "5"], &["a"]);
        check(pairs, &["2", "a", "1", "b"], &["a", "b"]);
        check(pairs, &["3", "a", "1"], &["a"]);
        check(pairs, &["18446744073709551616", "a", "1", "b"], &[]);
        check(pairs, &["18446744073709551615", "a", "1", "b"], &["a", "b"]);
        check(pairs, &["-1", "a", "1"], &[]);
        check(pairs, &["1"], &[]);
        check(pairs, &[], &[]);
        check(each(1, 0), &["2", "a", "b", "c"], &["a", "b"]);
        check(KeySpec::Unknown, &["k"], &[]);
        let into = KeySpec::CountedInto { count_at: 2 };
        check(into, &["d", "2", "a", "b", "WEIGHTS"], &["d", "a", "b"]);
        check(into, &["d"], &["d"]);
        check(into, &[], &[]);
    }

    /// Every command looks at one.
    #[test]
    fn a_specification_is_a_word() {
        assert_eq!(size_of::<KeySpec>(), 8);
    }

    #[test]
    fn keys_behind_a_word_are_found() {
        let streams = KeySpec::Streams { from: 1 };
        check(
            streams,
            &["COUNT", "1", "streams", "a", "b", "0", "0"],
            &["a", "b"],
        );
        check(streams, &["STREAMS", "streams", "0"], &["streams"]);
        check(streams, &["STREAMS", "a", "b", "0"], &["a"]);
        check(streams, &["COUNT", "1"], &[]);
        // A group or a consumer of that name is none.
        let group = KeySpec::Streams { from: 4 };
        check(
            group,
            &["GROUP", "STREAMS", "STREAMS", "STREAMS", "a", ">"],
            &["a"],
        );
        let stored = KeySpec::Stored { from: 2 };
        check(stored, &["k"], &["k"]);
        check(stored, &["k", "ASC", "store", "d"], &["k", "d"]);
        check(
            stored,
            &["k", "STORE", "c", "STOREDIST", "d"],
            &["k", "c", "d"],
        );
        check(stored, &["k", "GET", "STORE", "BY", "STORE"], &["k"]);
        check(
            stored,
            &["k", "LIMIT", "STORE", "x", "STORE", "d"],
            &["k", "d"],
        );
        check(stored, &["k", "STORE"], &["k"]);
        check(stored, &[], &[]);
    }

    #[test]
    fn migrate_has_one_key_or_a_list() {
        let check = |args: &[&str], expected: &[&str]| check(KeySpec::Migrated, args, expected);
        check(&["h", "1", "k", "0", "9"], &["k"]);
        check(&["h", "1", "k", "0", "9", "KEYS", "x"], &["k"]);
        check(
            &["h", "1", "", "0", "9", "COPY", "keys", "a", "b"],
            &["a", "b"],
        );
        check(
            &["h", "1", "", "0", "9", "AUTH", "KEYS", "KEYS", "a"],
            &["a"],
        );
        check(
            &["h", "1", "", "0", "9", "AUTH2", "KEYS", "KEYS", "KEYS", "a"],
            &["a"],
        );
        check(&["h", "1", "", "0", "9"], &[""]);
        check(&["h", "1"], &[]);
    }
}
