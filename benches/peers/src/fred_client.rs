//! `fred`.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use fred::prelude::*;
use slotline_bench_driver::{Client as Driven, Failure, PATIENCE, Setup};

#[derive(Clone)]
pub(crate) struct Fred {
    client: Client,
    replicas: bool,
}

impl Driven for Fred {
    type Value = Bytes;

    async fn connect(setup: &Setup) -> Result<Self, Failure> {
        let hosts = setup.nodes.iter();
        let hosts: Vec<(String, u16)> = hosts.map(|it| (it.ip().to_string(), it.port())).collect();
        let first = setup.first()?;
        let mut config = Config {
            server: if setup.cluster {
                ServerConfig::new_clustered(hosts)
            } else {
                ServerConfig::new_centralized(first.ip().to_string(), first.port())
            },
            ..Config::default()
        };
        if let Some(pem) = setup.pem()? {
            let connector: TlsConnector = crate::tls::config(&pem)?.into();
            config.tls = Some(connector.into());
        }
        let replicas = setup.from_replicas();
        let client = Builder::from_config(config)
            .with_connection_config(|config| {
                config.connection_timeout = Duration::from_secs(5);
                config.tcp.nodelay = Some(true);
            })
            .with_performance_config(|config| config.default_command_timeout = PATIENCE)
            .build()?;
        client.init().await?;
        Ok(Self { client, replicas })
    }

    async fn get(&mut self, key: &str) -> Result<Bytes, Failure> {
        Ok(self.client.get(key).await?)
    }

    async fn set(&mut self, key: &str, value: &Bytes) -> Result<(), Failure> {
        let set = self.client.set(key, value.clone(), None, None, false);
        Ok(set.await?)
    }

    async fn map(&mut self, key: &str) -> Result<HashMap<String, String>, Failure> {
        Ok(self.client.hgetall(key).await?)
    }

    async fn get_all(&mut self, keys: &[String]) -> Result<Vec<Bytes>, Failure> {
        let pipeline = self.client.pipeline();
        for key in keys {
            let () = pipeline.get(key).await?;
        }
        Ok(pipeline.all().await?)
    }

    async fn set_all(&mut self, keys: &[String], value: &Bytes) -> Result<(), Failure> {
        let pipeline = self.client.pipeline();
        for key in keys {
            let () = pipeline.set(key, value.clone(), None, None, false).await?;
        }
        let _: Vec<Value> = pipeline.all().await?;
        Ok(())
    }

    async fn map_all(&mut self, keys: &[String]) -> Result<Vec<HashMap<String, String>>, Failure> {
        if self.replicas {
            let pipeline = self.client.replicas().pipeline();
            for key in keys {
                let () = pipeline.hgetall(key).await?;
            }
            return Ok(pipeline.all().await?);
        }
        let pipeline = self.client.pipeline();
        for key in keys {
            let () = pipeline.hgetall(key).await?;
        }
        Ok(pipeline.all().await?)
    }
}
