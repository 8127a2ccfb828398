//! A plain connection to one node, for the testkit's own commands.

use bytes::BytesMut;
use slotline_resp::{FromReplyOwned, Limits, Reply, Scanner};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use crate::error::{Error, Result};

/// One connection, opened when it is needed and again when it was closed. It
/// speaks RESP2 and sends one command at a time.
#[derive(Debug)]
pub(crate) struct Admin {
    address: SocketAddr,
    idle: Mutex<Option<TcpStream>>,
}

impl Admin {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            idle: Mutex::new(None),
        }
    }

    /// Sends a command and decodes its reply. Dropping the future closes the
    /// connection; the command may have run.
    pub(crate) async fn call<T: FromReplyOwned>(
        &self,
        args: &[&[u8]],
        within: Duration,
    ) -> Result<T> {
        let exchange = self.exchange(args);
        let outcome = match tokio::time::timeout(within, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::timeout(step(args), within, "no reply")),
        };
        let reply = outcome.map_err(|error| error.at(self.address))?;
        reply
            .decode()
            .map_err(|error| Error::reply(step(args), error).at(self.address))
    }

    async fn exchange(&self, args: &[&[u8]]) -> Result<Reply> {
        let mut idle = self.idle.lock().await;
        let failed = |error| Error::io(step(args), error);
        // Taken out while in use, so that a reply that nobody waited for is
        // never read as the next command's.
        if let Some(mut stream) = idle.take() {
            match round_trip(&mut stream, args).await? {
                Some(reply) => {
                    *idle = Some(stream);
                    return Ok(reply);
                }
                // It was closed while idle (CLIENT KILL, a restart).
                None => drop(stream),
            }
        }
        let mut stream = TcpStream::connect(self.address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        match round_trip(&mut stream, args).await? {
            Some(reply) => {
                *idle = Some(stream);
                Ok(reply)
            }
            None => Err(failed(std::io::ErrorKind::UnexpectedEof.into())),
        }
    }
}

/// `None`: the connection was closed before a byte of a reply came.
async fn round_trip(stream: &mut TcpStream, args: &[&[u8]]) -> Result<Option<Reply>> {
    if stream.write_all(&encode(args)).await.is_err() {
        return Ok(None);
    }
    let mut buffer = BytesMut::with_capacity(4096);
    let mut scanner = Scanner::new(Limits::default());
    loop {
        match stream.read_buf(&mut buffer).await {
            Ok(0) | Err(_) if buffer.is_empty() => return Ok(None),
            Ok(0) => {
                return Err(Error::io(
                    step(args),
                    std::io::ErrorKind::UnexpectedEof.into(),
                ));
            }
            Ok(_) => {}
            Err(error) => return Err(Error::io(step(args), error)),
        }
        let found = scanner
            .scan(&buffer)
            .map_err(|error| Error::reply(step(args), error))?;
        if let Some(len) = found {
            return Ok(Some(Reply::from_scanned(buffer.split_to(len).freeze())));
        }
    }
}

fn encode(args: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        bytes.extend_from_slice(arg);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// The command's name as errors show it: at most two words, no values.
fn step(args: &[&[u8]]) -> String {
    let word = |arg: &&[u8]| String::from_utf8_lossy(arg).into_owned();
    let mut text = args.first().map(word).unwrap_or_default();
    let container = ["CLUSTER", "CONFIG", "CLIENT", "DEBUG", "INFO"];
    if let Some(second) = args.get(1)
        && container.contains(&text.to_ascii_uppercase().as_str())
    {
        text.push(' ');
        text.push_str(&word(second));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_arrays_of_bulks() {
        assert_eq!(
            encode(&[b"GET", b"a\r\nb"]),
            b"*2\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\n"
        );
    }

    #[test]
    fn a_step_names_the_command_and_shows_no_value() {
        assert_eq!(step(&[b"SET", b"key", b"secret"]), "SET");
        assert_eq!(step(&[b"cluster", b"MEET", b"127.0.0.1"]), "cluster MEET");
        assert_eq!(step(&[]), "");
    }
}
