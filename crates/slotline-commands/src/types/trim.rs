//! How far a stream is cut.

use slotline_resp::{Arguments, ToArgs};

use super::StreamId;

/// What stays of a stream.
///
/// Source: [XTRIM](https://redis.io/docs/latest/commands/xtrim/).
///
/// ```
/// use slotline_commands::{Trim, cmd};
///
/// let trim = cmd::xtrim("s", Trim::max_len(1000).about().limit(100));
/// let sent = trim.freeze().to_vec();
/// assert!(sent.ends_with(b"$6\r\nMAXLEN\r\n$1\r\n~\r\n$4\r\n1000\r\n$5\r\nLIMIT\r\n$3\r\n100\r\n"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trim {
    keep: Keep,
    about: bool,
    limit: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Newest(u64),
    From(StreamId),
}

impl Trim {
    /// So many entries, the newest.
    #[must_use]
    pub fn max_len(entries: u64) -> Trim {
        Trim::keeping(Keep::Newest(entries))
    }

    /// The entries from this id on.
    #[must_use]
    pub fn min_id(id: StreamId) -> Trim {
        Trim::keeping(Keep::From(id))
    }

    fn keeping(keep: Keep) -> Trim {
        Trim {
            keep,
            about: false,
            limit: None,
        }
    }

    /// Somewhat more may stay, where that is cheaper for the server.
    #[must_use]
    pub fn about(mut self) -> Trim {
        self.about = true;
        self
    }

    /// No more than so many entries are removed. It goes with [`about`](Trim::about), which
    /// it brings.
    #[must_use]
    pub fn limit(mut self, entries: u64) -> Trim {
        self.limit = Some(entries);
        self.about()
    }
}

impl ToArgs for Trim {
    fn add_to(&self, arguments: &mut Arguments<'_>) {
        arguments.add(match self.keep {
            Keep::Newest(_) => "MAXLEN",
            Keep::From(_) => "MINID",
        });
        arguments.add(if self.about { "~" } else { "=" });
        match &self.keep {
            Keep::Newest(entries) => arguments.add(entries),
            Keep::From(id) => arguments.add(id),
        }
        if let Some(limit) = &self.limit {
            arguments.add("LIMIT");
            arguments.add(limit);
        }
    }
}
