//! Commands by the place that they go to.

use rustc_hash::FxHashMap;

use super::plan::{Parts, Place, Planner};

/// As many places are looked through one by one; of more there is an index.
const FEW: usize = 16;

/// The places met so far, and which of them each command goes to.
pub(super) struct Groups {
    /// With the number of commands that go there.
    places: Vec<(Place, usize)>,
    index: FxHashMap<Place, u32>,
    /// For each command the number of its place, or [`NOWHERE`].
    of: Vec<u32>,
    /// The place of the command before.
    last: usize,
}

const NOWHERE: u32 = u32::MAX;

impl Groups {
    pub(super) fn new(commands: usize) -> Groups {
        Groups {
            places: Vec::new(),
            index: FxHashMap::default(),
            of: Vec::with_capacity(commands),
            last: 0,
        }
    }

    /// The next command goes to `place`.
    pub(super) fn add(&mut self, place: Place) {
        if self.places.get(self.last).is_none_or(|(at, _)| *at != place) {
            self.last = self.find(place);
        }
        if let Some((_, commands)) = self.places.get_mut(self.last) {
            *commands += 1;
        }
        self.of.push(self.last as u32);
    }

    /// The next command goes nowhere.
    pub(super) fn leave_out(&mut self) {
        self.of.push(NOWHERE);
    }

    fn find(&mut self, place: Place) -> usize {
        let known = if self.places.len() <= FEW {
            self.places.iter().position(|(at, _)| *at == place)
        } else {
            self.index.get(&place).map(|index| *index as usize)
        };
        known.unwrap_or_else(|| self.found(place))
    }

    fn found(&mut self, place: Place) -> usize {
        let new = self.places.len();
        self.places.push((place, 0));
        if new == FEW {
            let all = self.places.iter().map(|(place, _)| *place);
            self.index = all.zip(0..).collect();
        } else if new > FEW {
            self.index.insert(place, new as u32);
        }
        new
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
        let mut next = Vec::with_capacity(self.places.len());
        let mut begin = 0;
        for (place, commands) in self.places {
            each.push((planner.destination(place), begin..begin + commands));
            next.push(begin);
            begin += commands;
        }
        let mut picks = vec![0; begin];
        for (index, group) in self.of.into_iter().enumerate() {
            if let Some(next) = next.get_mut(group as usize)
                && let Some(pick) = picks.get_mut(*next)
            {
                *pick = index as u32;
                *next += 1;
            }
        }
        Parts {
            picks: picks.into(),
            each,
        }
    }
}
