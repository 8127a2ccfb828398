//! Commands that are sent together.

mod decode;
mod pipeline;
mod queued;
mod results;

pub use decode::FromReplies;
pub(crate) use pipeline::pipelined;
pub use pipeline::{Pipeline, Pipelined, SendPipeline};
pub use queued::{Batch, Queued};
pub use results::{Reply, Results};
