//! A socket, and nothing between it and the codec.

use bytes::{Bytes, BytesMut};
use slotline_resp::{CommandBuffer, Commands, FromReplyOwned, Limits, Reply, Scanner, Value};
use slotline_testkit::{LocalServer, Node};
use slotline_tests::{in_time, server};
use std::collections::HashMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::cuts;

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Resp2,
    Resp3,
}

pub use Protocol::{Resp2, Resp3};

/// One connection to a server.
pub struct Connection {
    stream: TcpStream,
    protocol: Protocol,
    arrived: BytesMut,
}

/// Runs a test on a server of its own, in each version of the protocol.
pub async fn in_both(test: impl AsyncFn(&mut Connection)) {
    let server = server().await;
    for protocol in [Resp2, Resp3] {
        server.call(&["FLUSHALL"]).await.expect("FLUSHALL");
        println!("{protocol:?}");
        test(&mut Connection::open(&server, protocol).await).await;
    }
}

/// A server of its own, and a connection in each version of the protocol.
pub async fn one_of_each() -> (LocalServer, Connection, Connection) {
    let server = server().await;
    let resp2 = Connection::open(&server, Resp2).await;
    let resp3 = Connection::open(&server, Resp3).await;
    (server, resp2, resp3)
}

impl Connection {
    /// Connects and agrees on the version by HELLO.
    pub async fn open(node: &Node, protocol: Protocol) -> Connection {
        let stream = in_time(TcpStream::connect(node.address())).await;
        let mut connection = Connection {
            stream: stream.expect("connecting"),
            protocol,
            arrived: BytesMut::new(),
        };
        let (word, number) = match protocol {
            Resp2 => ("2", 2),
            Resp3 => ("3", 3),
        };
        let hello: HashMap<String, Value> = connection.get(&["HELLO", word]).await;
        assert_eq!(hello["proto"], Value::Int(number));
        connection
    }

    /// The version that was agreed on.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Of two things the one that this version gives.
    pub fn either<T>(&self, resp2: T, resp3: T) -> T {
        match self.protocol {
            Resp2 => resp2,
            Resp3 => resp3,
        }
    }

    /// Sends a command and returns what it is answered, which must be one frame.
    pub async fn ask(&mut self, args: &[impl AsRef<[u8]>]) -> Reply {
        self.send(args).await;
        let mut frames = self.frames(1).await;
        assert!(self.arrived.is_empty(), "more than one frame");
        frames.remove(0)
    }

    /// The same as a tree.
    pub async fn value(&mut self, args: &[impl AsRef<[u8]>]) -> Value {
        let reply = self.ask(args).await;
        reply.value().expect("it was scanned")
    }

    /// The same as a type.
    pub async fn get<T: FromReplyOwned>(&mut self, args: &[impl AsRef<[u8]>]) -> T {
        let reply = self.ask(args).await;
        reply.decode().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Sends commands one after another, none of which may be refused.
    pub async fn set_up(&mut self, commands: &[&[&str]]) {
        for command in commands {
            let done = self.ask(command).await;
            assert!(!done.is_error(), "{command:?}: {:?}", done.error());
        }
    }

    /// Sends a command.
    pub async fn send(&mut self, args: &[impl AsRef<[u8]>]) {
        let mut buffer = CommandBuffer::new();
        encode(&mut buffer, args);
        self.write(&buffer.freeze()).await;
    }

    /// Sends commands run by run, as a connection does: one write, unless there are
    /// large arguments.
    pub async fn write(&mut self, commands: &Commands) {
        let mut runs = Vec::new();
        commands.for_each_run(|run| runs.push(run));
        for run in runs {
            self.say(&run).await;
        }
    }

    /// Sends bytes as they are.
    pub async fn say(&mut self, bytes: &[u8]) {
        let sent = in_time(self.stream.write_all(bytes)).await;
        sent.expect("the connection takes it");
    }

    /// So many frames, after they were scanned in every way.
    pub async fn frames(&mut self, count: usize) -> Vec<Reply> {
        let recorded = self.record(count).await;
        let frames = cuts::frames(Limits::default(), &recorded);
        assert_eq!(frames.len(), count);
        frames
    }

    /// The bytes of so many frames, of whatever depth, as they come.
    pub async fn record(&mut self, count: usize) -> Bytes {
        let mut scanner = Scanner::new(Limits::default().depth(u32::MAX));
        let (mut found, mut end) = (0, 0);
        while found < count {
            let scanned = scanner.scan(&self.arrived[end..]);
            match scanned.unwrap_or_else(|error| panic!("{error}")) {
                Some(len) => {
                    end += len;
                    found += 1;
                }
                None => assert!(self.read().await > 0, "closed by the server"),
            }
        }
        self.arrived.split_to(end).freeze()
    }

    /// All bytes up to the end of the connection.
    pub async fn record_to_end(&mut self) -> Bytes {
        while self.read().await > 0 {}
        self.arrived.split().freeze()
    }

    /// Reads what is there, or waits for it; 0 bytes are the end.
    async fn read(&mut self) -> usize {
        let read = in_time(self.stream.read_buf(&mut self.arrived)).await;
        read.expect("the connection gives it")
    }

    /// Reads at most as many bytes as `piece` has.
    pub async fn read_piece(&mut self, piece: &mut [u8]) -> usize {
        let read = in_time(self.stream.read(piece)).await;
        read.expect("the connection gives it")
    }
}

/// Adds a command of words to a buffer.
pub fn encode(buffer: &mut CommandBuffer, args: &[impl AsRef<[u8]>]) {
    let mut args = args.iter().map(AsRef::as_ref);
    let name = args.next().expect("a command has a name");
    buffer.begin_named(str::from_utf8(name).expect("a name is text"));
    for arg in args {
        buffer.arg(arg);
    }
}
