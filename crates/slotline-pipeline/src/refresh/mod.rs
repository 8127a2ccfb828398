//! Keeps the topology fresh, in a background task.

mod ask;
mod choose;
mod task;

pub use ask::fetch_view;
pub use task::{Refresh, RefreshConfig};
