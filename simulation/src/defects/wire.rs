//! A connection with a meddler in it.

use std::io;

use bytes::{Bytes, BytesMut};
use slotline_resp::{CommandDecoder, Limits, Scanner};
use slotline_testkit::FakeCluster;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Duration, sleep};

use super::Defect;
use super::meddler::Meddler;
use crate::run::PASSWORD;

/// A stream to the node at `port`.
pub(super) fn open(cluster: &FakeCluster, port: u16, defect: Defect) -> io::Result<DuplexStream> {
    let far = cluster.connect(port)?;
    let (near, ours) = tokio::io::duplex(4096);
    tokio::spawn(pump(cluster.clone(), port, defect, ours, far));
    Ok(near)
}

async fn pump(
    cluster: FakeCluster,
    port: u16,
    defect: Defect,
    mut near: DuplexStream,
    mut far: DuplexStream,
) {
    let mut meddler = Meddler::new(defect);
    let mut decoder = CommandDecoder::new(Limits::default());
    let mut scanner = Scanner::new(Limits::default());
    let (mut commands, mut replies) = (BytesMut::new(), BytesMut::new());
    loop {
        let (up, down): (Vec<Bytes>, Vec<Bytes>) = tokio::select! {
            biased;
            read = far.read_buf(&mut replies) => {
                if !read.is_ok_and(|count| count > 0) {
                    let pending = meddler.unanswered_writes();
                    if defect == Defect::WriteRepeated && !pending.is_empty() {
                        repeat(&cluster, port, pending).await;
                    }
                    return;
                }
                let (mut up, mut down) = (Vec::new(), Vec::new());
                while let Ok(Some(len)) = scanner.scan(&replies) {
                    let frame = replies.split_to(len).freeze();
                    let (more_up, more_down) = meddler.reply(frame);
                    up.extend(more_up);
                    down.extend(more_down);
                }
                (up, down)
            }
            read = near.read_buf(&mut commands) => {
                if !read.is_ok_and(|count| count > 0) {
                    if defect == Defect::ConnectionLeaked {
                        sleep(Duration::from_secs(3600)).await;
                    }
                    return;
                }
                let mut whole = Vec::new();
                while let Ok(Some(command)) = decoder.decode(&mut commands) {
                    whole.push(command);
                }
                meddler.commands(whole)
            }
        };
        let up = up.concat();
        let down = down.concat();
        // A side that is gone is met at the next turn.
        let _ = far.write_all(&up).await;
        let _ = near.write_all(&down).await;
    }
}

/// Sends writes once more, over another connection.
async fn repeat(cluster: &FakeCluster, port: u16, writes: Vec<Bytes>) {
    let Ok(mut again) = cluster.connect(port) else {
        return;
    };
    let mut bytes = format!("AUTH {PASSWORD}\r\n").into_bytes();
    bytes.extend(writes.concat());
    let _ = again.write_all(&bytes).await;
    // It reads what it can before it ends.
    sleep(Duration::from_millis(50)).await;
}
