//! From the nodes that were named to a client that knows its topology.

use std::error::Error as StdError;
use std::sync::Arc;

use slotline_pipeline::refresh::fetch_view;
use slotline_pipeline::{
    BoxError, Cluster, HedgeLayer, Intent, ReadFrom, Refresh, RefreshConfig, RouteLayer,
};
use slotline_pool::Pool;
use slotline_topology::{Endpoint, Topology};
use tokio::time::Instant;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use super::builder::{ClientBuilder, Discovery};
use super::{Client, Shared};
use crate::direct::{Direct, Settings};
use crate::error::{Error, Result};
use crate::nodes::Nodes;
use crate::stack::Stack;

/// What is found at a node.
enum Found {
    Topology(Topology),
    NoCluster,
    Failed(BoxError),
}

pub(super) async fn connect(builder: ClientBuilder, seeds: Vec<Endpoint>) -> Result<Client> {
    let addresses = &builder.addresses;
    let seeds: Vec<Endpoint> = seeds.iter().map(|seed| addresses.translate(seed)).collect();
    let template = builder.clone();
    let nodes = Nodes::new(move |address| template.pool(address));
    let mut reasons = Vec::new();
    for seed in &seeds {
        match look(&nodes, seed, &builder).await {
            Found::Topology(topology) => return Ok(client(builder, nodes, topology, seeds)),
            Found::NoCluster if builder.discovery == Discovery::Cluster => {
                let wrong = format!("{seed} is not in cluster mode, and a cluster was asked for");
                return Err(Error::mode(wrong).at(Some(seed.clone())));
            }
            Found::NoCluster => {
                let topology = Topology::single(seed.clone());
                return Ok(client(builder, nodes, topology, Vec::new()));
            }
            Found::Failed(reason) => reasons.push((seed.to_string(), reason)),
        }
    }
    Err(Error::connect(reasons).at(seeds.first().cloned()))
}

async fn look(nodes: &Nodes, seed: &Endpoint, builder: &ClientBuilder) -> Found {
    let intent = match (builder.discovery, &builder.read_from) {
        (Discovery::SingleNode, Some(read_from)) if *read_from != ReadFrom::Primary => {
            Intent::ReadOnly
        }
        _ => Intent::ReadWrite,
    };
    let pool = nodes.with_pool(seed, intent, Pool::clone);
    if let Err(error) = pool.connect().await {
        return Found::Failed(error.into());
    }
    if builder.discovery == Discovery::SingleNode {
        return Found::NoCluster;
    }
    let deadline = Instant::now() + builder.connect_timeout;
    let view = match fetch_view(nodes.clone(), seed.clone(), deadline).await {
        Err(error) => return Found::Failed(error.into()),
        Ok(view) => view.and_then(|view| view.mapped(&builder.addresses).topology()),
    };
    match view {
        Ok(topology) => Found::Topology(topology),
        Err(error) if is_no_cluster(&error) => Found::NoCluster,
        Err(error) => Found::Failed(error.into()),
    }
}

/// A server that is in no cluster says so, or does not know the command.
fn is_no_cluster(error: &slotline_topology::Error) -> bool {
    let reply = error.reply();
    let message = reply.map(|reply| reply.message().to_lowercase());
    message.is_some_and(|message| {
        message.contains("cluster support disabled") || message.contains("unknown command")
    })
}

fn client(
    builder: ClientBuilder,
    nodes: Nodes,
    topology: Topology,
    seeds: Vec<Endpoint>,
) -> Client {
    let is_cluster = !topology.is_single_node();
    let mut cluster = Cluster::builder(topology).addresses(builder.addresses.clone());
    if let Some(seed) = builder.seed {
        cluster = cluster.seed(seed);
    }
    let cluster = cluster.build();
    let refresh = is_cluster
        .then(|| Refresh::spawn(cluster.clone(), nodes.clone(), RefreshConfig::new(seeds)));
    // One node's view may lack what others know by now.
    cluster.want_refresh();
    let mut hedge = if builder.hedges && is_cluster {
        HedgeLayer::new(cluster.clone())
    } else {
        HedgeLayer::off()
    };
    let mut route = RouteLayer::new(cluster.clone());
    if let Some(bytes) = builder.most_lag {
        (route, hedge) = (route.most_lag(bytes), hedge.most_lag(bytes));
    }
    let plain = Stack::plain(
        nodes.clone(),
        &cluster,
        (builder.chunk, builder.retry_layer()),
        (route, hedge.clone()),
    );
    let stack = if builder.layers.is_empty() {
        Stack::Plain(plain)
    } else {
        let inner = plain.map_err(|error| Box::new(error) as Box<dyn StdError + Send + Sync>);
        let inner = BoxCloneSyncService::new(inner);
        Stack::Layered(builder.layers.iter().fold(inner, |inner, wrap| wrap(inner)))
    };
    let settings = Arc::new(Settings {
        timeout: builder.timeout,
        read_from: builder.read_from.clone().unwrap_or_default(),
    });
    Client {
        direct: Direct { stack, settings },
        shared: Arc::new(Shared {
            nodes,
            cluster,
            builder,
            hedge,
            _refresh: refresh,
        }),
    }
}
