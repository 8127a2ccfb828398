//! Several nodes' numbers become one, or lists of them one list.

use slotline_resp::{Protocol, Replies, ReplyBuffer, ReplyKind, ResponsePolicy};

/// What one node counted.
enum Counted {
    One(i64),
    Each(Vec<i64>),
}

/// The replies at `places` put together as `policy` says, number by number; `None` if
/// they do not fit together.
pub(super) fn counted(
    policy: ResponsePolicy,
    replies: &Replies,
    places: &[usize],
) -> Option<ReplyBuffer> {
    let mut all = places.iter().map(|at| read(replies, *at));
    let mut sum = all.next()??;
    for next in all {
        match (&mut sum, next?) {
            (Counted::One(sum), Counted::One(next)) => *sum = fold(policy, *sum, next),
            (Counted::Each(sum), Counted::Each(next)) if sum.len() == next.len() => {
                for (sum, next) in sum.iter_mut().zip(next) {
                    *sum = fold(policy, *sum, next);
                }
            }
            _ => return None,
        }
    }
    let mut reply = ReplyBuffer::new(Protocol::Resp3);
    match sum {
        Counted::One(sum) => {
            reply.integer(sum);
        }
        Counted::Each(sums) => {
            reply.array(sums.len());
            for sum in sums {
                reply.integer(sum);
            }
        }
    }
    Some(reply)
}

fn read(replies: &Replies, at: usize) -> Option<Counted> {
    Some(match replies.get(at)?.kind() {
        ReplyKind::Array => Counted::Each(replies.decode(at)?.ok()?),
        _ => Counted::One(replies.decode(at)?.ok()?),
    })
}

fn fold(policy: ResponsePolicy, sum: i64, next: i64) -> i64 {
    match policy {
        ResponsePolicy::AggMin => sum.min(next),
        ResponsePolicy::AggMax => sum.max(next),
        ResponsePolicy::AggLogicalAnd => i64::from(sum != 0 && next != 0),
        ResponsePolicy::AggLogicalOr => i64::from(sum != 0 || next != 0),
        _ => sum.saturating_add(next),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(policy: ResponsePolicy, frames: &[&str], expected: Option<&str>) {
        let mut replies = Replies::new();
        for frame in frames {
            replies.push_segment(frame.to_string().into(), [frame.len()]);
        }
        let places: Vec<usize> = (0..frames.len()).collect();
        let made = counted(policy, &replies, &places);
        let made = made.map(|made| String::from_utf8(made.as_bytes().to_vec()).unwrap());
        assert_eq!(made.as_deref(), expected, "{policy:?} {frames:?}");
    }

    #[test]
    fn numbers_become_one_as_their_policy_says() {
        use ResponsePolicy::{AggLogicalAnd, AggLogicalOr, AggMax, AggMin, AggSum};
        let three = [":3\r\n", ":0\r\n", ":5\r\n"];
        check(AggSum, &three, Some(":8\r\n"));
        check(AggMin, &three, Some(":0\r\n"));
        check(AggMax, &three, Some(":5\r\n"));
        check(AggLogicalAnd, &three, Some(":0\r\n"));
        check(AggLogicalOr, &three, Some(":1\r\n"));
        let lists = ["*2\r\n:1\r\n:0\r\n", "*2\r\n:1\r\n:1\r\n"];
        check(AggLogicalAnd, &lists, Some("*2\r\n:1\r\n:0\r\n"));
        check(AggLogicalOr, &lists, Some("*2\r\n:1\r\n:1\r\n"));
        check(AggSum, &lists, Some("*2\r\n:2\r\n:1\r\n"));
        check(AggSum, &["*0\r\n", "*0\r\n"], Some("*0\r\n"));
        let most = [":9223372036854775807\r\n"; 2];
        check(AggSum, &most, Some(most[0]));
    }

    #[test]
    fn what_does_not_fit_together_is_no_number() {
        use ResponsePolicy::AggSum;
        check(AggSum, &[":1\r\n", "*1\r\n:1\r\n"], None);
        check(AggSum, &["*1\r\n:1\r\n", "*2\r\n:1\r\n:1\r\n"], None);
        check(AggSum, &[":1\r\n", "+OK\r\n"], None);
        check(AggSum, &["*1\r\n+x\r\n", "*1\r\n:1\r\n"], None);
        check(AggSum, &[], None);
    }
}
