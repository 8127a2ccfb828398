//! The client's side: commands out, replies in.

use bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder};

use super::CodecError;
use crate::command::Commands;
use crate::limits::Limits;
use crate::reply::Reply;
use crate::scan::ReplyDecoder;
use crate::server::ReceivedCommand;

/// A client's end of a connection: takes [`Commands`], or a [`ReceivedCommand`]
/// to pass on, and gives [`Reply`]s, pushes included.
///
/// ```
/// use futures_util::{SinkExt, StreamExt};
/// use slotline_resp::{ClientCodec, CodecError, CommandBuffer, known};
/// use tokio_util::codec::Framed;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), CodecError> {
/// # let (socket, mut server) = tokio::io::duplex(64);
/// # tokio::io::AsyncWriteExt::write_all(&mut server, b"$1\r\nv\r\n").await?;
/// let mut connection = Framed::new(socket, ClientCodec::default());
///
/// let mut buffer = CommandBuffer::new();
/// buffer.begin(&known::GET, 1).key("k");
/// connection.send(buffer.freeze()).await?;
/// let reply = connection.next().await.expect("the server has not left")?;
/// assert_eq!(reply.decode::<&str>()?, "v");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct ClientCodec {
    replies: ReplyDecoder,
}

impl ClientCodec {
    /// A codec whose replies have to keep within `limits`.
    #[must_use]
    pub fn new(limits: Limits) -> ClientCodec {
        ClientCodec {
            replies: ReplyDecoder::new(limits),
        }
    }
}

impl Encoder<&Commands> for ClientCodec {
    type Error = CodecError;

    fn encode(&mut self, commands: &Commands, to: &mut BytesMut) -> Result<(), CodecError> {
        to.reserve(commands.byte_len());
        commands.for_each_run(|run| to.extend_from_slice(&run));
        Ok(())
    }
}

impl Encoder<Commands> for ClientCodec {
    type Error = CodecError;

    fn encode(&mut self, commands: Commands, to: &mut BytesMut) -> Result<(), CodecError> {
        self.encode(&commands, to)
    }
}

impl Encoder<&ReceivedCommand> for ClientCodec {
    type Error = CodecError;

    fn encode(&mut self, command: &ReceivedCommand, to: &mut BytesMut) -> Result<(), CodecError> {
        to.extend_from_slice(command.as_bytes());
        Ok(())
    }
}

impl Decoder for ClientCodec {
    type Item = Reply;
    type Error = CodecError;

    fn decode(&mut self, from: &mut BytesMut) -> Result<Option<Reply>, CodecError> {
        Ok(self.replies.decode(from)?)
    }
}

impl Decoder for ReplyDecoder {
    type Item = Reply;
    type Error = CodecError;

    fn decode(&mut self, from: &mut BytesMut) -> Result<Option<Reply>, CodecError> {
        // The inherent method, which comes first.
        Ok(ReplyDecoder::decode(self, from)?)
    }
}
