//! The server's side: commands in, replies out.

use bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder};

use super::CodecError;
use crate::limits::Limits;
use crate::reply::Reply;
use crate::server::{CommandDecoder, Protocol, ReceivedCommand, ReplyBuffer};
use crate::value::Value;

/// A server's end of a connection: gives [`ReceivedCommand`]s, and takes replies
/// as a [`Value`], as a [`ReplyBuffer`], which needs no tree, or as a [`Reply`]
/// to pass on.
///
/// It begins with RESP2. HELLO is the caller's to answer, who then changes the
/// version.
///
/// ```
/// use futures_util::{SinkExt, StreamExt};
/// use slotline_resp::{CodecError, Protocol, ServerCodec, Value};
/// use tokio_util::codec::Framed;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), CodecError> {
/// # let (mut client, socket) = tokio::io::duplex(256);
/// # tokio::io::AsyncWriteExt::write_all(&mut client, b"HELLO 3\r\nGET k\r\n").await?;
/// # tokio::io::AsyncWriteExt::shutdown(&mut client).await?;
/// let mut connection = Framed::new(socket, ServerCodec::default());
/// while let Some(command) = connection.next().await.transpose()? {
///     match command.name() {
///         "HELLO" => {
///             connection.codec_mut().set_protocol(Protocol::Resp3);
///             let mut reply = connection.codec().replies();
///             reply.map(1).bulk("proto").integer(3);
///             connection.send(reply).await?;
///         }
///         _ => connection.send(Value::Null).await?,
///     }
/// }
/// // Of all that can be sent, `flush` and `close` have to be told one.
/// SinkExt::<Value>::close(&mut connection).await?;
/// # drop(connection);
/// # let mut sent = String::new();
/// # tokio::io::AsyncReadExt::read_to_string(&mut client, &mut sent).await?;
/// # assert_eq!(sent, "%1\r\n$5\r\nproto\r\n:3\r\n_\r\n");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct ServerCodec {
    commands: CommandDecoder,
    protocol: Protocol,
}

impl ServerCodec {
    /// A codec whose commands have to keep within `limits`.
    #[must_use]
    pub fn new(limits: Limits) -> ServerCodec {
        ServerCodec {
            commands: CommandDecoder::new(limits),
            protocol: Protocol::default(),
        }
    }

    /// The version in which replies are written.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Writes all later replies in another version; with `Framed`, by way of
    /// `codec_mut`.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// An empty buffer for replies in the version of this connection.
    #[must_use]
    pub fn replies(&self) -> ReplyBuffer {
        ReplyBuffer::new(self.protocol)
    }

    /// Writes at the end of `to`, without a buffer in between.
    fn write(&self, to: &mut BytesMut, reply: impl FnOnce(&mut ReplyBuffer)) {
        let mut replies = ReplyBuffer::onto(std::mem::take(to), self.protocol);
        reply(&mut replies);
        *to = replies.into_bytes();
    }
}

impl Encoder<&Value> for ServerCodec {
    type Error = CodecError;

    fn encode(&mut self, value: &Value, to: &mut BytesMut) -> Result<(), CodecError> {
        self.write(to, |replies| {
            replies.value(value);
        });
        Ok(())
    }
}

impl Encoder<Value> for ServerCodec {
    type Error = CodecError;

    fn encode(&mut self, value: Value, to: &mut BytesMut) -> Result<(), CodecError> {
        self.encode(&value, to)
    }
}

/// What has been written is sent as it is: begin it by
/// [`replies`](ServerCodec::replies).
impl Encoder<ReplyBuffer> for ServerCodec {
    type Error = CodecError;

    fn encode(&mut self, replies: ReplyBuffer, to: &mut BytesMut) -> Result<(), CodecError> {
        to.unsplit(replies.into_bytes());
        Ok(())
    }
}

/// For a proxy: byte by byte as it came, which must be in this connection's
/// version.
impl Encoder<&Reply> for ServerCodec {
    type Error = CodecError;

    fn encode(&mut self, reply: &Reply, to: &mut BytesMut) -> Result<(), CodecError> {
        self.write(to, |replies| {
            replies.reply(reply);
        });
        Ok(())
    }
}

impl Decoder for ServerCodec {
    type Item = ReceivedCommand;
    type Error = CodecError;

    fn decode(&mut self, from: &mut BytesMut) -> Result<Option<ReceivedCommand>, CodecError> {
        Ok(self.commands.decode(from)?)
    }
}

impl Decoder for CommandDecoder {
    type Item = ReceivedCommand;
    type Error = CodecError;

    fn decode(&mut self, from: &mut BytesMut) -> Result<Option<ReceivedCommand>, CodecError> {
        // The inherent method, which comes first.
        Ok(CommandDecoder::decode(self, from)?)
    }
}
