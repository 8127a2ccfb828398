//! Commands as bytes, and the static facts about them.

mod block;
mod body;
mod buffer;
mod command_ref;
mod commands;
mod head;
mod idempotent;
mod info;
mod keys;
mod lookup;
mod picks;
mod session;
mod wire;
/// Every command's facts by its name, as `known::HGETALL`.
#[rustfmt::skip]
pub mod table;

pub use block::Block;
pub use body::Run;
pub(crate) use body::Span;
pub use buffer::CommandBuffer;
pub use command_ref::CommandRef;
pub use commands::Commands;
pub use info::{CommandInfo, Flags, KeySpec, RequestPolicy, ResponsePolicy};
pub use lookup::command_info;
pub(crate) use lookup::received_info;
pub use session::session_advice;
pub use table as known;
