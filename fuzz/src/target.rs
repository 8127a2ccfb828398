//! The targets by name, and the memory that each may take.

use allocation_counter::measure;

use crate::{command, cutting, round_trip, scan, topology, typed};

/// A function that fails by panicking on bytes with which a promise is broken.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Of the program in `targets/`, and of the folders in `corpus/` and
    /// `regressions/`.
    pub name: &'static str,
    body: fn(&[u8]),
    /// The most bytes of memory at any moment: for each byte of input, and besides.
    per_byte: u64,
    besides: u64,
}

/// All of them.
pub const TARGETS: [Target; 6] = [
    Target {
        name: "scan",
        body: scan::scan,
        per_byte: 160,
        besides: 4 << 10,
    },
    Target {
        name: "cutting",
        body: cutting::cutting,
        per_byte: 64,
        besides: 80 << 10,
    },
    Target {
        name: "typed",
        body: typed::typed,
        per_byte: 256,
        besides: 4 << 10,
    },
    Target {
        name: "command",
        body: command::command,
        per_byte: 1024,
        besides: 80 << 10,
    },
    Target {
        name: "round_trip",
        body: round_trip::round_trip,
        per_byte: 2048,
        besides: 2 << 20,
    },
    Target {
        name: "topology",
        body: topology::topology,
        per_byte: 2048,
        // Each view and each topology has a table of all slots.
        besides: 2 << 20,
    },
];

impl Target {
    /// Runs the target on an input.
    ///
    /// # Panics
    ///
    /// A promise is broken, that of memory in proportion to the input included.
    pub fn run(&self, data: &[u8]) {
        let peak = measure(|| (self.body)(data)).bytes_max;
        let len = data.len() as u64;
        let allowed = self.per_byte * len + self.besides;
        assert!(peak <= allowed, "{len} bytes made it hold {peak}");
    }
}

/// Runs the target of that name on an input.
///
/// # Panics
///
/// As [`Target::run`], and if there is no such target.
pub fn run(name: &str, data: &[u8]) {
    let found = TARGETS.iter().find(|target| target.name == name);
    found.expect("a target of TARGETS").run(data);
}
