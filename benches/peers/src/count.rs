//! Heap allocations of all threads.

use std::alloc::System;

use slotline_bench_driver::Counted;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

pub(crate) fn so_far() -> Counted {
    let stats = COUNTING.stats();
    Counted {
        // To grow an allocation costs as much as to make one.
        allocations: (stats.allocations + stats.reallocations) as u64,
        bytes: stats.bytes_allocated as u64,
    }
}
