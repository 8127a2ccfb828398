//! What a framed stream fails with.

use std::fmt;

use crate::error::Error;

/// What went wrong on a stream of frames: a codec of tokio-util reports its own
/// errors and those of the stream in one type.
#[derive(Debug)]
#[non_exhaustive]
pub enum CodecError {
    /// The stream failed, or ended in the middle of a frame.
    Io(std::io::Error),
    /// The bytes were not RESP, or exceeded a limit.
    Resp(Error),
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CodecError::Io(error) => error.fmt(f),
            CodecError::Resp(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CodecError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            CodecError::Io(error) => error.source(),
            CodecError::Resp(error) => error.source(),
        }
    }
}

impl From<std::io::Error> for CodecError {
    fn from(error: std::io::Error) -> CodecError {
        CodecError::Io(error)
    }
}

impl From<Error> for CodecError {
    fn from(error: Error) -> CodecError {
        CodecError::Resp(error)
    }
}
