//! Server-assisted client-side caching, as a step of the recipe.

use std::fmt;

use slotline_resp::CommandBuffer;

/// Which keys a server is to tell of when they change: what
/// [`CLIENT TRACKING ON`](https://redis.io/docs/latest/commands/client-tracking/)
/// is sent with. It tells by pushes, so that it needs RESP3.
///
/// ```
/// use slotline_pool::{Pool, Tracking};
///
/// let pool = Pool::builder("localhost:6379".parse()?)
///     .tracking(Tracking::broadcast(["user:", "item:"]).no_loop())
///     .build();
/// # Ok::<(), slotline_pool::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Tracking {
    mode: Mode,
    no_loop: bool,
}

#[derive(Clone, PartialEq, Eq)]
enum Mode {
    Read,
    OptIn,
    OptOut,
    Broadcast(Vec<Box<str>>),
}

impl Tracking {
    fn of(mode: Mode) -> Tracking {
        Tracking {
            mode,
            no_loop: false,
        }
    }

    /// The keys that are read on the connection.
    #[must_use]
    pub fn of_keys_read() -> Tracking {
        Tracking::of(Mode::Read)
    }

    /// The keys that are read by a command right behind `CLIENT CACHING YES`, which
    /// a connection that is shared refuses.
    #[must_use]
    pub fn opt_in() -> Tracking {
        Tracking::of(Mode::OptIn)
    }

    /// The keys that are read on the connection, but for those read by a command
    /// right behind `CLIENT CACHING NO`, which a connection that is shared refuses.
    #[must_use]
    pub fn opt_out() -> Tracking {
        Tracking::of(Mode::OptOut)
    }

    /// All keys that begin with one of these; all keys if there is none. A server
    /// refuses prefixes of which one begins with another.
    #[must_use]
    pub fn broadcast<P: Into<Box<str>>>(prefixes: impl IntoIterator<Item = P>) -> Tracking {
        Tracking::of(Mode::Broadcast(
            prefixes.into_iter().map(Into::into).collect(),
        ))
    }

    /// But not of changes that were made on the connection itself.
    #[must_use]
    pub fn no_loop(mut self) -> Tracking {
        self.no_loop = true;
        self
    }

    /// Adds the arguments of the command.
    pub(crate) fn encode<'a>(&self, buffer: &'a mut CommandBuffer) -> &'a mut CommandBuffer {
        buffer.arg("ON");
        match &self.mode {
            Mode::Read => {}
            Mode::OptIn => {
                buffer.arg("OPTIN");
            }
            Mode::OptOut => {
                buffer.arg("OPTOUT");
            }
            Mode::Broadcast(prefixes) => {
                buffer.arg("BCAST");
                for prefix in prefixes {
                    buffer.arg("PREFIX").arg(&**prefix);
                }
            }
        }
        if self.no_loop {
            buffer.arg("NOLOOP");
        }
        buffer
    }
}

impl fmt::Debug for Tracking {
    /// How many prefixes, not which: they are the beginnings of keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mode, prefixes) = match &self.mode {
            Mode::Read => ("of keys read", 0),
            Mode::OptIn => ("opt in", 0),
            Mode::OptOut => ("opt out", 0),
            Mode::Broadcast(prefixes) => ("broadcast", prefixes.len()),
        };
        f.debug_struct("Tracking")
            .field("mode", &mode)
            .field("prefixes", &prefixes)
            .field("no_loop", &self.no_loop)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_are_those_of_the_command() {
        let none: [&str; 0] = [];
        for (tracking, expected) in [
            (Tracking::of_keys_read(), "CLIENT TRACKING ON"),
            (
                Tracking::of_keys_read().no_loop(),
                "CLIENT TRACKING ON NOLOOP",
            ),
            (Tracking::opt_in(), "CLIENT TRACKING ON OPTIN"),
            (
                Tracking::opt_out().no_loop(),
                "CLIENT TRACKING ON OPTOUT NOLOOP",
            ),
            (Tracking::broadcast(none), "CLIENT TRACKING ON BCAST"),
            (
                Tracking::broadcast(["a:", "b:"]),
                "CLIENT TRACKING ON BCAST PREFIX a: PREFIX b:",
            ),
        ] {
            let mut buffer = CommandBuffer::new();
            buffer.begin_named("CLIENT TRACKING");
            tracking.encode(&mut buffer);
            let commands = buffer.freeze();
            let command = commands.get(0).unwrap();
            let sent = String::from_utf8(command.to_vec()).unwrap();
            let words = sent.lines().filter(|line| !line.starts_with(['*', '$']));
            assert_eq!(words.collect::<Vec<_>>().join(" "), expected);
            assert!(!format!("{tracking:?}").contains("a:"));
        }
    }
}
