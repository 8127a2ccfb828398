//! A tree from front to back without recursion: what cloning, comparing and
//! encoding have in common.

use super::{List, Value};
use crate::decode::ReplyKind;

/// What a walk comes by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step<'v> {
    /// A value that holds no other.
    Leaf(&'v Value),
    /// An array, map, set or push of so many elements, a map's keys and values
    /// counting one each. As many steps' worth of elements follow.
    Open(ReplyKind, usize),
    /// The end of the aggregate that was opened last.
    Close,
}

/// Where a walk stands in one aggregate.
enum Rest<'v> {
    Elements(std::slice::Iter<'v, Value>),
    Pairs(std::slice::Iter<'v, (Value, Value)>, Option<&'v Value>),
}

impl<'v> Rest<'v> {
    fn next(&mut self) -> Option<&'v Value> {
        match self {
            Rest::Elements(all) => all.next(),
            Rest::Pairs(pairs, value) => value.take().or_else(|| {
                let (key, after) = pairs.next()?;
                *value = Some(after);
                Some(key)
            }),
        }
    }
}

/// An iterator over a tree's [`Step`]s.
pub(crate) struct Walk<'v> {
    root: Option<&'v Value>,
    open: Vec<Rest<'v>>,
}

impl<'v> Walk<'v> {
    pub(crate) fn new(root: &'v Value) -> Self {
        Self {
            root: Some(root),
            open: Vec::new(),
        }
    }

    fn enter(&mut self, value: &'v Value) -> Step<'v> {
        let mut elements = |kind, all: &'v List<Value>| {
            self.open.push(Rest::Elements(all.iter()));
            Step::Open(kind, all.len())
        };
        match value {
            Value::Array(all) => elements(ReplyKind::Array, all),
            Value::Set(all) => elements(ReplyKind::Set, all),
            Value::Push(all) => elements(ReplyKind::Push, all),
            Value::Map(pairs) => {
                self.open.push(Rest::Pairs(pairs.iter(), None));
                Step::Open(ReplyKind::Map, pairs.len() * 2)
            }
            leaf => Step::Leaf(leaf),
        }
    }
}

impl<'v> Iterator for Walk<'v> {
    type Item = Step<'v>;

    fn next(&mut self) -> Option<Step<'v>> {
        if let Some(root) = self.root.take() {
            return Some(self.enter(root));
        }
        match self.open.last_mut()?.next() {
            Some(value) => Some(self.enter(value)),
            None => {
                self.open.pop();
                Some(Step::Close)
            }
        }
    }
}
