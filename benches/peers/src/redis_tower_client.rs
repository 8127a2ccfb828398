//! `redis-tower` and `redis-tower-cluster`.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use redis_tower::commands::{Get, HGetAll, Set};
use redis_tower::{
    AutoPipelineConfig, Command, ConnectionConfig, MultiplexedClient, Pipeline, PipelineResults,
    RedisConnection, TlsConfig,
};
use redis_tower_cluster::{ClusterPipeline, MultiplexedClusterClient, ReadPreference};
use slotline_bench_driver::{Client, Failure, PATIENCE, Setup};

#[derive(Clone)]
pub(crate) enum RedisTower {
    One(MultiplexedClient),
    Cluster(MultiplexedClusterClient),
}

/// The `AutoPipelineConfig` that keeps a deadline.
fn pipelining() -> AutoPipelineConfig {
    AutoPipelineConfig {
        response_timeout: Some(PATIENCE),
        ..AutoPipelineConfig::default()
    }
}

impl RedisTower {
    async fn execute<C: Command + 'static>(&self, command: C) -> Result<C::Response, Failure> {
        Ok(match self {
            Self::One(client) => client.execute(command).await?,
            Self::Cluster(client) => client.execute(command).await?,
        })
    }

    async fn pipeline<C: Command + 'static>(
        &mut self,
        commands: impl Iterator<Item = C>,
    ) -> Result<PipelineResults, Failure> {
        Ok(match self {
            Self::One(client) => {
                let pipeline = commands.fold(Pipeline::new(), Pipeline::push);
                pipeline.execute(client).await?
            }
            Self::Cluster(client) => {
                let pipeline = commands.fold(ClusterPipeline::new(), ClusterPipeline::push);
                pipeline.execute(client).await?
            }
        })
    }
}

fn map(pairs: Vec<(Bytes, Bytes)>) -> Result<HashMap<String, String>, Failure> {
    let text = |bytes: Bytes| String::from_utf8(bytes.into());
    let pairs = pairs.into_iter();
    pairs
        .map(|(field, value)| Ok((text(field)?, text(value)?)))
        .collect()
}

impl Client for RedisTower {
    type Value = Bytes;

    async fn connect(setup: &Setup) -> Result<Self, Failure> {
        let tls = setup
            .pem()?
            .map(|pem| TlsConfig::default_rustls().with_root_ca_pem(pem));
        let first = setup.first()?;
        let config = ConnectionConfig::new().with_connect_timeout(Some(Duration::from_secs(5)));
        if setup.cluster {
            let mut builder = MultiplexedClusterClient::builder(first.to_string())
                .connection_config(config)
                .pipeline_config(pipelining());
            if let Some(tls) = tls {
                builder = builder.tls(tls);
            }
            if setup.from_replicas() {
                builder = builder.read_preference(ReadPreference::PreferReplica);
            }
            return Ok(Self::Cluster(builder.connect().await?));
        }
        let connection = match tls {
            Some(tls) => {
                let url = format!("rediss://{first}");
                RedisConnection::connect_url_with_tls_and_config(&url, &tls, &config).await?
            }
            None => RedisConnection::connect_with_config(&first.to_string(), &config).await?,
        };
        let client = MultiplexedClient::from_connection_with_config(connection, pipelining());
        Ok(Self::One(client))
    }

    async fn get(&mut self, key: &str) -> Result<Bytes, Failure> {
        let value = self.execute(Get::new(key)).await?;
        value.ok_or_else(|| "no value".into())
    }

    async fn set(&mut self, key: &str, value: &Bytes) -> Result<(), Failure> {
        self.execute(Set::new(key, value.clone())).await?;
        Ok(())
    }

    async fn map(&mut self, key: &str) -> Result<HashMap<String, String>, Failure> {
        map(self.execute(HGetAll::new(key)).await?)
    }

    async fn get_all(&mut self, keys: &[String]) -> Result<Vec<Bytes>, Failure> {
        let gets = keys.iter().map(|key| Get::new(key.as_str()));
        let values = self.pipeline(gets).await?;
        let values = values.into_typed_vec::<Option<Bytes>>()?.into_iter();
        let values: Option<Vec<Bytes>> = values.collect();
        values.ok_or_else(|| "no value".into())
    }

    async fn set_all(&mut self, keys: &[String], value: &Bytes) -> Result<(), Failure> {
        let sets = keys.iter().map(|key| Set::new(key.as_str(), value.clone()));
        let done = self.pipeline(sets).await?;
        if done.has_errors() {
            return Err("a SET failed".into());
        }
        Ok(())
    }

    async fn map_all(&mut self, keys: &[String]) -> Result<Vec<HashMap<String, String>>, Failure> {
        let commands = keys.iter().map(|key| HGetAll::new(key.as_str()));
        let maps = self.pipeline(commands).await?;
        let maps = maps.into_typed_vec::<Vec<(Bytes, Bytes)>>()?;
        maps.into_iter().map(map).collect()
    }
}
