//! What arguments and replies of commands are, beside strings and numbers.

mod stream_id;

pub use stream_id::StreamId;
