//! Heap allocations of every case, a line of JSON each. In a program of its own,
//! since counting slows down whoever allocates much.

use allocation_counter::measure;
use serde_json::json;
use slotline_benches::topology::cases;

fn main() {
    for case in cases() {
        case.run();
        let counted = measure(|| case.run());
        println!(
            "{}",
            json!({"count": counted.count_total, "peak": counted.bytes_max})
        );
    }
}
