//! Both ends of a connection through tokio-util's `Framed`.

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, Stream, StreamExt};
use slotline_resp::{
    ClientCodec, CodecError, CommandBuffer, CommandDecoder, Commands, Limits, Protocol, Reply,
    ReplyDecoder, ReplyKind, ServerCodec, Value,
};
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio_util::codec::{Decoder, Encoder, Framed, FramedRead, FramedWrite};

fn commands(lines: &[&[&str]]) -> Commands {
    let mut buffer = CommandBuffer::new();
    for line in lines {
        buffer.begin_named(line[0]).args(&line[1..]);
    }
    buffer.freeze()
}

/// Answers HELLO, and any other command with a map of its name and length.
async fn serve(socket: DuplexStream) -> Result<usize, CodecError> {
    let mut connection = Framed::new(socket, ServerCodec::new(Limits::default()));
    let mut served = 0;
    while let Some(command) = connection.next().await {
        let command = command?;
        served += 1;
        if command.name() == "HELLO" {
            let version = command.arg(1).unwrap_or_default();
            if let Some(protocol) = Protocol::from_version(&version) {
                connection.codec_mut().set_protocol(protocol);
            }
            let mut reply = connection.codec().replies();
            let version = connection.codec().protocol().version();
            reply.map(1).bulk("proto").integer(version.into());
            connection.send(reply).await?;
            continue;
        }
        let name = Value::Bulk(Bytes::copy_from_slice(command.name().as_bytes()));
        let length = Value::Int(command.len() as i64);
        let answer = Value::Map([(name, length)].into());
        connection.feed(&answer).await?;
        connection.send(answer).await?;
    }
    Ok(served)
}

async fn reply(
    connection: &mut (impl Stream<Item = Result<Reply, CodecError>> + Unpin),
) -> Result<Reply, CodecError> {
    connection.next().await.unwrap()
}

#[tokio::test]
async fn a_conversation_changes_its_version() {
    // Smaller than a frame: everything comes in pieces, and whoever does not read
    // holds up the other.
    let (near, far) = duplex(7);
    let server = tokio::spawn(serve(far));
    let (near, back) = tokio::io::split(near);
    let mut from = FramedRead::new(near, ClientCodec::default());
    let mut to = FramedWrite::new(back, ClientCodec::default());

    let get = commands(&[&["GET", "k"]]);
    let long = "v".repeat(100_000);
    let others = commands(&[&["HELLO", "3"], &["SET", "k", &long]]);
    let send = async {
        to.send(&get).await?;
        to.send(others).await
    };
    let receive = async {
        for _ in 0..2 {
            let answer = reply(&mut from).await?;
            assert_eq!(answer.kind(), ReplyKind::Array);
            assert_eq!(answer.decode(), Ok(("GET", 2)));
        }
        let hello = reply(&mut from).await?;
        assert_eq!(hello.as_bytes(), "%1\r\n$5\r\nproto\r\n:3\r\n");
        for _ in 0..2 {
            let answer = reply(&mut from).await?;
            assert_eq!(answer.as_bytes(), "%1\r\n$3\r\nSET\r\n:3\r\n");
        }
        Ok::<_, CodecError>(())
    };
    let (sent, received) = tokio::join!(send, receive);
    sent.unwrap();
    received.unwrap();
    drop((to, from));
    assert_eq!(server.await.unwrap().unwrap(), 3);
}

#[tokio::test]
async fn a_proxy_passes_on_what_it_did_not_write() {
    let (client, near) = duplex(64);
    let (far, server) = duplex(64);
    let server = tokio::spawn(serve(server));
    let proxy = tokio::spawn(async move {
        let mut downstream = Framed::new(near, ServerCodec::default());
        let mut upstream = Framed::new(far, ClientCodec::default());
        while let Some(command) = downstream.next().await.transpose()? {
            upstream.send(&command).await?;
            let answer = upstream.next().await.unwrap()?;
            downstream.send(&answer).await?;
        }
        Ok::<_, CodecError>(())
    });
    let mut client = Framed::new(client, ClientCodec::default());
    client.send(commands(&[&["HELLO", "2"]])).await.unwrap();
    let answer = reply(&mut client).await.unwrap();
    assert_eq!(answer.decode(), Ok(("proto", 2)));
    drop(client);
    proxy.await.unwrap().unwrap();
    assert_eq!(server.await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn broken_bytes_and_a_broken_stream_are_told_apart() {
    let (mut near, far) = duplex(64);
    let mut server = Framed::new(far, ServerCodec::default());
    near.write_all(b"PING\r\n*1\r\n:1\r\n").await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap().name(), "PING");
    let error = server.next().await.unwrap().unwrap_err();
    assert!(matches!(&error, CodecError::Resp(error) if error.offset() == Some(4)));
    let text = "malformed RESP at byte 4: bulk string expected in a command";
    assert_eq!(error.to_string(), text);

    let (mut near, far) = duplex(64);
    let mut client = Framed::new(far, ClientCodec::default());
    near.write_all(b"$5\r\nhel").await.unwrap();
    drop(near);
    let error = client.next().await.unwrap().unwrap_err();
    assert!(matches!(error, CodecError::Io(_)), "{error:?}");
    assert!(client.next().await.is_none());
}

#[tokio::test]
async fn the_decoders_are_codecs_themselves() {
    let mut replies = FramedRead::new(&b"+OK\r\n:1\r\n"[..], ReplyDecoder::default());
    assert_eq!(replies.next().await.unwrap().unwrap().decode(), Ok("OK"));
    assert_eq!(replies.next().await.unwrap().unwrap().decode(), Ok(1));
    assert!(replies.next().await.is_none());
    let mut commands = FramedRead::new(&b"\r\nGET k\r\n"[..], CommandDecoder::default());
    assert_eq!(commands.next().await.unwrap().unwrap().len(), 2);
    assert!(commands.next().await.is_none());
}

#[test]
fn what_is_encoded_comes_behind_what_is_there() {
    let mut codec = ServerCodec::default();
    codec.set_protocol(Protocol::Resp3);
    let mut replies = codec.replies();
    replies.boolean(true);
    let mut to = BytesMut::from("+first\r\n");
    codec.encode(replies, &mut to).unwrap();
    codec.encode(Value::Null, &mut to).unwrap();
    let reply = Reply::from_frame(":1\r\n".into()).unwrap();
    codec.encode(&reply, &mut to).unwrap();
    assert_eq!(to, "+first\r\n#t\r\n_\r\n:1\r\n");

    let mut codec = ClientCodec::new(Limits::default());
    assert_eq!(
        codec.decode(&mut to).unwrap().unwrap().decode(),
        Ok("first")
    );
    let mut to = BytesMut::from("PING\r\n");
    codec.encode(commands(&[&["GET", "k"]]), &mut to).unwrap();
    assert_eq!(to, "PING\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
}
