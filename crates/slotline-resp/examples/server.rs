//! A small server: strings by key, for clients of either version of the
//! protocol and for people with a terminal.
//!
//! ```sh
//! cargo run -p slotline-resp --example server -- 127.0.0.1:7379
//! ```

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use slotline_resp::{CommandDecoder, Limits, Protocol, ReceivedCommand, ReplyBuffer};

#[derive(Default)]
struct Store(Mutex<HashMap<Bytes, Bytes>>);

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:7379"))?;
    println!("listening on {}", listener.local_addr()?);
    let store = Arc::new(Store::default());
    for socket in listener.incoming() {
        let (socket, store) = (socket?, Arc::clone(&store));
        std::thread::spawn(move || {
            if let Err(error) = serve(socket, &store) {
                eprintln!("a connection failed: {error}");
            }
        });
    }
    Ok(())
}

/// One connection, until its client leaves or sends what is no command.
fn serve(mut socket: TcpStream, store: &Store) -> std::io::Result<()> {
    let limits = Limits::default().bulk(16 << 20).elements(1 << 16);
    let mut decoder = CommandDecoder::new(limits);
    let mut replies = ReplyBuffer::new(Protocol::Resp2);
    let mut buffer = BytesMut::new();
    let mut piece = [0; 16 << 10];
    loop {
        let len = socket.read(&mut piece)?;
        if len == 0 {
            return Ok(());
        }
        buffer.extend_from_slice(piece.get(..len).unwrap_or_default());
        // All commands of a pipeline are answered with one write.
        let broken = loop {
            match decoder.decode(&mut buffer) {
                Ok(Some(command)) => answer(&command, store, &mut replies),
                Ok(None) => break false,
                Err(error) => {
                    replies.error(format!("ERR Protocol error: {error}"));
                    break true;
                }
            }
        };
        socket.write_all(&replies.split())?;
        if broken {
            return Ok(());
        }
    }
}

fn answer(command: &ReceivedCommand, store: &Store, replies: &mut ReplyBuffer) {
    let mut map = store.0.lock().unwrap_or_else(PoisonError::into_inner);
    let args: Vec<&[u8]> = command.args().skip(1).collect();
    match (command.name(), args.as_slice()) {
        ("PING", []) => replies.simple("PONG"),
        ("PING", [text]) => replies.bulk(text),
        ("HELLO", [version, ..]) => match Protocol::from_version(version) {
            Some(protocol) => {
                replies.set_protocol(protocol);
                hello(replies)
            }
            None => replies.error("NOPROTO unsupported protocol version"),
        },
        ("HELLO", []) => hello(replies),
        ("GET", [key]) => match map.get(*key) {
            Some(value) => replies.bulk(value),
            None => replies.null(),
        },
        ("SET", [key, value]) => {
            // Copied: what is kept must not keep a whole read buffer alive.
            let copy = Bytes::copy_from_slice;
            map.insert(copy(key), copy(value));
            replies.simple("OK")
        }
        ("DEL", keys) if !keys.is_empty() => {
            let removed = keys.iter().filter(|key| map.remove(**key).is_some());
            replies.integer(removed.count() as i64)
        }
        (name @ ("PING" | "GET" | "SET" | "DEL"), _) => replies.error(format!(
            "ERR wrong number of arguments for '{}' command",
            name.to_lowercase()
        )),
        (name, _) => replies.error(format!("ERR unknown command '{name}'")),
    };
}

fn hello(replies: &mut ReplyBuffer) -> &mut ReplyBuffer {
    let version = replies.protocol().version();
    replies.map(3);
    replies.bulk("server").bulk("slotline-example");
    replies.bulk("proto").integer(version.into());
    replies.bulk("role").bulk("master")
}
