//! MSET, MGET and DEL over keys of all slots, and how many keys there are.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use slotline::Error;

use super::{Load, moving_keys, scans, transactions};

pub(super) const COUNT: usize = 10_000;
/// A key that goes to another node just then may be counted at both, or at neither.
const ON_THE_MOVE: u64 = 1_000;

/// Keys of slots that move, and of others.
fn keys() -> Vec<String> {
    let mut keys = moving_keys("value", 5);
    keys.extend((0..COUNT - keys.len()).map(|n| format!("value:{n}")));
    keys
}

/// Each round sets all, reads all, and takes all away.
pub(super) async fn run(load: Arc<Load>) -> Result<(), String> {
    let keys = keys();
    for round in 0_u64.. {
        if !load.goes_on() {
            break;
        }
        let wrong = one(&load, &keys, round).await;
        if let Some(wrong) = wrong.map_err(|error| error.to_string())? {
            return Err(format!("round {round}: {wrong}"));
        }
        load.rounds.fetch_add(1, Relaxed);
    }
    Ok(())
}

async fn one(load: &Load, keys: &[String], round: u64) -> Result<Option<String>, Error> {
    let values: Vec<String> = keys.iter().map(|key| format!("{round}:{key}")).collect();
    let pairs: Vec<(&str, &str)> = keys
        .iter()
        .zip(&values)
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    load.client.mset(&pairs).await?;
    let got: Vec<Option<String>> = load.client.mget(keys).await?;
    let wrong = |(got, set): &(&Option<String>, &String)| got.as_ref() != Some(*set);
    if got.len() != keys.len() {
        return Ok(Some(format!("{} values", got.len())));
    }
    if let Some((got, set)) = got.iter().zip(&values).find(wrong) {
        return Ok(Some(format!("{set} is {got:?}")));
    }
    let gone = load.client.del(keys).await?;
    if gone != keys.len() as u64 {
        return Ok(Some(format!("DEL counted {gone}")));
    }
    let left: Vec<Option<String>> = load.client.mget(keys).await?;
    let left = left.iter().flatten().next();
    Ok(left.map(|left| format!("{left} is still there")))
}

/// Counts all keys, again and again.
pub(super) async fn count(load: Arc<Load>) -> Result<(), String> {
    let least = scans::COUNT as u64 - ON_THE_MOVE;
    let most = least + 2 * ON_THE_MOVE + COUNT as u64 + transactions::KEYS + 8;
    while load.goes_on() {
        let size = load.client.dbsize().await;
        let size = size.map_err(|error| error.to_string())?;
        if !(least..=most).contains(&size) {
            return Err(format!("DBSIZE is {size}"));
        }
        load.sizes.fetch_add(1, Relaxed);
        tokio::task::yield_now().await;
    }
    Ok(())
}
