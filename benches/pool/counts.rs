//! Heap allocations and writes of one job, as a line of JSON. In a program of
//! its own, since counting slows down whoever allocates much.

use allocation_counter::measure;
use serde_json::json;
use slotline_benches::pool::asked;

fn main() {
    let Some(asked) = asked() else {
        return;
    };
    let mut prepared = asked.prepare(true);
    let writes = prepared.writes();
    let mut commands = 0;
    let counted = measure(|| commands = prepared.run());
    println!(
        "{}",
        json!({
            "commands": commands,
            "allocations": counted.count_total,
            "allocated_bytes": counted.bytes_total,
            "writes": prepared.writes() - writes,
        })
    );
}
