//! RESP2 and RESP3: bytes to replies, commands to bytes, and the static facts
//! about each command. No IO, no clock.
#![forbid(unsafe_code)]

mod arg;
mod command;
mod delivery;
mod error;

pub use arg::{Arguments, ToArg, ToArgs};
pub use command::{
    CommandBuffer, CommandInfo, CommandRef, Commands, Flags, KeySpec, RequestPolicy,
    ResponsePolicy, command_info, known, session_advice,
};
pub use delivery::Delivery;
pub use error::{Error, Result};
