//! Indexes of commands.

use std::sync::Arc;

/// Which commands of a body: several parts may share one list of indexes.
#[derive(Clone)]
pub(super) struct Picks {
    pub(super) all: Arc<[u32]>,
    /// Those of them that count.
    pub(super) start: u32,
    pub(super) end: u32,
    /// What is added to each.
    pub(super) base: u32,
}

impl Picks {
    pub(super) fn of(all: Arc<[u32]>) -> Picks {
        Picks {
            start: 0,
            end: all.len() as u32,
            base: 0,
            all,
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<usize> {
        let own = self.own().get(index)?;
        Some((own + self.base) as usize)
    }

    pub(super) fn own(&self) -> &[u32] {
        let own = self.start as usize..self.end as usize;
        self.all.get(own).unwrap_or_default()
    }

    /// Indexes into the body.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + Clone {
        self.own().iter().map(|own| (own + self.base) as usize)
    }
}
