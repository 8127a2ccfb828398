//! How a command begins on the wire, made when the table is compiled.

/// The longest: `*0`, then container and subcommand with their lengths.
const LONGEST: usize = 64;

/// A command's count of arguments, still 0, and its name; cut off if the name is
/// too long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    bytes: [u8; LONGEST],
    len: usize,
    /// 1, or 2 with a subcommand.
    words: usize,
}

impl Head {
    /// `*0\r\n$6\r\nCONFIG\r\n$3\r\nGET\r\n` of `CONFIG GET`.
    #[expect(
        clippy::indexing_slicing,
        reason = "within the word, by the loop's condition"
    )]
    pub(super) const fn of(name: &str) -> Head {
        let name = name.as_bytes();
        let mut head = Head {
            bytes: [0; LONGEST],
            len: 0,
            words: 0,
        };
        head.push(b"*0\r\n");
        let mut rest = name;
        loop {
            let mut end = 0;
            while end < rest.len() && (rest[end] != b' ' || head.words > 0) {
                end += 1;
            }
            let (word, after) = rest.split_at(end);
            head.word(word);
            match after.split_first() {
                Some((_, after)) => rest = after,
                None => return head,
            }
        }
    }

    const fn word(&mut self, word: &[u8]) {
        let (tens, ones) = (word.len() / 10, word.len() % 10);
        self.push(b"$");
        if tens > 0 {
            self.push(&[b'0' + tens as u8]);
        }
        self.push(&[b'0' + ones as u8]);
        self.push(b"\r\n");
        self.push(word);
        self.push(b"\r\n");
        self.words += 1;
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "within both arrays, by the loop's condition"
    )]
    const fn push(&mut self, more: &[u8]) {
        let mut at = 0;
        while at < more.len() && self.len < LONGEST {
            self.bytes[self.len] = more[at];
            self.len += 1;
            at += 1;
        }
    }

    /// Whether the name fitted.
    pub(super) fn is_whole(&self) -> bool {
        // The last byte stays free, so a full array is one that was too short.
        self.len < LONGEST
    }

    /// The bytes, in which the count stands at 1 as a single digit; those from
    /// [`len`](Self::len) on are none of it.
    pub(super) fn array(&self) -> &[u8; LONGEST] {
        &self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The bytes behind the count.
    pub(super) fn name(&self) -> &[u8] {
        self.bytes.get(4..self.len).unwrap_or_default()
    }

    /// How many arguments the name is.
    pub(super) fn words(&self) -> usize {
        self.words
    }
}

#[cfg(test)]
mod tests {
    use crate::command::table::TABLE;

    #[test]
    fn a_head_is_the_name_as_it_goes_out() {
        for row in TABLE {
            let words: Vec<&str> = row.name.splitn(2, ' ').collect();
            let bulks: String = words
                .iter()
                .map(|word| format!("${}\r\n{word}\r\n", word.len()))
                .collect();
            assert!(row.head.is_whole(), "{}", row.name);
            assert_eq!(row.head.name(), bulks.as_bytes());
            assert!(row.head.array().starts_with(b"*0\r\n"));
            assert_eq!(row.head.words(), words.len());
        }
    }
}
