//! Whether a command may run twice.

use super::command_ref::CommandRef;
use super::info::{Flags, KeySpec};

/// Options by which a second run finds another state than the first, or answers
/// otherwise.
const CONDITIONS: [&[u8]; 9] = [
    b"NX", b"XX", b"GT", b"LT", b"GET", b"IFEQ", b"IFNE", b"IFDEQ", b"IFDNE",
];

/// The first argument that may be one, where no keys are counted: what is before is a key
/// and a value.
const OPTIONS_FROM: usize = 3;

impl CommandRef<'_> {
    /// Whether it leaves the same and answers the same if it runs twice in a row: what
    /// only reads, and writes that say what there is to be, as SET without a condition
    /// does. INCR does not, nor does SET with NX, which answers otherwise the second time.
    ///
    /// What others write in between is overwritten by the second run, so that it is for
    /// whoever sends it to say whether it may go again.
    ///
    /// ```
    /// use slotline_resp::{CommandBuffer, known};
    ///
    /// let mut buffer = CommandBuffer::new();
    /// buffer.begin(&known::SET, 2).key("k").arg("NX");
    /// buffer.begin(&known::SET, 3).key("k").arg("v").arg("NX");
    /// buffer.begin(&known::INCR, 1).key("k");
    /// let commands = buffer.freeze();
    /// let twice: Vec<bool> = commands.iter().map(|command| command.is_idempotent()).collect();
    /// assert_eq!(twice, [true, false, false]);
    /// ```
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        let flags = self.info().flags;
        if flags.contains(Flags::READONLY) {
            return true;
        }
        let is_condition =
            |arg: &[u8]| CONDITIONS.iter().any(|word| arg.eq_ignore_ascii_case(word));
        flags.contains(Flags::IDEMPOTENT)
            && !self.args().skip(self.options_from()).any(is_condition)
    }

    fn options_from(&self) -> usize {
        match self.info().keys {
            KeySpec::Counted { count_at, step } => {
                usize::from(count_at) + 1 + self.keys().count() * usize::from(step.max(1))
            }
            _ => OPTIONS_FROM,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::command::CommandBuffer;

    #[test]
    fn what_says_what_there_is_to_be_may_run_twice() {
        for (line, expected) in [
            ("GET k", true),
            ("SET k v EX 5", true),
            ("SET k v xx", false),
            ("SET k v GET", false),
            ("SET k v IFEQ w", false),
            ("MSET a 1 b 2", true),
            ("MSETNX a 1 b 2", false),
            ("MSETEX 2 a 1 b 2 EX 5", true),
            ("MSETEX 2 a NX XX GET", true),
            ("MSETEX 2 a 1 b 2 EX 5 nx", false),
            ("MSETEX 1 a 1 XX", false),
            ("SETEX k 5 v", true),
            ("EXPIREAT k 1 GT", false),
            ("EXPIREAT k 1", true),
            ("INCR k", false),
            ("DEL k", false),
            ("LPUSH k v", false),
            ("EVAL x 0", false),
            ("NO.SUCH k", false),
        ] {
            let mut buffer = CommandBuffer::new();
            let mut words = line.split(' ');
            buffer.begin_named(words.next().unwrap());
            for word in words {
                buffer.arg(word);
            }
            let commands = buffer.freeze();
            assert_eq!(commands.get(0).unwrap().is_idempotent(), expected, "{line}");
        }
    }
}
