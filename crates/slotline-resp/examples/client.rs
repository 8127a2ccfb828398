//! A client that needs nothing but this crate and a socket: one pipeline, and
//! each reply as the type that it should be.
//!
//! ```sh
//! cargo run -p slotline-resp --example client -- 127.0.0.1:7379
//! ```

use std::collections::HashMap;
use std::io::{Error, ErrorKind, Read, Write};
use std::net::TcpStream;

use bytes::BytesMut;
use slotline_resp::{CommandBuffer, Commands, Limits, Reply, ReplyDecoder, Value, known};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let socket = TcpStream::connect(address.as_deref().unwrap_or("127.0.0.1:7379"))?;
    let mut connection = Connection::new(socket);

    let mut pipeline = CommandBuffer::new();
    pipeline.begin(&known::HELLO, 1).arg(&3);
    pipeline
        .begin(&known::SET, 2)
        .key("greeting")
        .arg("hello\r\nthere");
    pipeline.begin(&known::GET, 1).key("greeting");
    pipeline.begin(&known::GET, 1).key("nobody");
    pipeline.begin_named("NO.SUCH").arg("command");
    pipeline.begin(&known::DEL, 1).key("greeting");
    connection.send(&pipeline.freeze())?;

    let hello = connection.reply()?;
    let hello: HashMap<&str, Value> = hello.decode()?;
    println!("protocol: {:?}", hello.get("proto"));
    println!("SET: {}", connection.reply()?.decode::<String>()?);
    println!("GET: {:?}", connection.reply()?.decode::<String>()?);
    let missing = connection.reply()?;
    println!("GET: {:?}", missing.decode::<Option<&str>>()?);
    // An error is one command's result, not the connection's end.
    println!("NO.SUCH: {:?}", connection.reply()?.error_line());
    println!("DEL: {}", connection.reply()?.decode::<i64>()?);
    Ok(())
}

struct Connection {
    socket: TcpStream,
    buffer: BytesMut,
    decoder: ReplyDecoder,
}

impl Connection {
    fn new(socket: TcpStream) -> Connection {
        Connection {
            socket,
            buffer: BytesMut::new(),
            decoder: ReplyDecoder::new(Limits::default()),
        }
    }

    fn send(&mut self, commands: &Commands) -> std::io::Result<()> {
        let mut written = Ok(());
        commands.for_each_run(|run| {
            if written.is_ok() {
                written = self.socket.write_all(&run);
            }
        });
        written
    }

    /// The next reply, in the order in which the commands were sent.
    fn reply(&mut self) -> std::io::Result<Reply> {
        let mut piece = [0; 16 << 10];
        loop {
            let found = self.decoder.decode(&mut self.buffer);
            if let Some(reply) = found.map_err(|error| Error::new(ErrorKind::InvalidData, error))? {
                return Ok(reply);
            }
            let len = self.socket.read(&mut piece)?;
            if len == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let read = piece.get(..len).unwrap_or_default();
            self.buffer.extend_from_slice(read);
        }
    }
}
