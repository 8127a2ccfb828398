//! Commands that are sent together.

mod decode;
mod pipeline;
mod queued;
mod results;

pub use decode::FromReplies;
pub use pipeline::{Pipeline, Pipelined, SendPipeline};
pub(crate) use pipeline::pipelined;
pub use queued::{Batch, Queued};
pub use results::{Reply, Results};
