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
        KeySpec::Counted { count_at } => {
            let count_at = usize::from(count_at);
            let digits = args.get(count_at).map(AsRef::as_ref).unwrap_or_default();
            let digits = std::str::from_utf8(digits).unwrap_or_default();
            let keys: usize = digits.parse().unwrap_or(0);
            let first = count_at + 1;
            (first..first.saturating_add(keys).min(count)).collect()
        }
        _ => Vec::new(),
    }
}
