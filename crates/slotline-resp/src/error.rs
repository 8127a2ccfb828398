//! The one error type of the crate.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// The result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong while scanning, decoding or encoding.
///
/// One pointer wide and cheap to clone, since one broken frame is often the
/// outcome of many commands. Neither `Display` nor `Debug` shows a value that
/// was sent or received; the text of a server error is shown, being the
/// server's own words.
///
/// ```
/// use slotline_resp::Error;
///
/// let error = Error::server("WRONGTYPE Operation against a key");
/// assert!(error.is_server());
/// assert_eq!(error.code(), Some("WRONGTYPE"));
/// ```
#[derive(Clone)]
pub struct Error(Arc<Kind>);

#[derive(Clone, Debug)]
enum Kind {
    Protocol {
        what: &'static str,
        offset: usize,
    },
    Limit {
        what: &'static str,
        limit: u64,
        offset: usize,
    },
    Mismatch {
        /// `decode` or `encode`.
        verb: &'static str,
        wanted: Cow<'static, str>,
        found: Cow<'static, str>,
        /// Innermost step first: each enclosing aggregate pushes its own.
        path: Vec<Step>,
        source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    },
    Server(Box<str>),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Protocol { what, offset } => {
                write!(f, "malformed RESP at byte {offset}: {what}")
            }
            Kind::Limit {
                what,
                limit,
                offset,
            } => write!(f, "{what} exceeds the limit of {limit} at byte {offset}"),
            Kind::Mismatch {
                verb,
                wanted,
                found,
                path,
                ..
            } => f.write_str(&describe(verb, wanted, found, path)),
            Kind::Server(line) => f.write_str(line),
        }
    }
}

/// One level of the place where a mismatch is.
#[derive(Clone, Copy, Debug)]
enum Step {
    Index(usize),
    Field(&'static str),
}

fn describe(verb: &str, wanted: &str, found: &str, path: &[Step]) -> String {
    let mut text = format!("cannot {verb} {found} as {wanted}");
    for (depth, step) in path.iter().rev().enumerate() {
        text.push_str(if depth == 0 { " at " } else { "" });
        match step {
            Step::Index(index) => text.push_str(&format!("[{index}]")),
            Step::Field(name) => {
                text.push_str(if depth == 0 { "" } else { "." });
                text.push_str(name);
            }
        }
    }
    text
}

/// The code that the text of a server's error begins with, such as `WRONGTYPE`: what
/// comes before the first space or line break, as the description of the protocol has
/// it ("Simple errors"). Empty if the text is, or begins with a space.
///
/// ```
/// use slotline_resp::error_code;
///
/// assert_eq!(error_code("MOVED 3999 127.0.0.1:6381"), "MOVED");
/// assert_eq!(error_code("ERR"), "ERR");
/// ```
#[must_use]
pub fn error_code(line: &str) -> &str {
    line.get(..code_len(line.as_bytes())).unwrap_or_default()
}

/// How long it is, of a text that need not be UTF-8.
pub(crate) fn code_len(line: &[u8]) -> usize {
    let end = line.iter().position(|byte| b" \r\n".contains(byte));
    end.unwrap_or(line.len())
}

impl Error {
    /// An error that a server replied with: the text of the line without its
    /// `-` and without CR LF.
    pub fn server(line: impl Into<Box<str>>) -> Self {
        Self(Arc::new(Kind::Server(line.into())))
    }

    /// A reply that is well formed but is not of the type wanted. Both texts
    /// name types ("an integer"), never values.
    pub fn mismatch(
        wanted: impl Into<Cow<'static, str>>,
        found: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::misfit("decode", wanted.into(), found.into())
    }

    /// A value that cannot be an argument, or arguments, of a command. Both
    /// texts name types ("a sequence", "one argument"), never values.
    #[cfg(feature = "serde")]
    pub(crate) fn unencodable(wanted: &'static str, what: &'static str) -> Self {
        Self::misfit("encode", wanted.into(), what.into())
    }

    fn misfit(verb: &'static str, wanted: Cow<'static, str>, found: Cow<'static, str>) -> Self {
        Self(Arc::new(Kind::Mismatch {
            verb,
            wanted,
            found,
            path: Vec::new(),
            source: None,
        }))
    }

    /// Bytes that are not RESP; `offset` counts from the frame's first byte.
    pub(crate) fn protocol(what: &'static str, offset: usize) -> Self {
        Self(Arc::new(Kind::Protocol { what, offset }))
    }

    /// A frame beyond one of the [`Limits`](crate::Limits).
    pub(crate) fn limit(what: &'static str, limit: u64, offset: usize) -> Self {
        Self(Arc::new(Kind::Limit {
            what,
            limit,
            offset,
        }))
    }

    /// The same error, saying that it happened in element `index` of the
    /// aggregate around it. Implementors of [`FromReply`](crate::FromReply)
    /// call it for each aggregate that they read themselves; errors other than
    /// mismatches are returned as they are.
    #[must_use]
    pub fn at(self, index: usize) -> Self {
        self.within(Step::Index(index))
    }

    /// As [`at`](Self::at), for the value of a field that the type itself
    /// names: never a key that was received, which would show what is stored.
    #[must_use]
    pub fn at_field(self, name: &'static str) -> Self {
        self.within(Step::Field(name))
    }

    fn within(mut self, step: Step) -> Self {
        if matches!(*self.0, Kind::Mismatch { .. })
            && let Kind::Mismatch { path, .. } = Arc::make_mut(&mut self.0)
        {
            path.push(step);
        }
        self
    }

    /// The same mismatch with the error that caused it as its `source()`.
    #[must_use]
    pub fn caused_by(mut self, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        if matches!(*self.0, Kind::Mismatch { .. })
            && let Kind::Mismatch { source, .. } = Arc::make_mut(&mut self.0)
        {
            *source = Some(Arc::new(cause));
        }
        self
    }

    /// Whether the bytes were not RESP. The stream that they came from cannot
    /// be read any further.
    pub fn is_protocol(&self) -> bool {
        matches!(*self.0, Kind::Protocol { .. })
    }

    /// Whether a frame was beyond one of the [`Limits`](crate::Limits). The
    /// stream that it came from cannot be read any further.
    pub fn is_limit(&self) -> bool {
        matches!(*self.0, Kind::Limit { .. })
    }

    /// Whether a type does not fit: a well-formed reply is not of the type
    /// asked for, or a value is not of one that can be an argument.
    pub fn is_type_mismatch(&self) -> bool {
        matches!(*self.0, Kind::Mismatch { .. })
    }

    /// Whether the server replied with an error.
    pub fn is_server(&self) -> bool {
        matches!(*self.0, Kind::Server(_))
    }

    /// The first word of a server's error, such as `WRONGTYPE` or `ERR`; empty if
    /// the text is, or begins with a space.
    pub fn code(&self) -> Option<&str> {
        match &*self.0 {
            Kind::Server(line) => Some(error_code(line)),
            _ => None,
        }
    }

    /// What happened, in words: for a server's error its whole text, the code
    /// included; for any other the text that `Display` prints.
    pub fn message(&self) -> Cow<'_, str> {
        match &*self.0 {
            Kind::Server(line) => Cow::Borrowed(line),
            other => Cow::Owned(other.to_string()),
        }
    }

    /// Where the bytes broke a rule or a limit, counted in bytes from the
    /// first byte of the frame.
    pub fn offset(&self) -> Option<usize> {
        match *self.0 {
            Kind::Protocol { offset, .. } | Kind::Limit { offset, .. } => Some(offset),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &*self.0 {
            Kind::Mismatch {
                source: Some(cause),
                ..
            } => Some(&**cause),
            _ => None,
        }
    }
}

/// By what the error says; the cause of a mismatch is not compared.
impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.to_string() == other.to_string()
    }
}

impl Eq for Error {}
