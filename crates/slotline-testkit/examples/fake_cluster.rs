//! A test that a user might write: does my client find a key that moves to another
//! node while it is asked for?
//!
//! `cargo run -p slotline-testkit --example fake_cluster`; it needs no server.

use std::io;

use slotline_testkit::FakeCluster;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

/// The client under test: it asks a node, and whomever that sends it to.
async fn get(cluster: &FakeCluster, key: &str) -> io::Result<String> {
    let mut port = 7000;
    let mut asking = "";
    loop {
        let mut stream = BufReader::new(cluster.connect(port)?);
        let command = format!("{asking}GET {key}\r\n");
        stream.write_all(command.as_bytes()).await?;
        let mut line = String::new();
        if !asking.is_empty() {
            // That ASKING was taken note of.
            stream.read_line(&mut line).await?;
            line.clear();
        }
        stream.read_line(&mut line).await?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let (kind, to) = match words.as_slice() {
            [kind @ ("-MOVED" | "-ASK"), _, to] => (*kind, *to),
            _ => {
                let mut value = String::new();
                stream.read_line(&mut value).await?;
                return Ok(value.trim_end().to_owned());
            }
        };
        let (_, number) = to.rsplit_once(':').ok_or(io::ErrorKind::InvalidData)?;
        port = number.parse().map_err(io::Error::other)?;
        asking = if kind == "-ASK" { "ASKING\r\n" } else { "" };
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = FakeCluster::builder().build();
    let mut stream = cluster.connect(7000)?;
    stream.write_all(b"SET {b}greeting hello\r\n").await?;
    BufReader::new(stream).read_line(&mut String::new()).await?;

    // The slot of `{b}`, before, on its way, and afterwards.
    assert_eq!(get(&cluster, "{b}greeting").await?, "hello");
    cluster.begin_migration(3300, 7002);
    assert_eq!(get(&cluster, "{b}greeting").await?, "hello");
    cluster.move_key("{b}greeting");
    assert_eq!(get(&cluster, "{b}greeting").await?, "hello");
    cluster.finish_migration(3300, 7002);
    assert_eq!(get(&cluster, "{b}greeting").await?, "hello");

    // It was asked for where it was, and nowhere else.
    let counts = cluster.counts();
    assert_eq!(counts.get("ASK"), Some(&1));
    assert_eq!(counts.get("MOVED"), Some(&1));
    println!("a key was found in every state of its slot");
    Ok(())
}
