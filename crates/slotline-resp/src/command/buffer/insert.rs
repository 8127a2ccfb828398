//! Arguments that stand before others that are there already.

use super::CommandBuffer;
use crate::arg::ToArgs;
use crate::command::body::{Arguments, Encoded};

impl CommandBuffer {
    /// Puts what `add` adds to the last command before its argument at `index`, counted
    /// from 0, which is the first word of its name. Behind the last argument it is as if
    /// `add` had been called alone.
    ///
    /// ```
    /// use slotline_resp::{CommandBuffer, known};
    ///
    /// let mut buffer = CommandBuffer::new();
    /// buffer.begin(&known::ZADD, 3).key("z").arg(&1).arg("a");
    /// buffer.insert(2, |buffer| {
    ///     buffer.arg("NX");
    /// });
    /// let expected = b"*5\r\n$4\r\nZADD\r\n$1\r\nz\r\n$2\r\nNX\r\n$1\r\n1\r\n$1\r\na\r\n";
    /// assert_eq!(buffer.freeze().to_vec(), expected);
    /// ```
    pub fn insert(&mut self, index: usize, add: impl FnOnce(&mut CommandBuffer)) -> &mut Self {
        let before = self.present;
        add(self);
        if index < before && before < self.present {
            self.turn(index, before);
        }
        self
    }

    /// Adds several arguments that are keys, and before them how many they are.
    pub fn counted_keys(&mut self, keys: &(impl ToArgs + ?Sized)) -> &mut Self {
        let index = self.present;
        self.keys(keys);
        self.count_before(index, 1)
    }

    /// Adds several arguments, and before them how many they are; of those that come in
    /// groups of `each`, how many groups.
    pub fn counted_args(&mut self, args: &(impl ToArgs + ?Sized), each: usize) -> &mut Self {
        let index = self.present;
        self.args(args);
        self.count_before(index, each)
    }

    fn count_before(&mut self, index: usize, each: usize) -> &mut Self {
        let count = self.present.saturating_sub(index) / each.max(1);
        self.insert(index, |buffer| {
            buffer.arg(&count);
        })
    }

    /// The last command's arguments from `middle` on come before those from `index` on.
    fn turn(&mut self, index: usize, middle: usize) {
        let Some(start) = self.entries.last().map(|entry| entry.start) else {
            return;
        };
        let bytes = self.bytes.as_mut_slice();
        let encoded = Encoded {
            bytes,
            large: &self.large,
        };
        let arguments = Arguments::new(encoded, start);
        let (from, middle) = (arguments.offset_of(index), arguments.offset_of(middle));
        let end = bytes.len();
        if let Some(turned) = bytes.get_mut(from..) {
            turned.rotate_left(middle - from);
        }
        let moved = |at: &mut usize| {
            if (from..middle).contains(at) {
                *at += end - middle;
            } else if *at >= middle {
                *at -= middle - from;
            }
        };
        let first_key = match self.entries.len().checked_sub(2) {
            Some(before) => self.entries.get(before).map_or(0, |entry| entry.keys_end),
            None => 0,
        };
        for key in self.keys.iter_mut().skip(first_key) {
            let len = key.end - key.start;
            moved(&mut key.start);
            key.end = key.start + len;
        }
        for large in &mut self.large {
            moved(&mut large.at);
        }
        self.large.sort_by_key(|large| large.at);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::command::body::LARGE;
    use crate::command::known;

    fn words(buffer: CommandBuffer) -> (Vec<String>, Vec<String>) {
        let commands = buffer.freeze();
        let last = commands.get(commands.len() - 1).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let args = last.args().map(text).collect();
        (args, last.keys().map(text).collect())
    }

    #[test]
    fn what_is_inserted_stands_before_what_was_there() {
        let mut buffer = CommandBuffer::new();
        buffer.begin(&known::GET, 1).key("before");
        buffer.begin(&known::ZADD, 3).key("z").arg(&1).arg("a");
        buffer.insert(2, |buffer| {
            buffer.arg("XX").arg("CH");
        });
        buffer.insert(2, |buffer| {
            buffer.arg("GT");
        });
        let (args, keys) = words(buffer);
        assert_eq!(args, ["ZADD", "z", "GT", "XX", "CH", "1", "a"]);
        assert_eq!(keys, ["z"]);
    }

    #[test]
    fn behind_the_last_it_is_appended_and_nothing_inserts_nothing() {
        let mut buffer = CommandBuffer::new();
        buffer.begin(&known::GET, 1).key("k");
        buffer.insert(1, |_| ());
        buffer.insert(9, |buffer| {
            buffer.arg("x");
        });
        assert_eq!(words(buffer).0, ["GET", "k", "x"]);
    }

    #[test]
    fn a_count_that_gets_longer_moves_everything_on() {
        let mut buffer = CommandBuffer::new();
        let keys: Vec<String> = (0..1000).map(|n| format!("k{n}")).collect();
        buffer.begin(&known::SINTERCARD, 2).counted_keys(&keys);
        let (args, found) = words(buffer);
        assert_eq!(args[..3], ["SINTERCARD", "1000", "k0"]);
        assert_eq!(found, keys);
        let mut none = CommandBuffer::new();
        none.begin(&known::SINTERCARD, 2).counted_keys(&keys[..0]);
        assert_eq!(words(none).0, ["SINTERCARD", "0"]);
    }

    #[test]
    fn pairs_are_counted_as_pairs() {
        let mut buffer = CommandBuffer::new();
        let fields = [("a", 1), ("b", 2)];
        buffer.begin(&known::HSET, 6).key("h").arg("FIELDS");
        buffer.counted_args(&fields, 2);
        assert_eq!(
            words(buffer).0,
            ["HSET", "h", "FIELDS", "2", "a", "1", "b", "2"]
        );
    }

    #[test]
    fn large_arguments_move_with_the_others() {
        let large = |byte: u8| Bytes::from(vec![byte; LARGE]);
        let mut buffer = CommandBuffer::new();
        buffer
            .begin(&known::ZADD, 3)
            .key("z")
            .arg(&large(b'a'))
            .arg("m");
        buffer.insert(2, |buffer| {
            buffer.arg(&large(b'b')).arg("NX");
        });
        let commands = buffer.freeze();
        let args: Vec<_> = commands
            .get(0)
            .unwrap()
            .args()
            .map(<[u8]>::to_vec)
            .collect();
        assert_eq!(args[2], large(b'b'));
        assert_eq!(args[3], b"NX");
        assert_eq!(args[4], large(b'a'));
        let mut copy = CommandBuffer::new();
        copy.begin(&known::ZADD, 5)
            .key("z")
            .arg(&large(b'b'))
            .arg("NX");
        copy.arg(&large(b'a')).arg("m");
        assert_eq!(commands.to_vec(), copy.freeze().to_vec());
    }
}
