//! One command as a server has received it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::command::{CommandInfo, Span, received_info};

/// Arguments that need no memory of their own to be remembered.
pub(super) const FEW: usize = 6;

/// One whole command, as a [`CommandDecoder`](crate::CommandDecoder) gives it.
/// Cloning it copies no bytes.
///
/// It shares the memory that it was read into: an argument that is to be kept
/// for long is better copied out of it.
///
/// ```
/// use bytes::BytesMut;
/// use slotline_resp::{CommandDecoder, Limits};
///
/// let mut buffer = BytesMut::from("*3\r\n$6\r\nclient\r\n$4\r\ninfo\r\n$1\r\nx\r\n");
/// let command = CommandDecoder::new(Limits::default()).decode(&mut buffer)?;
/// let command = command.expect("it has arrived");
/// assert_eq!(command.name(), "CLIENT INFO");
/// assert_eq!(command.args().nth(1), Some(&b"info"[..]));
/// assert_eq!(command.arg(2).expect("three arguments"), "x");
/// # Ok::<(), slotline_resp::Error>(())
/// ```
#[derive(Clone)]
pub struct ReceivedCommand {
    frame: Bytes,
    /// The arguments of an inline command, without quotes; those of any other
    /// lie in the frame.
    unquoted: Option<Bytes>,
    args: Args,
}

#[derive(Clone)]
enum Args {
    Few(SmallVec<[Span; FEW]>),
    Many(Arc<[Span]>),
}

impl ReceivedCommand {
    /// The arguments lie at `spans`, in `unquoted` if there is such, else in
    /// `frame`.
    pub(super) fn new(
        frame: Bytes,
        unquoted: Option<Bytes>,
        spans: SmallVec<[Span; FEW]>,
    ) -> ReceivedCommand {
        let args = match spans.spilled() {
            true => Args::Many(spans.into_vec().into()),
            false => Args::Few(spans),
        };
        ReceivedCommand {
            frame,
            unquoted,
            args,
        }
    }

    /// Its name; in upper case, a subcommand's with its container's before it,
    /// if it is in the table, else as it was written. `?` if it is not UTF-8.
    #[must_use]
    pub fn name(&self) -> &str {
        let info = self.info();
        if info.is_known() {
            return info.name;
        }
        let written = self.args().next().unwrap_or_default();
        std::str::from_utf8(written).unwrap_or("?")
    }

    /// The static facts about it, looked up by its name: keep them if you need
    /// them again.
    #[must_use]
    pub fn info(&self) -> &'static CommandInfo {
        let mut args = self.args();
        let name = args.next().unwrap_or_default();
        received_info(name, args.next())
    }

    /// How many arguments it has, its name included: at least 1.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans().len()
    }

    /// Always false: an empty line or array is no command.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans().is_empty()
    }

    /// Its arguments, the name first.
    pub fn args(&self) -> impl ExactSizeIterator<Item = &[u8]> + DoubleEndedIterator + Clone {
        let text = self.text();
        self.spans()
            .iter()
            .map(|span| text.get(span.start..span.end).unwrap_or_default())
    }

    /// One argument, the name being 0, in the memory that it was read into.
    #[must_use]
    pub fn arg(&self, index: usize) -> Option<Bytes> {
        let span = self.spans().get(index)?;
        let text = self.text();
        let arg = text.get(span.start..span.end)?;
        Some(text.slice_ref(arg))
    }

    /// The bytes as they came, which a proxy passes on. To gather several
    /// commands, inline ones among them, use
    /// [`CommandBuffer::append_received`](crate::CommandBuffer::append_received).
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        &self.frame
    }

    /// Whether it came as a line, not as an array.
    #[must_use]
    pub fn is_inline(&self) -> bool {
        self.unquoted.is_some()
    }

    fn text(&self) -> &Bytes {
        self.unquoted.as_ref().unwrap_or(&self.frame)
    }

    fn spans(&self) -> &[Span] {
        match &self.args {
            Args::Few(spans) => spans,
            Args::Many(spans) => spans,
        }
    }
}

impl fmt::Debug for ReceivedCommand {
    /// The name alone: keys and values are the user's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
