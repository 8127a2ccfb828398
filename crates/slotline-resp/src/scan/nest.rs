//! The aggregates that are open while a frame is scanned.

use smallvec::SmallVec;

/// How the end of an aggregate is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// By the number of its elements.
    Counted,
    /// Likewise; then comes the element that it describes.
    Attribute,
    /// By an end mark.
    Streamed,
    /// By an end mark, after keys and values in turn.
    StreamedMap,
    /// By an empty chunk.
    Chunks,
}

impl Shape {
    pub(super) fn is_counted(self) -> bool {
        matches!(self, Shape::Counted | Shape::Attribute)
    }
}

#[derive(Clone, Copy, Debug)]
struct Open {
    /// Elements still to come; of a streamed aggregate, those that have come;
    /// of a streamed string, its bytes so far.
    count: u64,
    shape: Shape,
}

/// The innermost aggregate at hand, and those around it. The frame itself counts
/// as one of a single element that is always open.
#[derive(Clone, Debug)]
pub(super) struct Nest {
    inner: Open,
    outer: SmallVec<[Open; 8]>,
}

impl Nest {
    pub(super) fn new() -> Self {
        Self {
            inner: Open {
                count: 1,
                shape: Shape::Counted,
            },
            outer: SmallVec::new(),
        }
    }

    /// Begins the next frame, all aggregates of the last having ended.
    pub(super) fn restart(&mut self) {
        self.inner = Open {
            count: 1,
            shape: Shape::Counted,
        };
    }

    /// How many aggregates are open, the frame itself left out.
    pub(super) fn depth(&self) -> usize {
        self.outer.len()
    }

    pub(super) fn shape(&self) -> Shape {
        self.inner.shape
    }

    /// How many elements are to come, if that is known.
    pub(super) fn counted(&self) -> Option<u64> {
        self.inner.shape.is_counted().then_some(self.inner.count)
    }

    pub(super) fn set_counted(&mut self, left: u64) {
        self.inner.count = left;
    }

    /// Adds to what has come of a streamed aggregate or string; the sum.
    pub(super) fn add(&mut self, more: u64) -> u64 {
        self.inner.count = self.inner.count.saturating_add(more);
        self.inner.count
    }

    pub(super) fn push(&mut self, shape: Shape, count: u64) {
        self.outer.push(self.inner);
        self.inner = Open { count, shape };
    }

    pub(super) fn pop(&mut self) {
        if let Some(outer) = self.outer.pop() {
            self.inner = outer;
        }
    }
}
