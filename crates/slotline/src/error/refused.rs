//! What a server refused of a transaction.

use std::fmt;

use slotline_resp::{CommandInfo, Delivery, error_code};

/// A command of a transaction that the server refused when it was queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    index: Option<usize>,
    command: String,
    line: String,
}

impl Refused {
    pub(crate) fn new(index: Option<usize>, command: &str, line: &str) -> Refused {
        Refused {
            index,
            command: command.to_owned(),
            line: line.to_owned(),
        }
    }

    /// Which command it is, in the order in which they were queued; `None` for the
    /// MULTI before the first.
    #[must_use]
    pub fn index(&self) -> Option<usize> {
        self.index
    }

    /// The command's name.
    #[must_use]
    pub fn command(&self) -> &str {
        &self.command
    }

    /// The first word of the server's error.
    #[must_use]
    pub fn code(&self) -> &str {
        error_code(&self.line)
    }

    /// The server's error, all of it.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.line
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.command)?;
        if let Some(index) = self.index {
            write!(f, " (command {index})")?;
        }
        write!(f, ": {}", self.line)
    }
}

/// A transaction that EXEC was refused for.
#[derive(Debug)]
pub(super) struct Aborted {
    line: String,
    refused: Vec<Refused>,
}

impl Aborted {
    pub(super) fn new(line: &str, refused: Vec<Refused>) -> Aborted {
        Aborted {
            line: line.to_owned(),
            refused,
        }
    }

    /// Without its MULTI the commands have run, each by itself, unless EXEC's error
    /// says that everything was refused.
    pub(super) fn delivery(&self) -> Delivery {
        Delivery::of_error(&CommandInfo::UNKNOWN, &self.line)
    }

    pub(super) fn code(&self) -> &str {
        error_code(&self.line)
    }

    pub(super) fn codes(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.code()).chain(self.refused.iter().map(Refused::code))
    }

    pub(super) fn refused(&self) -> &[Refused] {
        &self.refused
    }
}

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)?;
        for (at, refused) in self.refused.iter().enumerate() {
            let separator = if at == 0 { ": " } else { "; " };
            write!(f, "{separator}{refused}")?;
        }
        Ok(())
    }
}
