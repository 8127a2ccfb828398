//! Keeps the topology fresh, in a background task.

mod ask;
mod choose;
mod refusals;
mod survey;
mod task;
mod word;

pub use ask::fetch_view;
pub use task::{Refresh, RefreshConfig};
