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
) -> Option<Vec<u8>> {
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
    Some(reply.as_bytes().to_vec())
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
