//! What the layers allocate for a request that nothing goes wrong with, over
//! nodes that answer at once. A program of its own, since it counts.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::collections::HashSet;
use std::future::{Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use allocation_counter::measure;
use bytes::Bytes;
use slotline_pipeline::chunk::Chunk;
use slotline_pipeline::redirect::Redirect;
use slotline_pipeline::retry::Retry;
use slotline_pipeline::route::Route;
use slotline_pipeline::spread::Spread;
use slotline_pipeline::{
    ChunkLayer, Cluster, Error, Part, PartResponse, ReadFrom, RedirectLayer, Request, RetryLayer,
    RouteLayer, SpreadLayer,
};
use slotline_resp::{CommandBuffer, Commands, Replies, known};
use slotline_topology::{Endpoint, Topology, slot_of};
use tokio::time::Instant;
use tower::{Service, ServiceBuilder};

/// Answers every command with the same bytes, without an allocation for a few.
#[derive(Clone)]
struct Echo {
    answers: Bytes,
    each: usize,
}

impl Echo {
    fn new(answer: &str) -> Echo {
        Echo {
            answers: answer.repeat(1000).into(),
            each: answer.len(),
        }
    }
}

impl Service<Part> for Echo {
    type Response = PartResponse;
    type Error = Error;
    type Future = Ready<Result<PartResponse, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, part: Part) -> Self::Future {
        let mut replies = Replies::new();
        let commands = part.commands.len();
        let ends = (1..=commands).map(|n| self.each * n);
        replies.push_segment(self.answers.slice(..self.each * commands), ends);
        ready(Ok(PartResponse {
            replies,
            failure: None,
        }))
    }
}

type Stack = Spread<Chunk<Retry<Redirect<Route<Echo>>>>>;

fn stack(nodes: Echo) -> Stack {
    let node = |n: u8| Endpoint::new(format!("10.0.0.{n}"), 7000);
    let cluster = Cluster::new(
        Topology::builder()
            .shard([0..=5460], node(1), [node(4)])
            .shard([5461..=10922], node(2), [node(5)])
            .shard([10923..=16383], node(3), [node(6)])
            .build(),
    );
    ServiceBuilder::new()
        .layer(SpreadLayer::new(cluster.clone()))
        .layer(ChunkLayer::new())
        .layer(RetryLayer::default())
        .layer(RedirectLayer::new(cluster.clone()))
        .layer(RouteLayer::new(cluster))
        .service(nodes)
}

fn gets(count: usize) -> Commands {
    let mut buffer = CommandBuffer::new();
    for n in 0..count {
        buffer.begin(&known::GET, 1).key(&n);
    }
    buffer.freeze()
}

/// Sends `commands` once; how often that allocated.
fn allocations(commands: &Commands, read_from: ReadFrom) -> u64 {
    allocations_over(Echo::new("+OK\r\n"), commands, read_from)
}

fn allocations_over(nodes: Echo, commands: &Commands, read_from: ReadFrom) -> u64 {
    let mut stack = stack(nodes);
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut send = || {
        let request = Request::new(commands.clone(), deadline).read_from(read_from.clone());
        let mut context = Context::from_waker(Waker::noop());
        assert!(stack.poll_ready(&mut context).is_ready());
        let Poll::Ready(response) = pin!(stack.call(request)).poll(&mut context) else {
            panic!("the nodes answer at once");
        };
        assert_eq!(response.unwrap().len(), commands.len());
    };
    send();
    measure(send).count_total
}

/// Fails when a layer boxes anything on the way of a command that goes well.
#[test]
fn a_lone_command_allocates_nothing() {
    for read_from in [ReadFrom::Primary, ReadFrom::PreferReplica] {
        assert_eq!(allocations(&gets(1), read_from), 0);
    }
}

/// Over three nodes a pipeline is gathered and put together again, in vectors that
/// double as they are filled.
///
/// Fails when a layer allocates for each command, or more for each node.
#[test]
fn a_pipeline_allocates_by_its_nodes_and_not_by_its_commands() {
    for read_from in [ReadFrom::Primary, ReadFrom::PreferReplica] {
        let few = allocations(&gets(50), read_from.clone());
        let many = allocations(&gets(800), read_from);
        println!("50 commands: {few} allocations, 800: {many}");
        assert!(few <= 44 && many <= 84, "{few} and {many}");
    }
}

/// One command whose keys are each of a slot of their own.
fn mget(keys: usize) -> Commands {
    let mut slots = HashSet::new();
    let each = (0..).map(|n: u32| n.to_string());
    let own = each.filter(|key| slots.insert(slot_of(key.as_bytes())));
    let mut buffer = CommandBuffer::new();
    buffer.begin(&known::MGET, keys);
    for key in own.take(keys) {
        buffer.key(&key);
    }
    buffer.freeze()
}

/// Fails when one is allocated for each key, or each slot's part.
#[test]
fn a_command_over_many_slots_allocates_by_its_nodes_and_not_by_its_keys() {
    let nodes = || Echo::new("*1\r\n$5\r\nvalue\r\n");
    let few = allocations_over(nodes(), &mget(50), ReadFrom::Primary);
    let many = allocations_over(nodes(), &mget(800), ReadFrom::Primary);
    println!("50 keys: {few} allocations, 800: {many}");
    assert!(few <= 84 && many <= 130, "{few} and {many}");
}
