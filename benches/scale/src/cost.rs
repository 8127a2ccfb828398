//! What a command costs. Instructions are counted from outside, as the difference of a
//! shorter and a longer run; allocations here.

use std::sync::Arc;
use std::time::Duration;

use allocation_counter::measure;
use slotline::ChunkLayer;
use slotline_gate::{Layout, Scenario, Work, keys};

use crate::{KEYS, builder, client, meet_all, runtime};

/// What is done.
#[derive(Clone, Copy)]
pub struct Operation {
    /// Primaries, whose slots it is for.
    pub nodes: usize,
    /// Tasks that share the operations.
    pub tasks: usize,
    /// A command, or a pipeline.
    pub work: Work,
    /// How many commands of a pipeline go in one piece.
    pub piece: usize,
}

impl Operation {
    /// Does it so often; tells how often the heap was asked for memory meanwhile.
    #[must_use]
    pub fn run(self, operations: usize) -> u64 {
        let (runtime, keys) = (runtime(), keys(KEYS));
        let layout = Arc::new(Layout::new(self.nodes, self.nodes));
        let builder = builder(&layout, 1).chunk(ChunkLayer::new().commands(self.piece));
        let client = runtime.block_on(builder.connect());
        let client = client.expect("nodes that answer");
        let scenario = Scenario {
            name: "at scale",
            tasks: self.tasks,
            work: self.work,
        };
        let commands = match self.work {
            Work::Gets(commands) => commands,
            _ => 1,
        };
        // After this there are connections, and buffers have grown.
        runtime.block_on(async {
            meet_all(&client).await;
            let warm_up = self.tasks.max(400 / commands).max(2);
            scenario.run(&client, &keys, warm_up).await;
        });
        measure(|| runtime.block_on(scenario.run(&client, &keys, operations))).count_total
    }
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
            let get = Operation {
                nodes,
                tasks: 1,
                work: Work::Get,
                piece: 1_000,
            };
            (get.run(1_200) - get.run(400)) as f64 / 800.0
        };
        let (few, many) = (each(3), each(30));
        assert!(many < few + 0.1, "{few} and {many}");
    }
}
