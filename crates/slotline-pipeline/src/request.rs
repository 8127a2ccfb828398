//! What travels down the layers: a batch of commands, and how to send it.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use slotline_resp::Commands;
use slotline_topology::{Endpoint, SlotSet};
use tokio::time::Instant;

use crate::alone::{Blocks, Keep};
use crate::chunk::Progress;
use crate::intent::write_slots;
use crate::ledger::Ledger;
use crate::observe::{Explain, What};
use crate::route::ReadFrom;
use crate::spread::Parts;
use crate::track::Track;

/// Clocks do not reach much further; that long is for ever.
pub(crate) const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A batch of commands on its way. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Request {
    pub(crate) commands: Commands,
    pub(crate) deadline: Instant,
    /// When it set out: so old the answer to it may be.
    pub(crate) began: Instant,
    pub(crate) read_from: ReadFrom,
    /// What most requests have none of, so that it is not carried along.
    pub(crate) rare: Option<Box<Rare>>,
}

/// What few requests have.
#[derive(Debug, Clone)]
pub(crate) struct Rare {
    pub(crate) targets: Targets,
    pub(crate) primary_slots: Option<Arc<SlotSet>>,
    pub(crate) avoid: Vec<Endpoint>,
    pub(crate) is_transaction: bool,
    /// Of a piece, or of a request that is watched.
    pub(crate) track: Option<Arc<Track>>,
    /// Of a lone command that blocks.
    pub(crate) blocks: Option<Blocks>,
    /// Where the connection of a lone command is left.
    pub(crate) keep: Option<Keep>,
}

impl Rare {
    const NOTHING: Rare = Rare {
        targets: Targets::BySlot,
        primary_slots: None,
        avoid: Vec::new(),
        is_transaction: false,
        track: None,
        blocks: None,
        keep: None,
    };
}

static NOTHING: Rare = Rare::NOTHING;

/// Where the commands of a request go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Targets {
    /// Each to the node that its slot names.
    BySlot,
    /// Each where its own entry says.
    Each(Arc<[Target]>),
}

/// Where one command goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// To the node that its slot names.
    BySlot,
    /// To its slot's primary, though it only reads.
    Primary,
    /// To the node that a redirect named.
    Named { node: Endpoint, asking: bool },
}

/// When commands that set out at `began` must be answered, and what they are allowed if
/// they block.
#[inline]
fn times(commands: &Commands, began: Instant, timeout: Duration) -> (Instant, Option<Blocks>) {
    let timeout = timeout.min(LONGEST);
    let blocks = Blocks::of(commands, began, timeout);
    let deadline = match blocks {
        Some(blocks) => blocks.deadline(began),
        None => began + timeout,
    };
    (deadline, blocks)
}

impl Request {
    /// A request that must be answered by `deadline`: it covers every queue,
    /// redirect and retry.
    #[must_use]
    pub fn new(commands: Commands, deadline: Instant) -> Request {
        Request::set_out(commands, Instant::now(), deadline)
    }

    /// The same, to be answered within `timeout` from now, a year at most. A lone command
    /// that blocks, as BLPOP, has the time for which it may block beside that; if it
    /// blocks for ever, it has for ever.
    #[must_use]
    pub fn within(commands: Commands, timeout: Duration) -> Request {
        let now = Instant::now();
        let (deadline, blocks) = times(&commands, now, timeout);
        let mut request = Request::set_out(commands, now, deadline);
        if blocks.is_some() {
            request.rare_mut().blocks = blocks;
        }
        request
    }

    /// The deadline that these would have as a request [`within`](Request::within)
    /// `timeout` from now: for commands that take another way.
    #[must_use]
    pub fn deadline_within(commands: &Commands, timeout: Duration) -> Instant {
        times(commands, Instant::now(), timeout).0
    }

    fn set_out(commands: Commands, began: Instant, deadline: Instant) -> Request {
        Request {
            commands,
            deadline,
            began,
            read_from: ReadFrom::Primary,
            rare: None,
        }
    }

    pub(crate) fn rare(&self) -> &Rare {
        self.rare.as_deref().unwrap_or(&NOTHING)
    }

    pub(crate) fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_with(|| Box::new(Rare::NOTHING))
    }

    /// Where its commands that only read may go.
    #[must_use]
    pub fn read_from(mut self, read_from: ReadFrom) -> Request {
        self.read_from = read_from;
        self
    }

    /// Its commands are one transaction, from MULTI to EXEC: they are never cut,
    /// their keys are of one slot, they go to its primary in one write, and they go
    /// again as a whole or not at all. What becomes of EXEC becomes of all of them.
    ///
    /// Source: [transactions](https://redis.io/docs/latest/develop/using-commands/transactions/).
    #[must_use]
    pub fn transaction(mut self) -> Request {
        self.rare_mut().is_transaction = true;
        self
    }

    /// The commands.
    #[must_use]
    pub fn commands(&self) -> &Commands {
        &self.commands
    }

    /// When every command of it must have an outcome.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// How many commands it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// Whether it has no command.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    pub(crate) fn target(&self, index: usize) -> &Target {
        match &self.rare().targets {
            Targets::BySlot => &Target::BySlot,
            Targets::Each(each) => each.get(index).unwrap_or(&Target::BySlot),
        }
    }

    /// Whether some of its commands are parts that are meant for nodes of their own.
    pub(crate) fn has_homes(&self) -> bool {
        let track = self.rare().track.as_deref();
        track.is_some_and(Track::has_homes)
    }

    /// If the command at `index` is such a part: its number, and all of them.
    pub(crate) fn home(&self, index: usize) -> Option<(u32, &Parts)> {
        self.rare().track.as_deref()?.home(index as u32)
    }

    /// A request for what its commands were spread to, in their place.
    pub(crate) fn spread(mut self, commands: Commands, parts: &Arc<Parts>) -> Request {
        self.commands = commands;
        self.rare_mut().targets = Targets::BySlot;
        let parts = Arc::clone(parts);
        self.tracked(|track| track.parts = Some(parts))
    }

    /// Has `progress` follow how many of the commands have their outcomes.
    #[must_use]
    pub fn progress(self, progress: &Progress) -> Request {
        let progress = progress.clone();
        self.tracked(|track| track.progress = Some(progress))
    }

    /// The track of one whose way is recorded.
    pub(crate) fn explained(&self) -> Option<&Arc<Track>> {
        let track = self.rare().track.as_ref();
        track.filter(|track| track.explain.is_some())
    }

    /// Has `explain` record what becomes of the commands.
    #[must_use]
    pub fn explain(self, explain: &Explain) -> Request {
        let explain = explain.clone();
        self.tracked(|track| track.explain = Some(explain))
    }

    /// Notes what happened to some of the commands, if that is wanted.
    pub(crate) fn note(&self, indexes: impl IntoIterator<Item = u32>, what: impl FnOnce() -> What) {
        if let Some(track) = self.rare().track.as_deref() {
            track.explain(indexes, what);
        }
    }

    fn tracked(mut self, change: impl FnOnce(&mut Track)) -> Request {
        let mut track = self.rare_mut().track.take().unwrap_or_default();
        change(Arc::make_mut(&mut track));
        self.rare_mut().track = Some(track);
        self
    }

    /// A request for the commands at `indexes`. Which slots the whole writes to
    /// goes with it, so that a part never reads such a slot from a replica.
    pub(crate) fn pick(&mut self, indexes: &[u32], targets: Targets) -> Request {
        self.pin_primary_slots();
        let mut picked = Request {
            commands: self.commands.pick(indexes),
            ..self.clone()
        };
        let rare = picked.rare_mut();
        rare.targets = targets;
        rare.track = rare.track.take().map(|track| Arc::new(track.pick(indexes)));
        picked
    }

    /// A request for one piece, with the ledger of all.
    pub(crate) fn piece(
        &mut self,
        range: Range<usize>,
        ledger: &Arc<Ledger>,
        piece: usize,
    ) -> Request {
        self.pin_primary_slots();
        let mut part = Request {
            commands: self.commands.slice(range.clone()),
            ..self.clone()
        };
        let rare = part.rare_mut();
        let track = rare.track.take().unwrap_or_default();
        rare.track = Some(Arc::new(track.piece(&range, ledger, piece)));
        rare.targets = Targets::BySlot;
        part
    }

    fn pin_primary_slots(&mut self) {
        if self.rare().primary_slots.is_none() && self.read_from != ReadFrom::Primary {
            let slots = Arc::new(write_slots(&self.commands));
            self.rare_mut().primary_slots = Some(slots);
        }
    }
}
