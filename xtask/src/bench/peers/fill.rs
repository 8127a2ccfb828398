//! Filling the servers with what the workloads ask for.

use anyhow::{Result, ensure};
use slotline::{Batch, Client};
use slotline_bench_driver::keys;

/// How many commands go at once.
const PIECE: usize = 1_000;

/// Stores all of it, in one server or in a cluster.
pub(super) async fn fill(urls: impl IntoIterator<Item = String>) -> Result<()> {
    let client = Client::builder().nodes(urls).connect().await?;
    for keys in keys::small().chunks(PIECE) {
        send(&client, keys, |batch, key| {
            batch.set(key, keys::small_value());
        })
        .await?;
    }
    let large = vec![b'x'; keys::LARGE_LEN];
    send(&client, keys::large(), |batch, key| {
        batch.set(key, &large[..]);
    })
    .await?;
    hashes(&client, keys::wide(), keys::WIDE_FIELDS).await?;
    hashes(&client, keys::narrow(), keys::NARROW_FIELDS).await
}

async fn hashes(client: &Client, all: &[String], fields: usize) -> Result<()> {
    let value = "x".repeat(keys::FIELD_LEN);
    let fields: Vec<(String, &str)> = (0..fields)
        .map(|field| (keys::field(field), value.as_str()))
        .collect();
    for keys in all.chunks(PIECE) {
        send(client, keys, |batch, key| {
            batch.hset(key, &fields);
        })
        .await?;
    }
    Ok(())
}

async fn send(client: &Client, keys: &[String], queue: impl Fn(&mut Batch, &String)) -> Result<()> {
    let mut pipeline = client.pipeline();
    for key in keys {
        queue(&mut pipeline, key);
    }
    let results = pipeline.send().await?;
    ensure!(results.len() == keys.len(), "a reply is missing");
    for reply in results {
        reply.decode::<slotline::Value>()?;
    }
    Ok(())
}
