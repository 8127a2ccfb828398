//! Where a consumer is, and what it asks for next.

use std::sync::Arc;
use std::time::Duration;

use slotline_commands::StreamId;
use slotline_resp::{Delivery, FromReplyOwned};
use tokio::time::Instant;

use super::group::Settings;
use super::membership::Membership;
use super::read::{Pending, Read};
use crate::error::{Error, Result};
use crate::patience::patiently;

/// The longest that it blocks at once; then it does so again.
const MOST_BLOCK: Duration = Duration::from_secs(3_600);

/// Where a consumer is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The last entry that was read, leaving aside those that were claimed. What is given
    /// to this consumer for the first time comes behind it.
    seen: StreamId,
    /// Whether there may be pending entries of its own behind `seen` that it has not read:
    /// those of an earlier time, or those of an answer that was lost.
    is_behind: bool,
    /// Where claiming goes on.
    claim_from: StreamId,
    /// When; never, if there is none.
    claim_at: Option<Instant>,
}

/// What came of a question.
pub(super) struct Turn<T> {
    pub(super) place: Place,
    pub(super) read: Result<Vec<Pending<T>>>,
    /// Whether it asked for what is new, which is the last thing to ask for.
    pub(super) is_last: bool,
}

/// Asks once, and again while what stands against it will pass, for as long as a command
/// may take. Blocks no longer than to `until`.
pub(super) async fn turn<T: FromReplyOwned>(
    membership: Arc<Membership>,
    settings: Settings,
    mut place: Place,
    until: Option<Instant>,
) -> Turn<T> {
    let mut is_last = false;
    let read = persist(&membership, &settings, &mut place, until, &mut is_last).await;
    if let Ok(read) = &read {
        let deleted = read.iter().filter_map(|pending| match pending {
            Pending::Deleted(id) => Some(*id),
            Pending::There(..) => None,
        });
        let deleted: Vec<StreamId> = deleted.collect();
        // Those that remain pending after an error come again, and so does this.
        let _acknowledged = membership.ack(&deleted).await;
    }
    Turn {
        place,
        read,
        is_last,
    }
}

async fn persist<T: FromReplyOwned>(
    membership: &Membership,
    settings: &Settings,
    place: &mut Place,
    until: Option<Instant>,
    is_last: &mut bool,
) -> Result<Vec<Pending<T>>> {
    let mut patience = membership.patience();
    loop {
        *is_last = false;
        match place.ask(membership, settings, until, is_last).await {
            Err(error) if error.code() == Some("NOGROUP") => {
                // Where its slot moves, a stream seems to be deleted.
                if patiently(membership.patience(), || membership.create()).await? {
                    *place = Place::beginning(place.claim_at);
                }
                patience.or(error).await?;
            }
            Err(error) if error.will_pass() => patience.or(error).await?,
            other => return other,
        }
    }
}

impl Place {
    pub(super) fn beginning(claim_at: Option<Instant>) -> Place {
        Place {
            seen: StreamId::MIN,
            is_behind: true,
            claim_from: StreamId::MIN,
            claim_at,
        }
    }

    async fn ask<T: FromReplyOwned>(
        &mut self,
        membership: &Membership,
        settings: &Settings,
        until: Option<Instant>,
        is_last: &mut bool,
    ) -> Result<Vec<Pending<T>>> {
        let batch = settings.batch;
        if self.is_behind {
            let Read(read) = membership.own(self.seen, batch).await?;
            self.see(&read);
            self.is_behind = !read.is_empty();
            return Ok(read);
        }
        let now = Instant::now();
        if let (Some(idle), Some(at)) = (settings.claim_idle, self.claim_at)
            && at <= now
        {
            let claimed = membership.claim(self.claim_from, idle, batch).await?;
            self.claim_from = claimed.next;
            if claimed.next == StreamId::MIN {
                self.claim_at = now.checked_add(idle);
            }
            return Ok(claimed.entries);
        }
        *is_last = true;
        let end = self.claim_at.into_iter().chain(until).min();
        match membership.unseen(batch, block(now, end)).await {
            Ok(Read(read)) => {
                self.see(&read);
                Ok(read)
            }
            Err(error) => {
                self.is_behind = may_have_read(&error);
                Err(error)
            }
        }
    }

    fn see<T>(&mut self, read: &[Pending<T>]) {
        if let Some(last) = read.last() {
            self.seen = last.id();
        }
    }
}

/// Whether entries may have been given to a consumer that did not get them.
fn may_have_read(error: &Error) -> bool {
    !matches!(error.delivery(), Delivery::NotSent | Delivery::Rejected)
}

/// How long to block: zero is for ever, and never what is left.
fn block(now: Instant, end: Option<Instant>) -> Duration {
    let Some(end) = end else {
        return Duration::ZERO;
    };
    let left = end.saturating_duration_since(now);
    left.clamp(Duration::from_millis(1), MOST_BLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_who_has_no_end_blocks_for_ever() {
        let now = Instant::now();
        assert_eq!(block(now, None), Duration::ZERO);
        let check = |left, blocks| assert_eq!(block(now, Some(now + left)), blocks);
        check(Duration::ZERO, Duration::from_millis(1));
        check(Duration::from_micros(3), Duration::from_millis(1));
        check(Duration::from_secs(5), Duration::from_secs(5));
        check(Duration::from_secs(50_000), MOST_BLOCK);
    }

    #[test]
    fn what_is_read_moves_the_place_deleted_or_not() {
        let mut place = Place::beginning(None);
        assert!(place.is_behind);
        place.see::<u8>(&[]);
        assert_eq!(place.seen, StreamId::MIN);
        let id = |millis| StreamId::new(millis, 0);
        place.see(&[Pending::There(id(4), Ok(1)), Pending::Deleted(id(6))]);
        assert_eq!(place.seen, id(6));
        // A failover has turned it back.
        place.see(&[Pending::There(id(5), Ok(1))]);
        assert_eq!(place.seen, id(5));
    }
}
