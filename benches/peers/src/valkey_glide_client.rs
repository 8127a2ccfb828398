//! `valkey-glide`.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use glide::{
    AsyncCommands, FromValkeyValue, GlideClient, GlideClientConfiguration, GlideClusterClient,
    GlideClusterClientConfiguration, NodeAddress, Pipeline, PipelineExt, ReadFrom, TlsConfig, pipe,
};
use slotline_bench_driver::{Client, Failure, PATIENCE, Setup};

#[derive(Clone)]
pub(crate) enum Glide {
    One(GlideClient),
    Cluster(GlideClusterClient),
}

impl Glide {
    async fn all<T: FromValkeyValue + Send>(&self, pipeline: &Pipeline) -> Result<T, Failure> {
        Ok(match self {
            Self::One(client) => pipeline.query_async(client).await?,
            Self::Cluster(client) => pipeline.query_async(client).await?,
        })
    }
}

impl Client for Glide {
    type Value = Bytes;

    async fn connect(setup: &Setup) -> Result<Self, Failure> {
        let nodes = setup.nodes.iter();
        let nodes = nodes.map(|node| NodeAddress::new(node.ip().to_string(), node.port()));
        let (nodes, pem) = (nodes.collect(), setup.pem()?);
        let connecting = Duration::from_secs(5);
        if setup.cluster {
            let mut config = GlideClusterClientConfiguration::new(nodes)
                .request_timeout(PATIENCE)
                .connection_timeout(connecting);
            if setup.from_replicas() {
                config = config.read_from(ReadFrom::PreferReplica);
            }
            if let Some(pem) = pem {
                config = config.tls(TlsConfig::SecureTls).tls_ca_cert(pem);
            }
            return Ok(Self::Cluster(GlideClusterClient::connect(config).await?));
        }
        let mut config = GlideClientConfiguration::new(nodes)
            .request_timeout(PATIENCE)
            .connection_timeout(connecting);
        if let Some(pem) = pem {
            config = config.tls(TlsConfig::SecureTls).tls_ca_cert(pem);
        }
        Ok(Self::One(GlideClient::connect(config).await?))
    }

    async fn get(&mut self, key: &str) -> Result<Bytes, Failure> {
        Ok(match self {
            Self::One(client) => client.get(key).await?,
            Self::Cluster(client) => client.get(key).await?,
        })
    }

    async fn set(&mut self, key: &str, value: &Bytes) -> Result<(), Failure> {
        Ok(match self {
            Self::One(client) => client.set(key, &value[..]).await?,
            Self::Cluster(client) => client.set(key, &value[..]).await?,
        })
    }

    async fn map(&mut self, key: &str) -> Result<HashMap<String, String>, Failure> {
        Ok(match self {
            Self::One(client) => client.hgetall(key).await?,
            Self::Cluster(client) => client.hgetall(key).await?,
        })
    }

    async fn get_all(&mut self, keys: &[String]) -> Result<Vec<Bytes>, Failure> {
        let mut pipeline = pipe();
        for key in keys {
            pipeline.cmd("GET").arg(key);
        }
        self.all(&pipeline).await
    }

    async fn set_all(&mut self, keys: &[String], value: &Bytes) -> Result<(), Failure> {
        let mut pipeline = pipe();
        for key in keys {
            pipeline.cmd("SET").arg(key).arg(&value[..]).ignore();
        }
        self.all(&pipeline).await
    }

    async fn map_all(&mut self, keys: &[String]) -> Result<Vec<HashMap<String, String>>, Failure> {
        let mut pipeline = pipe();
        for key in keys {
            pipeline.cmd("HGETALL").arg(key);
        }
        self.all(&pipeline).await
    }
}
