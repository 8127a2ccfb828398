//! Follows what a server says about where, or when, a command can run.

mod advice;
mod future;
mod layer;
mod service;
mod transaction;

pub use future::RedirectFuture;
pub use layer::RedirectLayer;
pub use service::Redirect;
