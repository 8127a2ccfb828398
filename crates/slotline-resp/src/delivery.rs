//! What became of a command.

/// What became of a command that failed: whether it ran, and who knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Delivery {
    /// No byte of it was written: it has not run and will not.
    NotSent,
    /// The server answered that it did not run it: MOVED, LOADING, NOAUTH …
    Rejected,
    /// Bytes may have arrived, no answer did: it may have run, or may yet.
    Ambiguous,
    /// The server ran it and answered with an error of its own, such as
    /// WRONGTYPE or a script's; or its reply is not what was asked for.
    Answered,
}

impl Delivery {
    /// What a server's error says of the command, by the error's code (its first
    /// word). A code that a script can return says nothing certain of a script.
    #[must_use]
    pub fn of_error_code(code: &str) -> Delivery {
        match code {
            "MOVED" | "ASK" | "TRYAGAIN" | "CROSSSLOT" | "CLUSTERDOWN" | "LOADING"
            | "MASTERDOWN" | "READONLY" | "NOREPLICAS" | "OOM" | "MISCONF" | "BUSY"
            | "NOSCRIPT" | "NOAUTH" | "WRONGPASS" | "NOPERM" | "EXECABORT" | "DENIED"
            | "NOPROTO" => Delivery::Rejected,
            _ => Delivery::Answered,
        }
    }

    /// Whether the command may have taken effect.
    #[must_use]
    pub fn may_have_run(self) -> bool {
        matches!(self, Delivery::Ambiguous | Delivery::Answered)
    }
}

impl std::fmt::Display for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Delivery::NotSent => "not sent",
            Delivery::Rejected => "rejected",
            Delivery::Ambiguous => "ambiguous",
            Delivery::Answered => "answered",
        })
    }
}
