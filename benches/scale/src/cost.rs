//! What a command costs. Instructions are counted from outside, as the difference of a
//! shorter and a longer run; allocations here.

use std::sync::Arc;
use std::time::Duration;

use allocation_counter::measure;
use slotline_gate::{Layout, Scenario, Work, keys};

use crate::{KEYS, client, meet_all, runtime};

/// Does so many operations over that many nodes, shared among the tasks; tells how
/// often the heap was asked for memory meanwhile.
#[must_use]
pub fn operations(nodes: usize, tasks: usize, work: Work, operations: usize) -> u64 {
    let (runtime, layout) = (runtime(), Arc::new(Layout::new(nodes, nodes)));
    let client = runtime.block_on(client(&layout, 1));
    let scenario = Scenario {
        name: "at scale",
        tasks,
        work,
    };
    let keys = keys(KEYS);
    let commands = match work {
        Work::Gets(commands) => commands,
        _ => 1,
    };
    // After this there are connections, and buffers have grown.
    runtime.block_on(async {
        meet_all(&client).await;
        let warm_up = tasks.max(400 / commands).max(2);
        scenario.run(&client, &keys, warm_up).await;
    });
    measure(|| runtime.block_on(scenario.run(&client, &keys, operations))).count_total
}

/// Lets a client that has met all nodes be idle for so many seconds; tells how often
/// the heap was asked for memory meanwhile.
#[must_use]
pub fn idle(nodes: usize, seconds: u64) -> u64 {
    let (runtime, layout) = (runtime(), Arc::new(Layout::new(nodes, nodes)));
    let client = runtime.block_on(client(&layout, 1));
    runtime.block_on(meet_all(&client));
    let time = Duration::from_secs(seconds);
    measure(|| runtime.block_on(async { tokio::time::sleep(time).await })).count_total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_get_allocates_as_little_at_thirty_nodes_as_at_three() {
        let each = |nodes| {
            let of = |count| operations(nodes, 1, Work::Get, count);
            (of(1_200) - of(400)) as f64 / 800.0
        };
        let (few, many) = (each(3), each(30));
        assert!(many < few + 0.1, "{few} and {many}");
    }
}
