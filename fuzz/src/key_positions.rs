//! Where a command's keys are, counted out plainly.

use slotline_resp::KeySpec;

/// The positions that a key specification names among so many arguments.
pub(crate) fn key_positions<A: AsRef<[u8]>>(spec: KeySpec, args: &[A]) -> Vec<usize> {
    let count = args.len();
    match spec {
        KeySpec::Range { first, last, step } => {
            let last = match last < 0 {
                true => count as i64 + i64::from(last),
                false => i64::from(last),
            };
            (usize::from(first)..count)
                .step_by(usize::from(step.max(1)))
                .take_while(|at| *at as i64 <= last)
                .collect()
        }
        KeySpec::Counted { count_at, step } => counted(usize::from(count_at), step.into(), args),
        KeySpec::CountedInto { count_at } => {
            let mut keys: Vec<usize> = (1..count.min(2)).collect();
            keys.extend(counted(usize::from(count_at), 1, args));
            keys
        }
        KeySpec::Streams { from } => {
            let word = (usize::from(from)..count).find(|at| is(args, *at, "STREAMS"));
            let first = word.map_or(count, |at| at + 1);
            (first..first + (count - first) / 2).collect()
        }
        KeySpec::Stored { from } => {
            let mut keys: Vec<usize> = (1..count.min(2)).collect();
            let (mut stored, mut distances) = (None, None);
            let mut at = usize::from(from);
            while at < count {
                let behind = Some(at + 1).filter(|behind| *behind < count);
                let stores = is(args, at, "STORE");
                let stores_distances = is(args, at, "STOREDIST");
                if stores {
                    stored = behind.or(stored);
                } else if stores_distances {
                    distances = behind.or(distances);
                }
                at += if stores || stores_distances || is(args, at, "GET") || is(args, at, "BY") {
                    2
                } else if is(args, at, "LIMIT") {
                    3
                } else {
                    1
                };
            }
            keys.extend(stored.into_iter().chain(distances));
            keys
        }
        KeySpec::Migrated => {
            let one: Vec<usize> = (3..count.min(4)).collect();
            if args.get(3).is_none_or(|key| !key.as_ref().is_empty()) {
                return one;
            }
            let mut at = 6;
            while at < count {
                if is(args, at, "KEYS") {
                    return (at + 1..count).collect();
                }
                at += if is(args, at, "AUTH") {
                    2
                } else if is(args, at, "AUTH2") {
                    3
                } else {
                    1
                };
            }
            one
        }
        KeySpec::None | KeySpec::Unknown => Vec::new(),
        _ => panic!("{spec:?} is not counted out here yet"),
    }
}

fn is<A: AsRef<[u8]>>(args: &[A], at: usize, word: &str) -> bool {
    args[at].as_ref().eq_ignore_ascii_case(word.as_bytes())
}

fn counted<A: AsRef<[u8]>>(count_at: usize, step: usize, args: &[A]) -> Vec<usize> {
    let digits = args.get(count_at).map(AsRef::as_ref).unwrap_or_default();
    let digits = std::str::from_utf8(digits).unwrap_or_default();
    let keys: usize = digits.parse().unwrap_or(0);
    let behind = (count_at + 1..args.len()).step_by(step.max(1));
    behind.take(keys).collect()
}
