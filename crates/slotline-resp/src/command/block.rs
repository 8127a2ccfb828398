//! For how long a command may hold its connection.

use std::time::Duration;

use super::body::Arguments;
use super::buffer::CommandBuffer;
use super::command_ref::CommandRef;
use super::commands::Commands;
use super::info::{Flags, KeySpec};
use crate::time::{Milliseconds, Seconds};

/// The least time that is sent: to servers, none means for ever.
const LEAST: Duration = Duration::from_millis(1);

/// For how long a command may hold its connection, by its own arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// So long at most.
    For(Duration),
    /// Until what it waits for comes.
    Forever,
}

/// Where a command says for how long, and in what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Seconds(usize),
    Milliseconds(usize),
    /// It blocks, and nothing is known of a time.
    Nowhere,
}

impl CommandRef<'_> {
    /// For how long it may hold its connection; `None` if it does not, as XREAD without
    /// BLOCK. A time that makes no sense is none: the server refuses it at once. A command
    /// that is flagged as blocking, and of whose time nothing is known, may block for ever.
    ///
    /// Source: the commands' pages, as [BLPOP](https://redis.io/docs/latest/commands/blpop/)
    /// (seconds, the last argument), [BLMPOP](https://redis.io/docs/latest/commands/blmpop/)
    /// (seconds, the first), [XREAD](https://redis.io/docs/latest/commands/xread/)
    /// (milliseconds, behind BLOCK), [WAIT](https://redis.io/docs/latest/commands/wait/)
    /// (milliseconds, the last); 0 is for ever.
    ///
    /// ```
    /// use std::time::Duration;
    /// use slotline_resp::{Block, CommandBuffer, known};
    ///
    /// let mut buffer = CommandBuffer::new();
    /// buffer.begin(&known::BLPOP, 2).key("k").arg("1.5");
    /// buffer.begin(&known::GET, 1).key("k");
    /// let commands = buffer.freeze();
    /// let times = commands.iter().map(|command| command.block_time());
    /// let expected = [Some(Block::For(Duration::from_millis(1500))), None];
    /// assert_eq!(times.collect::<Vec<_>>(), expected);
    /// ```
    #[must_use]
    pub fn block_time(&self) -> Option<Block> {
        let said = self.said()?;
        let text = |at| {
            let arg = self.args().nth(at);
            arg.and_then(|arg| std::str::from_utf8(arg).ok())
        };
        let for_millis = |millis: u64| Block::For(Duration::from_millis(millis));
        let time = match said {
            Said::Nowhere => Some(Block::Forever),
            Said::Seconds(at) => text(at).and_then(|text| text.parse().ok()).map(of_seconds),
            Said::Milliseconds(at) => text(at).and_then(|text| text.parse().ok()).map(for_millis),
        };
        match time {
            Some(Block::For(Duration::ZERO)) => Some(Block::Forever),
            Some(time) => Some(time),
            None => Some(Block::For(Duration::ZERO)),
        }
    }

    /// The same command, blocking for `time` instead, a millisecond at least; the command
    /// as it is, if it does not block or no place for a time is known.
    ///
    /// ```
    /// use std::time::Duration;
    /// use slotline_resp::{CommandBuffer, known};
    ///
    /// let mut buffer = CommandBuffer::new();
    /// buffer.begin(&known::XREAD, 5).arg("BLOCK").arg("0").arg("STREAMS").key("s").arg("$");
    /// let commands = buffer.freeze();
    /// let sooner = commands.get(0).map(|xread| xread.blocking_for(Duration::from_secs(2)));
    /// let sooner = sooner.expect("there is one").to_vec();
    /// assert!(sooner.starts_with(b"*6\r\n$5\r\nXREAD\r\n$5\r\nBLOCK\r\n$4\r\n2000\r\n"));
    /// ```
    #[must_use]
    pub fn blocking_for(&self, time: Duration) -> Commands {
        let mut buffer = CommandBuffer::new();
        let (place, millis) = match self.said() {
            Some(Said::Seconds(at)) => (at, false),
            Some(Said::Milliseconds(at)) => (at, true),
            _ => {
                buffer.append(*self);
                return buffer.freeze();
            }
        };
        // What is no whole number of milliseconds, some servers do not take.
        let time = Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let time = time.max(LEAST);
        let spans = Arguments::new(self.encoded, self.start);
        buffer.begin(self.info, self.args().count().saturating_sub(1));
        for (at, span) in spans.enumerate().skip(1) {
            let arg = self.encoded.get(span).unwrap_or_default();
            match at {
                at if at == place && millis => buffer.arg(&Milliseconds(time)),
                at if at == place => buffer.arg(&Seconds(time)),
                _ if self.keys.contains(&span) => buffer.key(arg),
                _ => buffer.arg(arg),
            };
        }
        buffer.freeze()
    }

    fn said(&self) -> Option<Said> {
        if !self.info.flags.contains(Flags::BLOCKING) {
            return None;
        }
        let last = || self.args().count().saturating_sub(1);
        Some(match self.info.name {
            "BLPOP" | "BRPOP" | "BLMOVE" | "BRPOPLPUSH" | "BZPOPMIN" | "BZPOPMAX" => {
                Said::Seconds(last())
            }
            "BLMPOP" | "BZMPOP" => Said::Seconds(1),
            "BLMOVEM" => Said::Seconds(5),
            "WAIT" | "WAITAOF" => Said::Milliseconds(last()),
            _ => match self.info.keys {
                // What stands before is a group and a consumer of any name.
                KeySpec::Streams { from } => Said::Milliseconds(self.behind_block(from.into())?),
                _ => Said::Nowhere,
            },
        })
    }

    /// What stands behind the last BLOCK among the options, which begin at `from`.
    fn behind_block(&self, from: usize) -> Option<usize> {
        let options = self.args().enumerate().skip(from);
        options
            .take_while(|(_, arg)| !arg.eq_ignore_ascii_case(b"STREAMS"))
            .filter(|(_, arg)| arg.eq_ignore_ascii_case(b"BLOCK"))
            .last()
            .map(|(at, _)| at + 1)
    }
}

/// What no clock reaches is for ever.
fn of_seconds(seconds: f64) -> Block {
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) => Block::For(time),
        Err(_) if seconds > 0.0 => Block::Forever,
        // Not a number or negative; for none it would be taken otherwise.
        Err(_) => Block::For(Duration::from_nanos(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(line: &str) -> Commands {
        let mut buffer = CommandBuffer::new();
        let mut words = line.split(' ');
        buffer.begin_named(words.next().unwrap());
        words.for_each(|word| {
            buffer.arg(word);
        });
        buffer.freeze()
    }

    #[track_caller]
    fn check(line: &str, expected: Option<Block>) {
        let commands = commands(line);
        assert_eq!(commands.get(0).unwrap().block_time(), expected, "{line}");
    }

    #[test]
    fn a_command_says_for_how_long_it_blocks() {
        let millis = |millis| Some(Block::For(Duration::from_millis(millis)));
        for (line, expected) in [
            ("BLPOP a b 5", millis(5_000)),
            ("brpop a 0.25", millis(250)),
            ("BLMOVE a b LEFT RIGHT 1e1", millis(10_000)),
            ("BRPOPLPUSH a b 3", millis(3_000)),
            ("BZPOPMIN a 2", millis(2_000)),
            ("BZPOPMAX a 0.001", millis(1)),
            ("BLMPOP 7 2 a b LEFT COUNT 3", millis(7_000)),
            ("BZMPOP 0.5 1 a MIN", millis(500)),
            ("XREAD BLOCK 12 STREAMS s $", millis(12)),
            ("XREAD COUNT 3 block 12 STREAMS s $", millis(12)),
            ("XREAD BLOCK 12 BLOCK 13 STREAMS s $", millis(13)),
            (
                "XREADGROUP GROUP g c BLOCK 12 NOACK STREAMS s >",
                millis(12),
            ),
            ("WAIT 1 100", millis(100)),
            ("WAITAOF 1 0 100", millis(100)),
        ] {
            check(line, expected);
        }
    }

    #[test]
    fn none_is_for_ever_and_what_does_not_block_has_none() {
        for line in [
            "BLPOP a 0",
            "BLPOP a 0.0",
            "BLPOP a 1e300",
            "BLPOP a inf",
            "BLMPOP 0 1 a LEFT",
            "XREAD BLOCK 0 STREAMS s $",
            "WAIT 1 0",
        ] {
            check(line, Some(Block::Forever));
        }
        for line in [
            "GET BLOCK",
            "SET BLPOP 5",
            "XREAD STREAMS BLOCK 5",
            "XREAD COUNT 5 STREAMS s 0",
            "XREADGROUP GROUP g BLOCK COUNT 5 STREAMS s >",
            "MOD.BLPOP k 5",
        ] {
            check(line, None);
        }
        // Whatever a group is called.
        check(
            "XREADGROUP GROUP streams c BLOCK 0 STREAMS s >",
            Some(Block::Forever),
        );
    }

    /// The server says what is wrong with it, and does not wait before.
    #[test]
    fn a_time_that_makes_no_sense_is_a_short_one() {
        for line in [
            "BLPOP",
            "BLPOP a",
            "BLPOP a b",
            "BLPOP a -1",
            "BLPOP a NaN",
            "BLMPOP",
            "BLMPOP x 1 a LEFT",
            "XREAD BLOCK",
            "XREAD BLOCK -5 STREAMS s $",
            "XREAD BLOCK 1.5 STREAMS s $",
            "WAIT 1",
        ] {
            let commands = commands(line);
            let time = commands.get(0).unwrap().block_time();
            let is_short =
                |time| matches!(time, Block::For(time) if time <= Duration::from_secs(1));
            assert!(time.is_some_and(is_short), "{line}: {time:?}");
        }
    }

    #[track_caller]
    fn check_for(line: &str, millis: u64, expected: &str) {
        let time = Duration::from_millis(millis);
        let own = commands(line);
        let other = own.get(0).unwrap().blocking_for(time);
        assert_eq!(other.to_vec(), commands(expected).to_vec(), "{line}");
        let keys = |commands: &Commands| -> Vec<Vec<u8>> {
            let first = commands.get(0).unwrap();
            first.keys().map(<[u8]>::to_vec).collect()
        };
        assert_eq!(keys(&own), keys(&other), "{line}");
    }

    #[test]
    fn the_time_can_be_another_and_the_rest_stays() {
        check_for("BLPOP a b 5", 1_500, "BLPOP a b 1.5");
        check_for("BLMOVE a b LEFT RIGHT 0", 2_000, "BLMOVE a b LEFT RIGHT 2");
        check_for("BLMPOP 7 1 a LEFT", 3, "BLMPOP 0.003 1 a LEFT");
        check_for(
            "BLMOVEM a b LEFT LEFT 0 COUNT 2 OBO",
            1_000,
            "BLMOVEM a b LEFT LEFT 1 COUNT 2 OBO",
        );
        check_for("XREAD BLOCK 9 STREAMS s $", 4, "XREAD BLOCK 4 STREAMS s $");
        check_for("WAIT 1 100", 50, "WAIT 1 50");
        // Never for ever.
        check_for("BLPOP a 5", 0, "BLPOP a 0.001");
        check_for("XREAD BLOCK 9 STREAMS s $", 0, "XREAD BLOCK 1 STREAMS s $");
        check_for("GET k", 5, "GET k");
        check_for("XREAD STREAMS s 0", 5, "XREAD STREAMS s 0");
    }

    #[test]
    fn marked_keys_and_large_ones_stay_keys() {
        let large = bytes::Bytes::from(vec![b'k'; 64 << 10]);
        let mut buffer = CommandBuffer::new();
        buffer.begin_named("GET").key("before");
        buffer.begin_named("BLPOP").key(&large).key("b").arg(&9);
        let all = buffer.freeze();
        let blpop = all.get(1).unwrap().blocking_for(Duration::from_secs(1));
        let keys = blpop.get(0).unwrap();
        let keys: Vec<&[u8]> = keys.keys().collect();
        assert_eq!(keys, [&large[..], b"b"]);
        assert!(blpop.to_vec().ends_with(b"$1\r\nb\r\n$1\r\n1\r\n"));
    }
}
