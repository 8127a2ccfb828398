//! One operation of a task: its commands, and whether the replies are right.

use std::hint::black_box;

use crate::client::{Client, Failure};
use crate::keys::{self, check_map, check_value};
use crate::workload::Kind;

/// Does it; `turn` chooses the keys.
pub(crate) async fn operation<C: Client>(
    client: &mut C,
    kind: Kind,
    turn: u64,
) -> Result<(), Failure> {
    match kind {
        Kind::Get => get(client, keys::one(keys::small(), turn)).await,
        Kind::GetAll(count) => {
            let keys = keys::run(keys::small(), turn, count);
            let values = black_box(client.get_all(keys).await?);
            check_count(values.len(), count)?;
            let mut values = values.iter();
            values.try_for_each(|value| check_value(value.as_ref(), keys::SMALL_LEN))
        }
        Kind::SetAll(count) => {
            let keys = keys::run(keys::small(), turn, count);
            client.set_all(keys, keys::small_value()).await
        }
        Kind::GetLarge => {
            let value = client.get(keys::one(keys::large(), turn)).await?;
            check_value(black_box(value).as_ref(), keys::LARGE_LEN)
        }
        Kind::Map => {
            let map = client.map(keys::one(keys::wide(), turn)).await?;
            check_map(&black_box(map), keys::WIDE_FIELDS)
        }
        Kind::MapAll(count) => {
            let keys = keys::run(keys::narrow(), turn, count);
            let maps = black_box(client.map_all(keys).await?);
            check_count(maps.len(), count)?;
            let mut maps = maps.iter();
            maps.try_for_each(|map| check_map(map, keys::NARROW_FIELDS))
        }
        Kind::Mixed => match turn % 10 {
            0..7 => get(client, keys::one(keys::small(), turn)).await,
            7..9 => {
                let key = keys::one(keys::small(), turn);
                client.set(key, keys::small_value()).await
            }
            _ => {
                let map = client.map(keys::one(keys::narrow(), turn)).await?;
                check_map(&black_box(map), keys::NARROW_FIELDS)
            }
        },
    }
}

/// A GET of a small value.
pub(crate) async fn get<C: Client>(client: &mut C, key: &str) -> Result<(), Failure> {
    let value = client.get(key).await?;
    check_value(black_box(value).as_ref(), keys::SMALL_LEN)
}

fn check_count(replies: usize, commands: usize) -> Result<(), Failure> {
    if replies == commands {
        return Ok(());
    }
    Err(format!("{replies} replies to {commands} commands").into())
}
