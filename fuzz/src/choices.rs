//! An input as a row of choices.

use slotline_resp::Limits;

use crate::cuts::Cuts;

/// The bytes of an input from front to back. Once they are used up, every choice
/// is 0 and every string empty.
#[derive(Clone, Debug)]
pub(crate) struct Choices<'d> {
    rest: &'d [u8],
}

impl<'d> Choices<'d> {
    pub(crate) fn new(data: &'d [u8]) -> Self {
        Self { rest: data }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What is left, all of it.
    pub(crate) fn rest(self) -> &'d [u8] {
        self.rest
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let (first, rest) = self.rest.split_first().unwrap_or((&0, &[]));
        self.rest = rest;
        *first
    }

    /// One of `all`; digits choose the first ten, so that seeds can be typed.
    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        let index = match self.byte() {
            digit @ b'0'..=b'9' => digit - b'0',
            other => other,
        };
        all[usize::from(index) % all.len()]
    }

    /// So many bytes, or as many as are left.
    pub(crate) fn bytes(&mut self, len: usize) -> &'d [u8] {
        let (bytes, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        bytes
    }

    /// A string with its length before it.
    pub(crate) fn string(&mut self) -> &'d [u8] {
        let len = usize::from(self.byte());
        self.bytes(len)
    }

    pub(crate) fn text(&mut self) -> String {
        String::from_utf8_lossy(self.string()).into_owned()
    }

    pub(crate) fn number<const N: usize>(&mut self) -> [u8; N] {
        let mut number = [0; N];
        let given = self.bytes(N);
        number[..given.len()].copy_from_slice(given);
        number
    }

    /// Limits that short inputs meet, or none of them does.
    pub(crate) fn limits(&mut self) -> Limits {
        let limits = roomy();
        match self.one_of(&[0, 1, 2, 3]) {
            0 => limits,
            1 => limits.total(usize::from(self.byte())),
            2 => limits.depth(3).elements(12).bulk(8),
            _ => limits.elements(40).bulk(100).total(400),
        }
    }

    pub(crate) fn cuts(&mut self) -> Cuts<'d> {
        let steps = self.one_of(&[0, 1, 2, 3, 4, 5, 6, 7]);
        Cuts::new(self.bytes(steps))
    }
}

/// Limits that no short input meets but by what it announces, and that keep what
/// is reserved on its word small.
pub(crate) fn roomy() -> Limits {
    let deep = Limits::default().depth(u32::MAX);
    deep.bulk(64 << 10).elements(1 << 20).total(1 << 20)
}
