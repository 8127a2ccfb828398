//! `rustis`.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use rustis::client::{
    BatchPreparedCommand, Client, ClusterConfig, Config, ReadPreference, ServerConfig, TlsConfig,
};
use rustis::commands::{HashCommands, StringCommands};
use rustis::resp::BulkString;
use slotline_bench_driver::{Client as Driven, Failure, PATIENCE, Setup};

#[derive(Clone)]
pub(crate) struct Rustis(Client);

impl Driven for Rustis {
    type Value = Vec<u8>;

    async fn connect(setup: &Setup) -> Result<Self, Failure> {
        let nodes = setup.nodes.iter();
        let mut nodes = nodes.map(|node| (node.ip().to_string(), node.port()));
        let mut config = Config::default();
        config.command_timeout = PATIENCE;
        config.server = if setup.cluster {
            let mut cluster = ClusterConfig::default();
            cluster.nodes = nodes.collect();
            if setup.from_replicas() {
                cluster.read_preference = ReadPreference::PreferReplica;
            }
            ServerConfig::Cluster(cluster)
        } else {
            let (host, port) = nodes.next().ok_or("no node was named")?;
            ServerConfig::Standalone { host, port }
        };
        if let Some(pem) = setup.pem()? {
            config.tls_config = Some(TlsConfig::new(Arc::new(crate::tls::config(&pem)?)));
        }
        Ok(Self(Client::connect(config).await?))
    }

    async fn get(&mut self, key: &str) -> Result<Vec<u8>, Failure> {
        let value: BulkString = self.0.get(key).await?;
        Ok(value.into())
    }

    async fn set(&mut self, key: &str, value: &Bytes) -> Result<(), Failure> {
        Ok(self.0.set(key, BulkString::new(&value[..])).await?)
    }

    async fn map(&mut self, key: &str) -> Result<HashMap<String, String>, Failure> {
        Ok(self.0.hgetall(key).await?)
    }

    async fn get_all(&mut self, keys: &[String]) -> Result<Vec<Vec<u8>>, Failure> {
        let mut pipeline = self.0.create_pipeline();
        pipeline.reserve(keys.len());
        for key in keys {
            pipeline.get::<()>(key).queue();
        }
        let values: Vec<BulkString> = pipeline.execute().await?;
        Ok(values.into_iter().map(Vec::from).collect())
    }

    async fn set_all(&mut self, keys: &[String], value: &Bytes) -> Result<(), Failure> {
        let mut pipeline = self.0.create_pipeline();
        pipeline.reserve(keys.len());
        let value = BulkString::new(&value[..]);
        for key in keys {
            pipeline.set(key, &value).queue();
        }
        let _: Vec<()> = pipeline.execute().await?;
        Ok(())
    }

    async fn map_all(&mut self, keys: &[String]) -> Result<Vec<HashMap<String, String>>, Failure> {
        let mut pipeline = self.0.create_pipeline();
        pipeline.reserve(keys.len());
        for key in keys {
            pipeline.hgetall::<()>(key).queue();
        }
        Ok(pipeline.execute().await?)
    }
}
