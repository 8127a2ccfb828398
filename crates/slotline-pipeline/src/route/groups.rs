//! Commands by the place that they go to.

use std::iter::repeat_n;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::plan::{Parts, Place, Planner};

/// As many places are looked through one by one; of more there is an index.
const FEW: usize = 16;

/// The places met so far, and which of them each command goes to.
pub(super) struct Groups {
    /// With the number of commands that go there.
    places: SmallVec<[(Place, usize); 4]>,
    index: FxHashMap<Place, u32>,
    /// For each command the number of its place, or [`NOWHERE`].
    of: Vec<u32>,
}

const NOWHERE: u32 = u32::MAX;

impl Groups {
    pub(super) fn new(commands: usize) -> Groups {
        Groups {
            places: SmallVec::new(),
            index: FxHashMap::default(),
            of: Vec::with_capacity(commands),
        }
    }

    /// The next command goes to the place that has this number.
    #[inline]
    pub(super) fn add(&mut self, number: u32) {
        if let Some((_, commands)) = self.places.get_mut(number as usize) {
            *commands += 1;
        }
        self.of.push(number);
    }

    /// The next command goes nowhere.
    pub(super) fn leave_out(&mut self) {
        self.of.push(NOWHERE);
    }

    /// The number of a place.
    pub(super) fn number(&mut self, place: Place) -> u32 {
        let known = if self.places.len() <= FEW {
            let known = self.places.iter().position(|(at, _)| *at == place);
            known.map(|index| index as u32)
        } else {
            self.index.get(&place).copied()
        };
        known.unwrap_or_else(|| self.found(place))
    }

    fn found(&mut self, place: Place) -> u32 {
        let new = self.places.len();
        self.places.push((place, 0));
        if new == FEW {
            let all = self.places.iter().map(|(place, _)| *place);
            self.index = all.zip(0..).collect();
        } else if new > FEW {
            self.index.insert(place, new as u32);
        }
        new as u32
    }

    /// The place of all commands, if they have one in common.
    pub(super) fn only_place(&self) -> Option<Place> {
        match self.places.as_slice() {
            [(place, _)] => Some(*place),
            _ => None,
        }
    }

    pub(super) fn into_parts(self, planner: &Planner<'_>) -> Parts {
        let mut each = Vec::with_capacity(self.places.len());
        let mut next = SmallVec::<[usize; 8]>::with_capacity(self.places.len());
        let mut begin = 0;
        for (place, commands) in self.places {
            each.push((planner.destination(place), begin..begin + commands));
            next.push(begin);
            begin += commands;
        }
        let mut picks: Arc<[u32]> = repeat_n(0, begin).collect();
        // It has just been made: nobody else has it.
        let own = Arc::get_mut(&mut picks).unwrap_or_default();
        for (index, group) in self.of.into_iter().enumerate() {
            if let Some(next) = next.get_mut(group as usize)
                && let Some(pick) = own.get_mut(*next)
            {
                *pick = index as u32;
                *next += 1;
            }
        }
        Parts { picks, each }
    }
}
