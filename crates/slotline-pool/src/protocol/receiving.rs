//! From what was read to whom it belongs.

use super::{Inbox, Protocol, Unsolicited};

impl Protocol {
    /// Hands whole replies to those they belong to (R1). Replies stay in the inbox
    /// while it cannot be known whose they are, which is until the next
    /// [`put_back`](Self::put_back). Pushes are dropped; if somebody wants them, the
    /// next one stays in the inbox, and what is behind it.
    ///
    /// # Errors
    /// A reply without a request: the stream cannot be trusted any further.
    pub(crate) fn distribute(
        &mut self,
        inbox: &mut Inbox,
        wants_pushes: bool,
    ) -> Result<(), Unsolicited> {
        let before = self.used.commands;
        while let Some(is_push) = inbox.next_is_push() {
            if is_push && wants_pushes {
                break;
            }
            if is_push {
                inbox.skip();
                self.pushes += 1;
                continue;
            }
            self.drop_finished();
            let Some(batch) = self.batches.front_mut().filter(|_| self.touched > 0) else {
                // A caller that writes by itself may have its answer before it
                // has said that it wrote.
                return match self.hand {
                    Some(_) => Ok(()),
                    None => Err(Unsolicited),
                };
            };
            let most = batch.remaining as usize;
            let key = batch.slot.map(|slot| slot as usize);
            let mut slot = key.and_then(|slot| self.slots.get_mut(slot));
            let taken = inbox.take_replies(most, |segment, ends| {
                if let Some(slot) = &mut slot {
                    slot.take(segment, ends, most);
                }
            });
            batch.remaining -= taken as u32;
            let is_whole = batch.remaining == 0;
            if is_whole {
                batch.slot = None;
            }
            self.owed = self.owed.saturating_sub(taken);
            self.used.commands = self.used.commands.saturating_sub(taken);
            self.replies += taken as u64;
            self.count_replies(taken);
            if !is_whole {
                continue;
            }
            if let Some(key) = key {
                self.finish(key, None);
            }
            if self.touched == 1 && self.touched_left > 0 {
                // All replies to a request that has not been sent to its end.
                return Err(Unsolicited);
            }
            self.batches.pop_front();
            self.touched -= 1;
        }
        if self.used.commands < before {
            self.admit();
        }
        Ok(())
    }
}
