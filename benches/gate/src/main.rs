//! `gate SCENARIO OPERATIONS [PORT]`: does a fixed piece of work, so that what it costs
//! can be counted from outside and compared with what it cost at another commit. It
//! is compiled over the crates of either, and so uses nothing of them but the facade.
//!
//! The nodes are in the memory of the same process. They do as little as nodes can,
//! and the same at both commits; what they cost is part of the figures. With a port,
//! they are reached there over TCP, for counting system calls: `gate serve` is then
//! their process, and prints the port.
#![forbid(unsafe_code)]

mod tcp;

use std::env;

use allocation_counter::measure;
use slotline::{Client, ClientBuilder};
use slotline_gate::{SCENARIOS, Scenario, connector, keys, three_nodes};
use tokio::runtime::{Builder, Runtime};

/// How many different keys there are.
const KEYS: usize = 16;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => SCENARIOS
            .iter()
            .for_each(|one| println!("{} {}", one.tasks, one.name)),
        ["serve"] => tcp::serve().expect("a port of this machine"),
        [name, operations] => run(
            name,
            number(operations),
            Client::builder().connector(connector(three_nodes())),
        ),
        [name, operations, port] => {
            let port = number(port) as u16;
            let client = Client::builder().connector(tcp::connector(port));
            run(name, number(operations), client);
        }
        _ => panic!("gate [SCENARIO OPERATIONS [PORT] | serve]"),
    }
}

fn number(argument: &str) -> usize {
    argument.parse().expect("a number")
}

/// Runs a scenario, and prints how often it allocated.
fn run(name: &str, operations: usize, client: ClientBuilder) {
    let scenario = SCENARIOS.iter().find(|one| one.name == name);
    let scenario: &Scenario = scenario.expect("a scenario");
    let runtime: Runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let client = client.nodes(["redis://10.0.0.1:7000"]).seed(1).connect();
    let client = runtime.block_on(client).expect("nodes that answer");
    let keys = keys(KEYS);
    // After this there are connections, and buffers have grown.
    runtime.block_on(scenario.run(&client, &keys, 200));
    let counted = measure(|| runtime.block_on(scenario.run(&client, &keys, operations)));
    println!("{}", counted.count_total);
}
