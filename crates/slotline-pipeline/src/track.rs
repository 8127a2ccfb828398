//! What a part of a request remembers of the whole: for those that go in pieces or
//! are watched. Other requests have none of this.

use std::ops::Range;
use std::sync::Arc;

use rustc_hash::FxHashSet;

use crate::chunk::Progress;
use crate::ledger::Ledger;
use crate::observe::{Explain, What};
use crate::spread::Parts;

/// Carried by a request and by all parts of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Track {
    /// The account of the pieces, and which of them this belongs to.
    pub(crate) piece: Option<(Arc<Ledger>, usize)>,
    pub(crate) progress: Option<Progress>,
    pub(crate) explain: Option<Explain>,
    /// Which commands of the whole are parts of one that its caller gave.
    pub(crate) parts: Option<Arc<Parts>>,
    /// Which commands of the whole these are.
    indexes: Indexes,
}

/// Whom the layers below the routing tell what they do with a part; see
/// [`Request::explain`](crate::Request::explain). By default nobody.
#[derive(Debug, Clone, Default)]
pub struct Watched(Option<Arc<Track>>);

impl Watched {
    pub(crate) fn new(track: Option<Arc<Track>>) -> Watched {
        Watched(track)
    }

    /// Notes what happened to all of the part's commands.
    pub(crate) fn note(&self, commands: usize, what: impl FnOnce() -> What) {
        if let Some(track) = &self.0 {
            track.explain(0..commands as u32, what);
        }
    }
}

#[derive(Debug, Clone, Default)]
enum Indexes {
    #[default]
    All,
    From(u32),
    Picked(Arc<[u32]>),
}

impl Track {
    /// The place in the whole of the command at `index`.
    pub(crate) fn index(&self, index: u32) -> u32 {
        match &self.indexes {
            Indexes::All => index,
            Indexes::From(first) => first.saturating_add(index),
            Indexes::Picked(picked) => picked.get(index as usize).copied().unwrap_or(index),
        }
    }

    /// Notes what happened to the commands at `indexes` of these, if that is
    /// wanted and there are any.
    pub(crate) fn explain(
        &self,
        indexes: impl IntoIterator<Item = u32>,
        what: impl FnOnce() -> What,
    ) {
        if let Some(explain) = &self.explain {
            let whole = indexes.into_iter().map(|index| self.index(index));
            let commands: Vec<u32> = match &self.parts {
                None => whole.collect(),
                Some(parts) => {
                    let mut given: Vec<u32> = whole.map(|index| parts.given(index)).collect();
                    given.dedup();
                    given
                }
            };
            if !commands.is_empty() {
                explain.add(commands, what());
            }
        }
    }

    /// The commands at `indexes` of these have their outcomes.
    pub(crate) fn answered(&self, indexes: impl Iterator<Item = u32>) {
        let Some(progress) = &self.progress else {
            return;
        };
        progress.add(match &self.parts {
            None => indexes.count(),
            Some(parts) => {
                let whole = indexes.map(|index| self.index(index));
                whole.filter(|index| parts.is_last(*index)).count()
            }
        });
    }

    pub(crate) fn has_homes(&self) -> bool {
        self.parts.as_deref().is_some_and(Parts::have_homes)
    }

    /// If the command at `index` of these is a part that is meant for a node of its
    /// own: its number, and all parts.
    pub(crate) fn home(&self, index: u32) -> Option<(u32, &Parts)> {
        let parts = self.parts.as_deref()?;
        let at = self.index(index);
        parts.home(at).map(|_| (at, parts))
    }

    /// For the commands at `indexes` of these.
    pub(crate) fn pick(&self, indexes: &[u32]) -> Track {
        let picked = indexes.iter().map(|index| self.index(*index));
        Track {
            indexes: Indexes::Picked(picked.collect()),
            ..self.clone()
        }
    }

    /// For a piece of the whole.
    pub(crate) fn piece(&self, range: &Range<usize>, ledger: &Arc<Ledger>, piece: usize) -> Track {
        Track {
            piece: Some((Arc::clone(ledger), piece)),
            indexes: Indexes::From(range.start as u32),
            ..self.clone()
        }
    }

    /// Of the commands at `indexes` of these, those that are not to go again from
    /// here; see [`Ledger::hand_over`].
    pub(crate) fn hand_over(&self, indexes: &[u32]) -> FxHashSet<u32> {
        let Some((ledger, piece)) = &self.piece else {
            return FxHashSet::default();
        };
        let again: Vec<u32> = indexes.iter().map(|index| self.index(*index)).collect();
        let handed = ledger.hand_over(*piece, &again);
        let own = indexes.iter().copied();
        own.filter(|index| handed.contains(&self.index(*index)))
            .collect()
    }

    /// Whether the command at `index` is to go again, but not from here.
    pub(crate) fn is_handed(&self, index: u32) -> bool {
        let piece = self.piece.as_ref();
        piece.is_some_and(|(ledger, _)| ledger.is_handed(self.index(index)))
    }

    /// The commands that must not be sent now; see [`Ledger::route`].
    pub(crate) fn stay_behind(&self, commands: usize) -> Vec<u32> {
        let Some((ledger, piece)) = &self.piece else {
            return Vec::new();
        };
        let stay = ledger.route(*piece);
        if stay.is_empty() {
            return Vec::new();
        }
        let all = 0..commands as u32;
        all.filter(|index| stay.contains(&self.index(*index)))
            .collect()
    }
}
