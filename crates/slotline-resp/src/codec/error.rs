//! What a framed stream fails with.

use crate::error::Error;

/// What went wrong on a stream of frames: a codec of tokio-util reports its own
/// errors and those of the stream in one type.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The stream failed, or ended in the middle of a frame.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The bytes were not RESP, or exceeded a limit.
    #[error(transparent)]
    Resp(#[from] Error),
}
