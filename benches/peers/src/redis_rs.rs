//! The `redis` crate: `MultiplexedConnection`, and `ClusterConnection`.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join_all;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Cmd, FromRedisValue, Pipeline, RedisFuture, TlsCertificates, Value,
};
use slotline_bench_driver::{Client, Failure, PATIENCE, Setup};

#[derive(Clone)]
pub(crate) enum Redis {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// A cluster's connection.
pub(crate) async fn cluster(setup: &Setup) -> Result<ClusterConnection, Failure> {
    let mut builder = ClusterClientBuilder::new(setup.urls("redis"))
        .connection_timeout(Duration::from_secs(5))
        .response_timeout(PATIENCE);
    if setup.from_replicas() {
        builder = builder.read_from_replicas();
    }
    if let Some(pem) = setup.pem()? {
        builder = builder.certs(certificates(pem));
    }
    Ok(builder.build()?.get_async_connection().await?)
}

#[cfg(feature = "redis-1")]
fn certificates(pem: Vec<u8>) -> TlsCertificates {
    TlsCertificates {
        client_tls: None,
        root_cert: Some(pem),
    }
}

#[cfg(feature = "redis-2")]
fn certificates(pem: Vec<u8>) -> TlsCertificates {
    TlsCertificates::new().root_cert(pem)
}

#[cfg(feature = "redis-1")]
fn pipeline(commands: usize) -> Pipeline {
    Pipeline::with_capacity(commands)
}

#[cfg(feature = "redis-2")]
fn pipeline(_: usize) -> Pipeline {
    Pipeline::new()
}

async fn one(setup: &Setup) -> Result<MultiplexedConnection, Failure> {
    let url = setup.urls("redis").into_iter().next().unwrap_or_default();
    let client = match setup.pem()? {
        Some(pem) => redis::Client::build_with_tls(url, certificates(pem))?,
        None => redis::Client::open(url)?,
    };
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(Duration::from_secs(5)))
        .set_response_timeout(Some(PATIENCE));
    Ok(client
        .get_multiplexed_async_connection_with_config(&config)
        .await?)
}

impl Redis {
    /// A pipeline on one server. A cluster's connection refuses one over several
    /// slots, so there the commands go one by one, all at once.
    async fn all<'a, T: FromRedisValue>(
        &mut self,
        keys: &'a [String],
        command: impl Fn(&'a String) -> Cmd,
    ) -> Result<Vec<T>, Failure> {
        match self {
            Self::One(connection) => {
                let mut pipeline = pipeline(keys.len());
                for key in keys {
                    pipeline.add_command(command(key));
                }
                Ok(pipeline.query_async(connection).await?)
            }
            Self::Cluster(connection) => {
                let each = keys.iter().map(|key| {
                    let (command, mut connection) = (command(key), connection.clone());
                    async move { command.query_async(&mut connection).await }
                });
                Ok(try_join_all(each).await?)
            }
        }
    }
}

/// Either of them, for single commands.
impl ConnectionLike for Redis {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(connection) => connection.req_packed_command(command),
            Self::Cluster(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        0
    }
}

impl Client for Redis {
    type Value = Vec<u8>;

    async fn connect(setup: &Setup) -> Result<Self, Failure> {
        if setup.authority.is_some() {
            crate::provider::install();
        }
        if setup.cluster {
            return Ok(Self::Cluster(cluster(setup).await?));
        }
        Ok(Self::One(one(setup).await?))
    }

    async fn get(&mut self, key: &str) -> Result<Vec<u8>, Failure> {
        Ok(Cmd::get(key).query_async(self).await?)
    }

    async fn set(&mut self, key: &str, value: &Bytes) -> Result<(), Failure> {
        Ok(Cmd::set(key, &value[..]).query_async(self).await?)
    }

    async fn map(&mut self, key: &str) -> Result<HashMap<String, String>, Failure> {
        Ok(Cmd::hgetall(key).query_async(self).await?)
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
