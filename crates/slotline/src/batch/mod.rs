//! Commands that are sent together.

mod decode;
mod pipeline;
mod results;
mod transaction;

pub use decode::FromReplies;
pub use pipeline::{Pipeline, Pipelined, SendPipeline};
pub(crate) use pipeline::{pipelined, transaction};
pub use results::{Reply, Results};
