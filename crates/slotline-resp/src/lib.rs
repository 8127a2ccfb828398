//! RESP2 and RESP3: bytes to replies, commands to bytes, and the static facts
//! about each command. No IO, no clock.
#![forbid(unsafe_code)]

mod error;

pub use error::{Error, Result};
