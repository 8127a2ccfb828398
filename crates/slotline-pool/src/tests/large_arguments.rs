//! Large arguments are written from where their owner has them, on every kind of
//! connection.

use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};
use std::task::Context;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};

use super::server::{pipes, shake_hands};
use super::waiting::far;
use super::*;
use crate::{Connect, Setup, Stream, hook};

/// A pipe that remembers where the bytes lie that it is given.
struct Watching {
    inner: DuplexStream,
    given: Arc<Mutex<Vec<usize>>>,
}

impl AsyncRead for Watching {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Watching {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.given.lock().unwrap().push(bytes.as_ptr() as usize);
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let given = pieces.iter().map(|piece| piece.as_ptr() as usize);
        self.given.lock().unwrap().extend(given);
        // As a socket may: not all of it, and not at the border of a piece.
        let first: Vec<u8> = pieces.iter().flat_map(|piece| piece.to_vec()).collect();
        let some = first.len().min(70_001);
        Pin::new(&mut self.inner).poll_write(cx, &first[..some])
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// As many as fill more than one write, with small ones between them.
fn values() -> (Commands, Vec<Bytes>) {
    let mut buffer = CommandBuffer::new();
    let value = |n: usize| Bytes::from(vec![b'a' + (n % 26) as u8; (16 << 10) + n]);
    let values: Vec<Bytes> = (0..70).map(value).collect();
    for (n, value) in values.iter().enumerate() {
        buffer.begin_named("SET").key(&n).arg(value);
        buffer.begin_named("GET").key(&n);
    }
    (buffer.freeze(), values)
}

#[tokio::test(start_paused = true)]
async fn large_arguments_are_not_copied() {
    for how in ["shared", "leased", "in a hook"] {
        let given: Arc<Mutex<Vec<usize>>> = Arc::default();
        let (commands, values) = values();
        let expected = commands.to_vec();
        let (pipe, mut streams) = pipes(1 << 14);
        let seen = Arc::clone(&given);
        let connector = move |address, deadline| {
            let (opening, given) = (pipe.connect(address, deadline), Arc::clone(&seen));
            async move {
                let stream: Box<dyn Stream> = opening.await?;
                let stream: Box<dyn std::any::Any> = stream;
                let inner = *stream.downcast::<DuplexStream>().unwrap();
                Ok::<_, io::Error>(Watching { inner, given })
            }
        };
        let server = tokio::spawn(async move {
            let mut stream = streams.recv().await.unwrap();
            shake_hands(&mut stream, 3).await;
            let mut all = vec![0; expected.len()];
            stream.read_exact(&mut all).await.unwrap();
            assert!(all == expected, "{how}");
            stream.write_all(&b"+OK\r\n".repeat(140)).await.unwrap();
            let _ = stream.read(&mut [0]).await;
        });
        let mut builder = builder(&far()).connector(connector);
        if how == "in a hook" {
            let commands = commands.clone();
            builder = builder.init_hook(hook("warm-up", move |setup: Setup| {
                let commands = commands.clone();
                async move {
                    assert_eq!(setup.run(commands).await?.len(), 140);
                    Ok(())
                }
            }));
        }
        let pool = builder.build();
        match how {
            "shared" => {
                let answer = pool.send(commands, soon(), WhileAway::Wait).await;
                assert_eq!(texts(&answer).len(), 140);
            }
            "leased" => {
                let mut lease = pool.lease(soon()).await.unwrap();
                let answer = lease.call(commands, soon()).await;
                assert_eq!(texts(&answer).len(), 140);
            }
            _ => drop(pool.connect().await.unwrap()),
        }
        drop(pool);
        server.await.unwrap();
        let given = given.lock().unwrap();
        for value in values {
            assert!(given.contains(&(value.as_ptr() as usize)), "{how}");
        }
    }
}
