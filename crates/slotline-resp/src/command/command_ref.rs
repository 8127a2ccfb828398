//! One command among others.

use super::body::{Arguments, Encoded, Large, Run, Span};
use super::info::{CommandInfo, Flags};

/// One command of [`Commands`](super::Commands).
#[derive(Clone, Copy)]
pub struct CommandRef<'a> {
    pub(super) info: &'static CommandInfo,
    /// Bytes of which its own are those from `start` to `end`.
    pub(super) encoded: Encoded<'a>,
    pub(super) keys: &'a [Span],
    pub(super) start: usize,
    pub(super) end: usize,
}

impl<'a> CommandRef<'a> {
    /// The static facts about it.
    #[must_use]
    pub fn info(&self) -> &'static CommandInfo {
        self.info
    }

    /// How many bytes it is on the wire.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.encoded.len_of(self.start..self.end)
    }

    /// A copy of its bytes on the wire, in one piece.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.byte_len());
        let range = self.start..self.end;
        self.encoded
            .for_each_run(range, &mut |run| all.extend_from_slice(&run));
        all
    }

    /// Its key, if it has exactly one, as most commands do.
    #[must_use]
    pub fn lone_key(&self) -> Option<&'a [u8]> {
        match self.keys {
            [key] => self.encoded.get(*key),
            _ => None,
        }
    }

    /// Its keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let encoded = self.encoded;
        self.keys.iter().filter_map(move |key| encoded.get(*key))
    }

    /// Its name; as it was written, if it is not in the table.
    #[must_use]
    pub fn name(&self) -> &'a str {
        if self.info.is_known() {
            return self.info.name;
        }
        let written = self.args().next();
        written.map_or("", |name| std::str::from_utf8(name).unwrap_or("?"))
    }

    /// Its arguments as they are on the wire, the name first.
    pub fn args(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let encoded = self.encoded;
        Arguments::new(encoded, self.start).filter_map(move |span| encoded.get(span))
    }

    /// The same with the large ones as they are shared: for whoever puts some of them
    /// into another command, which then shares them too.
    ///
    /// ```
    /// use slotline_resp::{CommandBuffer, known};
    ///
    /// let mut buffer = CommandBuffer::new();
    /// buffer.begin(&known::MSET, 4).key("a").arg(&1).key("b").arg(&2);
    /// let both = buffer.freeze();
    /// let second = both.get(0).map(|command| command.runs().skip(3));
    ///
    /// let mut part = CommandBuffer::new();
    /// part.begin(&known::MSET, 2);
    /// for run in second.into_iter().flatten() {
    ///     part.arg(&run);
    /// }
    /// assert_eq!(part.freeze().to_vec(), b"*3\r\n$4\r\nMSET\r\n$1\r\nb\r\n$1\r\n2\r\n");
    /// ```
    pub fn runs(&self) -> impl Iterator<Item = Run<'a>> + use<'a> {
        let encoded = self.encoded;
        Arguments::new(encoded, self.start).filter_map(move |span| encoded.run(span))
    }

    /// Its own part of what holds it: the bytes without the large arguments,
    /// those with their places, and the keys.
    pub(super) fn parts(&self) -> (&'a [u8], usize, &'a [Large], &'a [Span]) {
        let bytes = self.encoded.bytes.get(self.start..self.end);
        let (first, large) = self.encoded.large_in(&(self.start..self.end));
        (bytes.unwrap_or_default(), first, large, self.keys)
    }

    /// Where its bytes begin among those of its neighbours.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// XREAD and XREADGROUP block only where an argument says so.
    pub(super) fn blocks_or_is_session(&self) -> bool {
        self.info.flags.contains(Flags::SESSION) || self.block_time().is_some()
    }
}

impl std::fmt::Debug for CommandRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
