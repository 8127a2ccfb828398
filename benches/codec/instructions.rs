//! Instructions of every case, counted by callgrind.

use std::hint::black_box;

use gungraun::{library_benchmark, library_benchmark_group, main};
use slotline_benches::codec::{Case, Prepared, cases};

/// Runs outside of what is counted.
fn prepare(case: Case) -> Prepared {
    case.prepare()
}

#[library_benchmark]
#[benches::case(iter = cases(), setup = prepare)]
fn codec(prepared: Prepared) -> (usize, Prepared) {
    // Given back, so that the input is not dropped in here.
    (black_box(&prepared).run(), prepared)
}

library_benchmark_group!(name = codecs, benchmarks = codec);
main!(library_benchmark_groups = codecs);
