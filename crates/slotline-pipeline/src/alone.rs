//! Commands that need a connection of their own: those that block, and those whose
//! connection is to be kept.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use slotline_resp::{Block, Commands, Flags};
use tokio::time::Instant;

use crate::request::{LONGEST, Request};

/// What a lone command needs that has a connection to itself.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Alone {
    /// How long it may wait for the connection, and how long its node may owe a sign of
    /// life while the command blocks.
    pub patience: Duration,
    /// Where the connection is left once the command is answered, if it is to be kept.
    pub keep: Option<Keep>,
}

/// Where whoever serves a node leaves a connection. The layers hand it on and know
/// nothing of it.
#[derive(Clone)]
pub struct Keep(Arc<dyn Any + Send + Sync>);

impl Keep {
    /// A place of any kind.
    pub fn new<T: Send + Sync + 'static>(place: Arc<T>) -> Keep {
        Keep(place)
    }

    /// The place, if it is of that kind.
    #[must_use]
    pub fn get<T: 'static>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keep").finish_non_exhaustive()
    }
}

/// Until when a lone command that blocks may do so, and how much time it has beside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blocks {
    /// `None` if it is for ever.
    pub(crate) until: Option<Instant>,
    pub(crate) beside: Duration,
}

/// For how long a lone command blocks. WAIT speaks of its own connection's writes, and
/// gets none.
#[inline]
fn lone_block(commands: &Commands) -> Option<Block> {
    if !commands.may_block() || commands.len() != 1 {
        return None;
    }
    let lone = commands.get(0)?;
    let flags = lone.info().flags;
    if !flags.contains(Flags::BLOCKING) || flags.contains(Flags::SESSION) {
        return None;
    }
    lone.block_time()
}

impl Blocks {
    /// The time that commands have which set out at `began` with `timeout`.
    #[inline]
    pub(crate) fn of(commands: &Commands, began: Instant, timeout: Duration) -> Option<Blocks> {
        let until = match lone_block(commands)? {
            Block::For(time) => Some(began + time.min(LONGEST)),
            Block::Forever => None,
        };
        Some(Blocks {
            until,
            beside: timeout,
        })
    }

    /// When all must be over.
    pub(crate) fn deadline(&self, began: Instant) -> Instant {
        self.until.unwrap_or(began + LONGEST) + self.beside
    }
}

impl Request {
    /// Its command is lone, and `keep` gets the connection that it was answered on,
    /// unless the answer is an error: for WATCH.
    #[must_use]
    pub fn keeping(mut self, keep: Keep) -> Request {
        self.rare_mut().keep = Some(keep);
        self
    }

    /// When it must be on its way: of a command that blocks, which may be answered much
    /// later, once the time has passed that it has beside that.
    #[must_use]
    pub fn sent_by(&self) -> Instant {
        match self.rare().blocks {
            Some(blocks) => self.deadline.min(self.began + blocks.beside),
            None => self.deadline,
        }
    }

    /// What it needs if it is a lone command that has a connection to itself. A piece of
    /// a pipeline is none, however short.
    #[inline]
    pub(crate) fn alone(&self) -> Option<Box<Alone>> {
        // Most are nothing of that kind.
        if self.rare.is_none() && !self.commands.may_block() {
            return None;
        }
        self.needs_alone()
    }

    fn needs_alone(&self) -> Option<Box<Alone>> {
        let rare = self.rare();
        let is_piece = rare.track.as_deref().is_some_and(|it| it.piece.is_some());
        if self.len() != 1 || rare.is_transaction || is_piece {
            return None;
        }
        if rare.keep.is_none() {
            lone_block(&self.commands)?;
        }
        let left = || self.deadline.saturating_duration_since(Instant::now());
        Some(Box::new(Alone {
            patience: rare.blocks.map_or_else(left, |blocks| blocks.beside),
            keep: rare.keep.clone(),
        }))
    }

    /// Its command goes again: it blocks no longer than it would have.
    pub(crate) fn blocks_on(&mut self) {
        let until = self.rare().blocks.and_then(|blocks| blocks.until);
        if let (Some(until), Some(command)) = (until, self.commands.get(0)) {
            let left = until.saturating_duration_since(Instant::now());
            self.commands = command.blocking_for(left);
        }
    }
}

#[cfg(test)]
mod tests {
    use slotline_resp::CommandBuffer;

    use super::*;

    fn commands(lines: &[&str]) -> Commands {
        let mut buffer = CommandBuffer::new();
        for line in lines {
            let mut words = line.split(' ');
            buffer.begin_named(words.next().unwrap());
            words.for_each(|word| {
                buffer.arg(word);
            });
        }
        buffer.freeze()
    }

    const TIMEOUT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_lone_command_that_blocks_has_its_own_time_beside_the_clients() {
        let now = Instant::now();
        for (line, blocks) in [
            ("BLPOP k 5", Some(Duration::from_secs(5))),
            (
                "XREAD BLOCK 1500 STREAMS s $",
                Some(Duration::from_millis(1500)),
            ),
            ("BLPOP k 0", Some(LONGEST)),
            ("BLPOP k 1e300", Some(LONGEST)),
            ("XREAD STREAMS s 0", None),
            ("GET k", None),
            ("WAIT 1 1000", None),
        ] {
            let request = Request::within(commands(&[line]), TIMEOUT);
            let time = blocks.unwrap_or_default() + TIMEOUT;
            assert_eq!(request.deadline() - now, time, "{line}");
            assert_eq!(request.sent_by() - now, TIMEOUT, "{line}");
            let alone = request.alone();
            assert_eq!(alone.is_some(), blocks.is_some(), "{line}");
            assert!(alone.is_none_or(|alone| alone.patience == TIMEOUT));
        }
        let several = Request::within(commands(&["BLPOP k 5", "GET k"]), TIMEOUT);
        assert_eq!(several.deadline() - now, TIMEOUT);
        assert!(several.alone().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_goes_again_blocks_for_the_time_that_is_left() {
        let mut request = Request::within(commands(&["BLPOP k 5"]), TIMEOUT);
        let mut forever = Request::within(commands(&["BLPOP k 0"]), TIMEOUT);
        tokio::time::advance(Duration::from_secs(2)).await;
        request.blocks_on();
        forever.blocks_on();
        assert_eq!(request.commands.to_vec(), commands(&["BLPOP k 3"]).to_vec());
        assert_eq!(forever.commands.to_vec(), commands(&["BLPOP k 0"]).to_vec());
        tokio::time::advance(Duration::from_secs(9)).await;
        request.blocks_on();
        let least = commands(&["BLPOP k 0.001"]);
        assert_eq!(request.commands.to_vec(), least.to_vec());
    }
}
