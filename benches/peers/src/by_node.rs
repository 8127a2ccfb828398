//! The `redis` crate on a cluster, its pipelines grouped by hand: one for each
//! shard, sent there by its address.

use std::collections::HashMap;

use bytes::Bytes;
use futures_util::future::try_join_all;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{Route, SingleNodeRoutingInfo, SlotAddr};
use redis::{Cmd, FromRedisValue, Pipeline, Value};
use slotline_bench_driver::{Client, Failure, Setup};

use crate::redis_rs::cluster;

#[derive(Clone)]
pub(crate) struct ByNode {
    connection: ClusterConnection,
    /// The last slot of each range, in order, and which shard has it.
    ranges: Vec<(u16, usize)>,
    /// A slot of each shard.
    shards: Vec<u16>,
    role: SlotAddr,
}

/// Bounds and the primary's port of each range of CLUSTER SLOTS.
fn range(entry: &Value) -> Option<(u16, u16, i64)> {
    let Value::Array(parts) = entry else {
        return None;
    };
    let number = |value: Option<&Value>| match value {
        Some(Value::Int(number)) => Some(*number),
        _ => None,
    };
    let Some(Value::Array(primary)) = parts.get(2) else {
        return None;
    };
    let bound = |index: usize| u16::try_from(number(parts.get(index))?).ok();
    Some((bound(0)?, bound(1)?, number(primary.get(1))?))
}

impl ByNode {
    fn shard_of(&self, key: &str) -> usize {
        let slot = slotline_topology::slot_of(key).get();
        let at = self.ranges.partition_point(|&(last, _)| last < slot);
        self.ranges.get(at).map_or(0, |&(_, shard)| shard)
    }

    async fn all<'a, T: FromRedisValue>(
        &mut self,
        keys: &'a [String],
        command: impl Fn(&'a String) -> Cmd,
    ) -> Result<Vec<T>, Failure> {
        let mut pipelines = vec![(Pipeline::new(), Vec::new()); self.shards.len()];
        for (index, key) in keys.iter().enumerate() {
            let (pipeline, indexes) = &mut pipelines[self.shard_of(key)];
            pipeline.add_command(command(key));
            indexes.push(index);
        }
        let filled = pipelines.into_iter().zip(&self.shards);
        let filled = filled.filter(|((_, indexes), _)| !indexes.is_empty());
        let each = filled.map(|((pipeline, indexes), &slot)| {
            let mut connection = self.connection.clone();
            let route = SingleNodeRoutingInfo::SpecificNode(Route::new(slot, self.role));
            async move {
                let count = indexes.len();
                let replies = connection.route_pipeline(pipeline, 0, count, route);
                replies.await.map(|replies| (indexes, replies))
            }
        });
        let mut all: Vec<Option<T>> = Vec::new();
        all.resize_with(keys.len(), || None);
        for (indexes, replies) in try_join_all(each).await? {
            for (index, reply) in indexes.into_iter().zip(replies) {
                all[index] = Some(T::from_redis_value(reply.extract_error()?)?);
            }
        }
        let all: Option<Vec<T>> = all.into_iter().collect();
        all.ok_or_else(|| "a reply is missing".into())
    }
}

impl Client for ByNode {
    type Value = Vec<u8>;

    async fn connect(setup: &Setup) -> Result<Self, Failure> {
        if !setup.cluster {
            return Err("one node only: see redis".into());
        }
        let mut connection = cluster(setup).await?;
        let mut command = redis::cmd("CLUSTER");
        command.arg("SLOTS");
        let entries: Vec<Value> = command.query_async(&mut connection).await?;
        let found: Option<Vec<_>> = entries.iter().map(range).collect();
        let mut found = found.ok_or("CLUSTER SLOTS is not understood")?;
        found.sort_unstable();
        let mut ports = Vec::new();
        let (mut ranges, mut shards) = (Vec::new(), Vec::new());
        for (first, last, port) in found {
            let known = ports.iter().position(|it| *it == port);
            let shard = known.unwrap_or(ports.len());
            if known.is_none() {
                ports.push(port);
                shards.push(first);
            }
            ranges.push((last, shard));
        }
        let role = if setup.from_replicas() {
            SlotAddr::ReplicaRequired
        } else {
            SlotAddr::Master
        };
        Ok(Self {
            connection,
            ranges,
            shards,
            role,
        })
    }

    async fn get(&mut self, key: &str) -> Result<Vec<u8>, Failure> {
        Ok(Cmd::get(key).query_async(&mut self.connection).await?)
    }

    async fn set(&mut self, key: &str, value: &Bytes) -> Result<(), Failure> {
        let set = Cmd::set(key, &value[..]);
        Ok(set.query_async(&mut self.connection).await?)
    }

    async fn map(&mut self, key: &str) -> Result<HashMap<String, String>, Failure> {
        Ok(Cmd::hgetall(key).query_async(&mut self.connection).await?)
    }

    async fn get_all(&mut self, keys: &[String]) -> Result<Vec<Vec<u8>>, Failure> {
        self.all(keys, |key| Cmd::get(key)).await
    }

    async fn set_all(&mut self, keys: &[String], value: &Bytes) -> Result<(), Failure> {
        let set = |key| Cmd::set(key, &value[..]);
        self.all::<()>(keys, set).await.map(|_| ())
    }

    async fn map_all(&mut self, keys: &[String]) -> Result<Vec<HashMap<String, String>>, Failure> {
        self.all(keys, |key| Cmd::hgetall(key)).await
    }
}
