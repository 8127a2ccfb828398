//! What a program is started to do: one argument, in JSON.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::Setup;
use crate::workload::Workload;

/// When to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// After that time.
    Time(Duration),
    /// After that many operations.
    Operations(u64),
}

/// A shard that is stopped half-way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paused {
    /// The process of its primary.
    pub pid: u32,
    /// Its first and its last slot.
    pub slots: [u16; 2],
}

/// What one process is to do.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Where.
    pub setup: Setup,
    /// The cores that the client may use.
    pub cores: Vec<usize>,
    /// How long.
    pub limit: Limit,
    /// How long it does the same before anything is measured.
    pub warm_up: Duration,
    /// The servers' processes, whose time is measured too.
    pub servers: Vec<u32>,
    /// For [`Workload::W10`].
    pub paused: Option<Paused>,
}

impl Asked {
    /// As an argument for a program.
    #[must_use]
    pub fn to_json(&self) -> String {
        let setup = &self.setup;
        let nodes = setup.nodes.iter().map(SocketAddr::to_string);
        let (time, operations) = match self.limit {
            Limit::Time(time) => (Some(time.as_millis() as u64), None),
            Limit::Operations(operations) => (None, Some(operations)),
        };
        let paused = self.paused.map(|paused| (paused.pid, paused.slots));
        let asked = json!({
            "workload": setup.workload.name(),
            "cluster": setup.cluster,
            "nodes": nodes.collect::<Vec<_>>(),
            "authority": setup.authority,
            "cores": self.cores,
            "time_ms": time,
            "operations": operations,
            "warm_up_ms": self.warm_up.as_millis() as u64,
            "servers": self.servers,
            "paused": paused,
        });
        asked.to_string()
    }

    /// Reads that argument.
    ///
    /// # Errors
    /// It is none: the text, and what is missing.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let missing = |name: &str| format!("{name} is missing or malformed in {text}");
        let numbers = |name: &str| {
            let all = value[name].as_array().ok_or_else(|| missing(name))?;
            let all: Option<Vec<u64>> = all.iter().map(Value::as_u64).collect();
            all.ok_or_else(|| missing(name))
        };
        let millis = |name: &str| value[name].as_u64().map(Duration::from_millis);
        let nodes = value["nodes"].as_array().into_iter().flatten();
        let nodes: Option<Vec<SocketAddr>> =
            nodes.map(|node| node.as_str()?.parse().ok()).collect();
        let limit = match value["operations"].as_u64() {
            Some(operations) => Some(Limit::Operations(operations)),
            None => millis("time_ms").map(Limit::Time),
        };
        Ok(Self {
            setup: Setup {
                workload: value["workload"].as_str().unwrap_or_default().parse()?,
                cluster: value["cluster"].as_bool().unwrap_or_default(),
                nodes: nodes.ok_or_else(|| missing("nodes"))?,
                authority: value["authority"].as_str().map(PathBuf::from),
            },
            cores: numbers("cores")?
                .into_iter()
                .map(|it| it as usize)
                .collect(),
            limit: limit.ok_or_else(|| missing("time_ms"))?,
            warm_up: millis("warm_up_ms").unwrap_or_default(),
            servers: numbers("servers")?
                .into_iter()
                .map(|it| it as u32)
                .collect(),
            paused: paused(&value["paused"]),
        })
    }

    /// The workload.
    #[must_use]
    pub fn workload(&self) -> Workload {
        self.setup.workload
    }
}

fn paused(value: &Value) -> Option<Paused> {
    let slot = |index: usize| u16::try_from(value[1][index].as_u64()?).ok();
    Some(Paused {
        pid: u32::try_from(value[0].as_u64()?).ok()?,
        slots: [slot(0)?, slot(1)?],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_arrives() {
        let mut asked = Asked {
            setup: Setup {
                workload: Workload::W10,
                cluster: true,
                nodes: vec![
                    "127.0.0.1:7000".parse().unwrap(),
                    "[::1]:7001".parse().unwrap(),
                ],
                authority: Some("a.crt".into()),
            },
            cores: vec![1, 2],
            limit: Limit::Time(Duration::from_millis(300)),
            warm_up: Duration::from_millis(20),
            servers: vec![17],
            paused: Some(Paused {
                pid: 17,
                slots: [0, 5460],
            }),
        };
        for limit in [asked.limit, Limit::Operations(7)] {
            asked.limit = limit;
            let arrived = Asked::from_json(&asked.to_json()).unwrap();
            assert_eq!(format!("{arrived:?}"), format!("{asked:?}"));
        }
        let error = Asked::from_json(r#"{"workload":"W2","nodes":["x"]}"#).unwrap_err();
        assert!(error.contains("nodes is missing"), "{error}");
        let error = Asked::from_json(r#"{"workload":"W11"}"#).unwrap_err();
        assert!(error.contains("W1 to W10"), "{error}");
    }
}
