//! From the nodes that were named to a client that knows its topology.

use std::error::Error as StdError;
use std::sync::Arc;

use slotline_pipeline::refresh::fetch_view;
use slotline_pipeline::{
    BoxError, Cluster, HedgeLayer, Intent, ReadFrom, Refresh, RefreshConfig, RouteLayer,
};
use slotline_pool::Pool;
use slotline_topology::{Endpoint, Topology};
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, sleep};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use super::builder::{ClientBuilder, Discovery};
use super::{Client, Shared};
use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::nodes::Nodes;
use crate::runner::{Direct, Runner, Settings};
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
    if builder.is_lazy {
        return Ok(lazily(builder, nodes, seeds));
    }
    match find(&nodes, &seeds, &builder).await {
        Ok(topology) => Ok(client(builder, nodes, topology, seeds)),
        Err(Missed::OtherMode(seed)) => Err(Error::mode(other_mode(&seed)).at(Some(seed))),
        Err(Missed::All(reasons)) => Err(Error::connect(reasons).at(seeds.first().cloned())),
    }
}

/// Why nothing was found.
enum Missed {
    /// Each node's reason.
    All(Vec<(String, BoxError)>),
    /// A server that is in no cluster, where a cluster was asked for.
    OtherMode(Endpoint),
}

fn other_mode(seed: &Endpoint) -> String {
    format!("{seed} is not in cluster mode, and a cluster was asked for")
}

/// What the first node that can be used says.
async fn find(
    nodes: &Nodes,
    seeds: &[Endpoint],
    builder: &ClientBuilder,
) -> std::result::Result<Topology, Missed> {
    let mut reasons = Vec::new();
    for seed in seeds {
        match look(nodes, seed, builder).await {
            Found::Topology(topology) => return Ok(topology),
            Found::NoCluster if builder.discovery == Discovery::Cluster => {
                return Err(Missed::OtherMode(seed.clone()));
            }
            Found::NoCluster => return Ok(Topology::single(seed.clone())),
            Found::Failed(reason) => reasons.push((seed.to_string(), reason)),
        }
    }
    Err(Missed::All(reasons))
}

/// A client that goes on looking until something is found.
fn lazily(builder: ClientBuilder, nodes: Nodes, seeds: Vec<Endpoint>) -> Client {
    let first = seeds.first().cloned();
    let first = first.unwrap_or_else(|| Endpoint::new("", 0));
    // What is known of it is known now: the pool waits for the node by itself.
    if builder.discovery == Discovery::SingleNode {
        return client(builder, nodes, Topology::single(first), Vec::new());
    }
    let cluster = cluster(&builder, Topology::builder().build());
    let gate = Gate::new(first);
    let search = search(
        builder.clone(),
        nodes.clone(),
        seeds,
        cluster.clone(),
        gate.clone(),
    );
    let upkeep = Upkeep::Search(Search(tokio::spawn(search)));
    assemble(builder, nodes, cluster, upkeep, Some(gate))
}

/// Looks at the nodes again and again; then keeps what it has found fresh.
async fn search(
    builder: ClientBuilder,
    nodes: Nodes,
    seeds: Vec<Endpoint>,
    cluster: Cluster,
    gate: Gate,
) {
    let mut pause = FIRST_PAUSE;
    let topology = loop {
        match find(&nodes, &seeds, &builder).await {
            Ok(topology) => break topology,
            Err(Missed::All(reasons)) => gate.failed(reasons),
            Err(Missed::OtherMode(seed)) => {
                gate.failed(vec![(seed.to_string(), other_mode(&seed).into())]);
            }
        }
        sleep(pause).await;
        pause = (pause * 2).min(MOST_PAUSE);
    };
    let is_cluster = !topology.is_single_node();
    cluster.set_topology(topology);
    gate.open();
    if is_cluster {
        cluster.want_refresh();
        let _refresh = Refresh::spawn(cluster, nodes, RefreshConfig::new(seeds));
        // It is kept until this task is ended, with the client.
        std::future::pending::<()>().await;
    }
}

/// From one look at all nodes to the next; dials have pauses of their own.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const MOST_PAUSE: Duration = Duration::from_millis(500);

/// What runs beside a client as long as it lives.
pub(super) enum Upkeep {
    Nothing,
    Refresh(#[expect(dead_code, reason = "it ends when it is dropped")] Refresh),
    Search(#[expect(dead_code, reason = "it ends when it is dropped")] Search),
}

/// Ends the task when it is dropped.
pub(super) struct Search(JoinHandle<()>);

impl Drop for Search {
    fn drop(&mut self) {
        self.0.abort();
    }
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
    let cluster = cluster(&builder, topology);
    let upkeep = match is_cluster {
        true => {
            let config = RefreshConfig::new(seeds);
            Upkeep::Refresh(Refresh::spawn(cluster.clone(), nodes.clone(), config))
        }
        false => Upkeep::Nothing,
    };
    // One node's view may lack what others know by now.
    cluster.want_refresh();
    assemble(builder, nodes, cluster, upkeep, None)
}

fn cluster(builder: &ClientBuilder, topology: Topology) -> Cluster {
    let mut cluster = Cluster::builder(topology).addresses(builder.addresses.clone());
    if let Some(seed) = builder.seed {
        cluster = cluster.seed(seed);
    }
    cluster.build()
}

/// Puts the layers together; with a gate, requests wait until it is open.
fn assemble(
    builder: ClientBuilder,
    nodes: Nodes,
    cluster: Cluster,
    upkeep: Upkeep,
    gate: Option<Gate>,
) -> Client {
    let is_single = cluster.snapshot().topology().is_single_node();
    let mut hedge = if builder.hedges && !is_single {
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
    let own = match gate.clone() {
        Some(gate) => Stack::Lazy(gate, plain),
        None => Stack::Plain(plain),
    };
    let stack = if builder.layers.is_empty() {
        own
    } else {
        let inner = own.map_err(|error| Box::new(error) as Box<dyn StdError + Send + Sync>);
        let inner = BoxCloneSyncService::new(inner);
        Stack::Layered(builder.layers.iter().fold(inner, |inner, wrap| wrap(inner)))
    };
    let settings = Arc::new(Settings {
        timeout: builder.timeout,
        read_from: builder.read_from.clone().unwrap_or_default(),
    });
    Client {
        direct: Direct::new(Runner { stack, settings }),
        shared: Arc::new(Shared {
            nodes,
            cluster,
            builder,
            hedge,
            gate,
            _upkeep: upkeep,
        }),
    }
}
