//! The server's side of the protocol: commands out of bytes, replies into bytes.

mod decoder;
mod inline;
mod protocol;
mod received;
mod reply_buffer;
mod streamed;

pub use decoder::CommandDecoder;
pub use protocol::Protocol;
pub use received::ReceivedCommand;
pub use reply_buffer::ReplyBuffer;
pub use streamed::Streamed;
