//! One client, doing one workload of `cargo xtask bench`. Which client it is, is
//! chosen by a feature: one at a time.
#![forbid(unsafe_code)]

#[cfg(feature = "redis-1")]
extern crate redis_1 as redis;
#[cfg(feature = "redis-2")]
extern crate redis_2 as redis;

#[cfg(feature = "by-node")]
mod by_node;
#[cfg(feature = "count")]
mod count;
#[cfg(feature = "floor")]
mod floor;
#[cfg(feature = "fred")]
mod fred_client;
#[cfg(any(feature = "redis-1", feature = "redis-2"))]
mod provider;
#[cfg(any(feature = "redis-1", feature = "redis-2"))]
mod redis_rs;
#[cfg(feature = "redis-tower")]
mod redis_tower_client;
#[cfg(feature = "rustis")]
mod rustis_client;
#[cfg(feature = "slotline")]
mod slotline_client;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "valkey-glide")]
mod valkey_glide_client;

#[cfg(feature = "by-node")]
use by_node::ByNode as Peer;
#[cfg(feature = "floor")]
use floor::Floor as Peer;
#[cfg(feature = "fred")]
use fred_client::Fred as Peer;
#[cfg(all(
    any(feature = "redis-1", feature = "redis-2"),
    not(feature = "by-node")
))]
use redis_rs::Redis as Peer;
#[cfg(feature = "redis-tower")]
use redis_tower_client::RedisTower as Peer;
#[cfg(feature = "rustis")]
use rustis_client::Rustis as Peer;
#[cfg(feature = "slotline")]
use slotline_client::Slotline as Peer;
#[cfg(feature = "valkey-glide")]
use valkey_glide_client::Glide as Peer;

fn main() -> std::process::ExitCode {
    #[cfg(feature = "count")]
    let counter = Some(count::so_far as slotline_bench_driver::Counter);
    #[cfg(not(feature = "count"))]
    let counter = None;
    slotline_bench_driver::main::<Peer>(counter)
}
