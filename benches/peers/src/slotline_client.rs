//! This project's facade.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use slotline::{Client, Discovery, ReadFrom, Tls};
use slotline_bench_driver::{Client as Driven, Failure, PATIENCE, Setup};

#[derive(Clone)]
pub(crate) struct Slotline(Client);

impl Driven for Slotline {
    type Value = Bytes;

    async fn connect(setup: &Setup) -> Result<Self, Failure> {
        let discovery = if setup.cluster {
            Discovery::Cluster
        } else {
            Discovery::SingleNode
        };
        let mut builder = Client::builder()
            .nodes(setup.urls("redis"))
            .discovery(discovery)
            .connect_timeout(Duration::from_secs(5))
            .timeout(PATIENCE);
        if setup.from_replicas() {
            builder = builder.read_from(ReadFrom::PreferReplica);
        }
        if let Some(pem) = setup.pem()? {
            builder = builder.tls(Tls::builder().root_pem(pem).build()?);
        }
        Ok(Self(builder.connect().await?))
    }

    async fn get(&mut self, key: &str) -> Result<Bytes, Failure> {
        Ok(self.0.get(key).await?)
    }

    async fn set(&mut self, key: &str, value: &Bytes) -> Result<(), Failure> {
        Ok(self.0.set(key, value).await?)
    }

    async fn map(&mut self, key: &str) -> Result<HashMap<String, String>, Failure> {
        Ok(self.0.hgetall(key).await?)
    }

    async fn get_all(&mut self, keys: &[String]) -> Result<Vec<Bytes>, Failure> {
        let values = self.0.pipelined(|batch| {
            for key in keys {
                batch.get(key);
            }
        });
        Ok(values.await?)
    }

    async fn set_all(&mut self, keys: &[String], value: &Bytes) -> Result<(), Failure> {
        let mut pipe = self.0.pipeline();
        for key in keys {
            pipe.set(key, value);
        }
        Ok(pipe.send().await?.check()?)
    }

    async fn map_all(&mut self, keys: &[String]) -> Result<Vec<HashMap<String, String>>, Failure> {
        let maps = self.0.pipelined(|batch| {
            for key in keys {
                batch.hgetall(key);
            }
        });
        Ok(maps.await?)
    }
}
