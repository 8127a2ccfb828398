//! RESP2 and RESP3: bytes to replies, commands to bytes, and the static facts
//! about each command. No IO, no clock.
#![forbid(unsafe_code)]

mod arg;
#[cfg(feature = "tokio-util")]
mod codec;
mod command;
mod decode;
mod delivery;
mod error;
mod limits;
mod replies;
mod reply;
mod scan;
mod server;
#[cfg(feature = "serde")]
pub mod structs;
mod time;
mod value;

pub use arg::{Arguments, ToArg, ToArgs};
#[cfg(feature = "tokio-util")]
pub use codec::{ClientCodec, CodecError, ServerCodec};
pub use command::{
    Block, CommandBuffer, CommandInfo, CommandRef, Commands, Flags, KeySpec, RequestPolicy,
    ResponsePolicy, Run, command_info, known, session_advice,
};
pub use decode::{FromReply, FromReplyOwned, Pairs, Reader, ReplyKind, Sequence, Token};
pub use delivery::Delivery;
pub use error::{Error, Result, error_code};
pub use limits::Limits;
pub use replies::Replies;
pub use reply::Reply;
pub use scan::{ReplyDecoder, Scanner};
pub use server::{CommandDecoder, Protocol, ReceivedCommand, ReplyBuffer, Streamed};
#[cfg(feature = "serde")]
pub use structs::{ArgList, Serde, to_args};
pub use time::{Microseconds, Milliseconds, Seconds, ServerTime, UnixMilliseconds, UnixSeconds};
pub use value::{List, Part, Value};

/// The README's examples, run as doc tests.
#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;

#[doc = include_str!("../docs/differences.md")]
#[cfg(doc)]
pub mod differences {}
