//! What has happened in one direction.

/// What has happened so far to the bytes that go one way, on one connection or
/// on all of them together: so that a test can say that its fault took place.
///
/// A byte that has arrived has been passed on, was swallowed, or is still held.
/// Whatever a receiver has got has been counted before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Bytes that were read from the sender.
    pub arrived: u64,
    /// Whole RESP frames among them.
    pub frames: u64,
    /// Bytes that were handed on to the receiver, injected ones included.
    pub passed: u64,
    /// Bytes that were passed on with a delay.
    pub delayed: u64,
    /// Pieces that were passed on as such, one by one.
    pub pieces: u64,
    /// Bytes that were read and thrown away.
    pub swallowed: u64,
    /// Pauses that have held something back.
    pub pauses: u64,
    /// How often bytes had come and were left unread.
    pub left_unread: u64,
    /// Injections that were passed on whole.
    pub injected: u64,
    /// Frames in whose place something else was passed on, or nothing.
    pub rewritten: u64,
    /// Connections that were cut.
    pub cuts: u64,
}

impl Traffic {
    /// Both together.
    pub(super) fn plus(self, other: Traffic) -> Traffic {
        Traffic {
            arrived: self.arrived + other.arrived,
            frames: self.frames + other.frames,
            passed: self.passed + other.passed,
            delayed: self.delayed + other.delayed,
            pieces: self.pieces + other.pieces,
            swallowed: self.swallowed + other.swallowed,
            pauses: self.pauses + other.pauses,
            left_unread: self.left_unread + other.left_unread,
            injected: self.injected + other.injected,
            rewritten: self.rewritten + other.rewritten,
            cuts: self.cuts + other.cuts,
        }
    }
}
