//! Which version of the protocol a connection speaks.

/// A version of the protocol. Every connection begins with RESP2;
/// [`HELLO`](https://redis.io/docs/latest/commands/hello/) changes it.
///
/// ```
/// use slotline_resp::Protocol;
///
/// assert_eq!(Protocol::from_version(b"3"), Some(Protocol::Resp3));
/// assert_eq!(Protocol::from_version(b"4"), None);
/// assert_eq!(Protocol::default().version(), 2);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// RESP2: five types, and nil in two spellings.
    #[default]
    Resp2,
    /// RESP3: all types.
    Resp3,
}

impl Protocol {
    /// The version that the argument of HELLO names; `None` for one that there
    /// is not, which a server answers with NOPROTO.
    #[must_use]
    pub fn from_version(version: &[u8]) -> Option<Protocol> {
        match version {
            b"2" => Some(Protocol::Resp2),
            b"3" => Some(Protocol::Resp3),
            _ => None,
        }
    }

    /// The number of the version, as the `proto` field of HELLO's reply has it.
    #[must_use]
    pub fn version(self) -> u8 {
        match self {
            Protocol::Resp2 => 2,
            Protocol::Resp3 => 3,
        }
    }
}
