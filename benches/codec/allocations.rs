//! Heap allocations of every case, a line of JSON each. In a program of its
//! own, since counting slows down whoever allocates much.

use allocation_counter::measure;
use serde_json::json;
use slotline_benches::codec::cases;

fn main() {
    for (index, case) in cases().into_iter().enumerate() {
        let prepared = case.prepare();
        // What is only set up once in a program is not the codec's.
        prepared.run();
        let counted = measure(|| {
            prepared.run();
        });
        println!(
            "{}",
            json!({
                "case": index,
                "allocations": counted.count_total,
                "allocated_bytes": counted.bytes_total,
            })
        );
    }
}
