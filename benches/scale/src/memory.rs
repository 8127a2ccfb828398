//! What is kept in memory, in bytes of heap as they were asked for: what an allocator
//! rounds them up to comes on top.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use allocation_counter::measure;
use serde_json::{Value, json};
use slotline::Client;
use slotline_gate::{Layout, STREAM_BYTES, Scenario, Work, keys};
use slotline_resp::Reply;
use slotline_topology::{Endpoint, Topology, View};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::{client, meet_all, runtime};

/// How many clients are made; the first pays for what all share.
const CLIENTS: u64 = 5;

/// How many commands there are at first, and how many there are more afterwards.
const FEW: usize = 1_000;
const MORE: usize = 10_000;

/// Keys of several nodes.
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// All measurements: what, per what, and how many bytes.
#[must_use]
pub fn all() -> Vec<Value> {
    let mut lines = Vec::new();
    let mut line = |what: &str, bytes: f64| lines.push(json!({"what": what, "bytes": bytes}));
    line("an idle connection, after some GETs", connection(1_000, 0));
    line(
        "an idle connection, after a pipeline of 5,000 GETs for it alone",
        connection(30, 5_000),
    );
    line("of the next, what its task awaits", future());
    for (what, commands) in [
        ("a lone GET in flight, its task included", 1),
        (
            "a GET in flight in a pipeline of 100, its task included",
            100,
        ),
        ("a GET in flight in a pipeline of 1,000", 1_000),
    ] {
        line(what, in_flight(commands));
    }
    line(
        "a GET of a pipeline of 100,000, of which 4,000 are in flight",
        long_pipeline(),
    );
    for (what, nodes, ranges) in [
        ("3 nodes, 3 ranges", 3, 3),
        ("1,000 nodes, 1,000 ranges", 1_000, 1_000),
        ("1,000 nodes, 16,384 ranges", 1_000, 16_384),
    ] {
        let layout = Arc::new(Layout::new(nodes, ranges).frugal());
        line(&format!("a topology of {what}"), topology(&layout));
        let [made, met] = clients(&layout);
        line(&format!("a client of {what}, just made"), made);
        line("the same, connected to all of them", met);
    }
    lines
}

/// What `make` leaves on the heap.
fn left<T>(make: impl FnOnce() -> T) -> (T, f64) {
    let mut made = None;
    let counted = measure(|| made = Some(make()));
    (made.expect("it was made"), counted.bytes_current as f64)
}

/// What a future leaves on the heap.
fn left_by<T>(runtime: &Runtime, future: impl Future<Output = T>) -> (T, f64) {
    left(|| runtime.block_on(future))
}

/// Time for what goes on in the background to come to rest, and for buffers to be let
/// go.
async fn rest() {
    tokio::time::sleep(Duration::from_secs(10)).await;
}

fn connections(client: &Client) -> f64 {
    client.statistics().len() as f64
}

/// One of so many idle connections with its pool and its task, after a pipeline of so
/// many GETs went over each.
fn connection(nodes: usize, gets: usize) -> f64 {
    let runtime = runtime();
    let layout = Arc::new(Layout::new(nodes, nodes).frugal());
    let client = runtime.block_on(async {
        let client = client(&layout, 1).await;
        rest().await;
        client
    });
    let before = connections(&client);
    let ((), bytes) = left_by(&runtime, async {
        meet_all(&client).await;
        if gets > 0 {
            let scenario = Scenario {
                name: "long pipelines of one node",
                tasks: 1,
                work: Work::Gets(gets),
            };
            for key in keys(10 * nodes).iter() {
                scenario.run(&client, &Arc::from([key.clone()]), 1).await;
            }
        }
        rest().await;
    });
    bytes / (connections(&client) - before) - STREAM_BYTES as f64
}

/// A GET that is not answered, of pipelines of so many; a lone one if it is one.
fn in_flight(commands: usize) -> f64 {
    let runtime = runtime();
    let layout = Arc::new(Layout::new(3, 3).silent());
    let client = runtime.block_on(client(&layout, 1));
    let mut tasks = JoinSet::new();
    let mut start = |count: usize| {
        let count = count / commands;
        let ((), bytes) = left_by(&runtime, async {
            for task in 0..count {
                match commands {
                    1 => tasks.spawn(lone(client.clone(), task)),
                    _ => tasks.spawn(piped(client.clone(), commands)),
                };
            }
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        });
        bytes
    };
    start(FEW);
    start(MORE) / MORE as f64
}

/// The future of a lone GET, which is its caller's.
fn future() -> f64 {
    let runtime = runtime();
    let layout = Arc::new(Layout::new(3, 3).silent());
    let client = runtime.block_on(client(&layout, 1));
    size_of_val(&client.get::<String>(NAMES[0]).into_future()) as f64
}

async fn lone(client: Client, task: usize) {
    // Nobody answers.
    drop(client.get::<String>(NAMES[task % NAMES.len()]).await);
}

async fn piped(client: Client, commands: usize) {
    let mut pipe = client.pipeline();
    for index in 0..commands {
        pipe.get(NAMES[index % NAMES.len()]);
    }
    drop(pipe.send().await);
}

/// A GET of one pipeline that is cut into pieces.
fn long_pipeline() -> f64 {
    let of = |commands: usize| {
        let runtime = runtime();
        let layout = Arc::new(Layout::new(3, 3).silent());
        let client = runtime.block_on(client(&layout, 1));
        let mut tasks = JoinSet::new();
        let ((), bytes) = left_by(&runtime, async {
            tasks.spawn(piped(client.clone(), commands));
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        });
        bytes
    };
    let (few, many) = (10_000, 100_000);
    (of(many) - of(few)) / (many - few) as f64
}

/// The map that the nodes' answers make.
fn topology(layout: &Layout) -> f64 {
    let slots = Reply::from_frame(layout.slots.clone().into()).expect("a whole reply");
    let nodes = Reply::from_frame(layout.nodes.clone().into()).expect("a whole reply");
    let nodes: String = nodes.decode().expect("text");
    let asked = Endpoint::new("10.0.0.1", 7000);
    let make = || -> Topology {
        let mut view = View::from_slots(&slots, &asked).expect("a view");
        view.add_nodes(&nodes);
        view.topology().expect("a map")
    };
    left(make).1
}

/// A client before and after it has met all nodes, each with what it keeps.
fn clients(layout: &Arc<Layout>) -> [f64; 2] {
    let runtime = runtime();
    let first = runtime.block_on(client(layout, 0));
    let make = async {
        let mut clients = Vec::new();
        for seed in 1..=CLIENTS {
            clients.push(client(layout, seed).await);
        }
        clients
    };
    let (clients, made) = left_by(&runtime, make);
    let streams = |clients: &[Client]| -> f64 {
        let all: f64 = clients.iter().map(connections).sum();
        all * STREAM_BYTES as f64
    };
    let made = made - streams(&clients);
    let before = streams(&clients);
    let ((), more) = left_by(&runtime, async {
        for client in &clients {
            meet_all(client).await;
        }
        rest().await;
    });
    let met = made + more - (streams(&clients) - before);
    drop(first);
    [made, met].map(|bytes| bytes / CLIENTS as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_keeps_more_for_more_nodes() {
        let of = |nodes| clients(&Arc::new(Layout::new(nodes, nodes).frugal()));
        let (few, many) = (of(3), of(30));
        assert!(few[0] < few[1] && few[1] < many[1], "{few:?} and {many:?}");
    }

    #[test]
    fn a_command_that_waits_keeps_some_hundred_bytes_at_most() {
        let bytes = in_flight(100);
        assert!((10.0..1_000.0).contains(&bytes), "{bytes}");
    }
}
