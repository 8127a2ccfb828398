//! What one job costs: processor time, and time on the clock, as a line of JSON.

use std::time::Instant;

use serde_json::json;
use slotline_benches::pool::{asked, cpu_time};

fn main() {
    let Some(asked) = asked() else {
        return;
    };
    let mut prepared = asked.prepare(false);
    let (cpu, begun) = (cpu_time(), Instant::now());
    let commands = prepared.run();
    let (wall, cpu) = (begun.elapsed(), cpu_time() - cpu);
    println!(
        "{}",
        json!({
            "commands": commands,
            "cpu_ns": cpu.as_nanos() as u64,
            "wall_ns": wall.as_nanos() as u64,
            "p50_ns": prepared.latency(0.50),
            "p99_ns": prepared.latency(0.99),
        })
    );
}
