//! No client, but the least that a program with one shared connection does: one
//! buffer for what is to be written, one task that writes and reads, replies given
//! to those who wait in turn. No reconnects, no timeouts, no errors, no cluster.

mod line;
mod reply;

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use slotline_bench_driver::{Client, Failure, Setup};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use line::Line;

#[derive(Clone)]
pub(crate) struct Floor(Arc<Line>);

/// Appends a command.
fn command(buffer: &mut Vec<u8>, parts: &[&[u8]]) {
    // Writing to a vector does not fail.
    let _ = write!(buffer, "*{}\r\n", parts.len());
    for part in parts {
        let _ = write!(buffer, "${}\r\n", part.len());
        buffer.extend_from_slice(part);
        buffer.extend_from_slice(b"\r\n");
    }
}

impl Floor {
    async fn one(&self, parts: &[&[u8]]) -> Result<Bytes, Failure> {
        self.0.send(1, |buffer| command(buffer, parts)).await
    }

    async fn all(
        &self,
        keys: &[String],
        parts: impl Fn(&String, &mut Vec<u8>),
    ) -> Result<Bytes, Failure> {
        let fill = |buffer: &mut Vec<u8>| keys.iter().for_each(|key| parts(key, buffer));
        self.0.send(keys.len(), fill).await
    }
}

impl Client for Floor {
    type Value = Bytes;

    async fn connect(setup: &Setup) -> Result<Self, Failure> {
        if setup.cluster {
            return Err("standalone only".into());
        }
        let address = setup.first()?;
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let line = Arc::new(Line::default());
        match setup.pem()? {
            None => tokio::spawn(line::drive(Arc::clone(&line), stream)),
            Some(pem) => {
                let connector = TlsConnector::from(Arc::new(crate::tls::config(&pem)?));
                let name = ServerName::from(address.ip());
                let stream = connector.connect(name, stream).await?;
                tokio::spawn(line::drive(Arc::clone(&line), stream))
            }
        };
        Ok(Self(line))
    }

    async fn get(&mut self, key: &str) -> Result<Bytes, Failure> {
        let mut replies = self.one(&[b"GET", key.as_bytes()]).await?;
        reply::bulk(&mut replies)
    }

    async fn set(&mut self, key: &str, value: &Bytes) -> Result<(), Failure> {
        let mut replies = self.one(&[b"SET", key.as_bytes(), value]).await?;
        reply::ok(&mut replies)
    }

    async fn map(&mut self, key: &str) -> Result<HashMap<String, String>, Failure> {
        let mut replies = self.one(&[b"HGETALL", key.as_bytes()]).await?;
        reply::map(&mut replies)
    }

    async fn get_all(&mut self, keys: &[String]) -> Result<Vec<Bytes>, Failure> {
        let get = |key: &String, buffer: &mut Vec<u8>| command(buffer, &[b"GET", key.as_bytes()]);
        let mut replies = self.all(keys, get).await?;
        (0..keys.len()).map(|_| reply::bulk(&mut replies)).collect()
    }

    async fn set_all(&mut self, keys: &[String], value: &Bytes) -> Result<(), Failure> {
        let set = |key: &String, buffer: &mut Vec<u8>| {
            command(buffer, &[b"SET", key.as_bytes(), value]);
        };
        let mut replies = self.all(keys, set).await?;
        (0..keys.len()).try_for_each(|_| reply::ok(&mut replies))
    }

    async fn map_all(&mut self, keys: &[String]) -> Result<Vec<HashMap<String, String>>, Failure> {
        let ask = |key: &String, buffer: &mut Vec<u8>| {
            command(buffer, &[b"HGETALL", key.as_bytes()]);
        };
        let mut replies = self.all(keys, ask).await?;
        (0..keys.len()).map(|_| reply::map(&mut replies)).collect()
    }
}

/// How much is read at once where nothing larger is known to come.
const PIECE: usize = 64 << 10;

/// What has arrived and is not given away yet.
#[derive(Default)]
struct Inbox {
    bytes: BytesMut,
    /// So many whole replies of the next one's have been found, and end here.
    found: usize,
    end: usize,
}

impl Inbox {
    /// The bytes of that many replies, once all are there.
    fn take(&mut self, replies: usize) -> Result<Option<Bytes>, Failure> {
        while self.found < replies {
            match reply::end(&self.bytes, self.end)? {
                reply::End::At(end) => (self.found, self.end) = (self.found + 1, end),
                reply::End::Missing(bytes) => {
                    let room = self.bytes.capacity() - self.bytes.len();
                    if room < bytes.min(PIECE / 4) || bytes > PIECE && room < bytes {
                        self.bytes.reserve(bytes.max(PIECE));
                    }
                    return Ok(None);
                }
            }
        }
        self.found = 0;
        Ok(Some(
            self.bytes.split_to(std::mem::take(&mut self.end)).freeze(),
        ))
    }
}
