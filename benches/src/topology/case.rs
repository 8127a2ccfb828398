//! What is measured.

use std::hint::black_box;

use slotline_topology::{Slot, Topology, merge, slot_of};

use super::wire::Wire;

/// A piece of work, prepared: nothing is left to do but the work.
pub struct Case {
    /// What it is called in the table.
    pub title: &'static str,
    /// What the figures are per.
    pub unit: &'static str,
    /// How many of those a run has.
    pub units: u32,
    run: Box<dyn Fn()>,
}

impl Case {
    /// Does the work once, dropping its results included.
    pub fn run(&self) {
        (self.run)();
    }
}

fn case(title: &'static str, unit: &'static str, units: u32, run: impl Fn() + 'static) -> Case {
    Case {
        title,
        unit,
        units,
        run: Box::new(run),
    }
}

/// All cases, in the order of the table.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut cases = small();
    for (wire, titles) in [
        (
            Wire::new(6, 3),
            [
                "(c) 6 nodes, 3 ranges: CLUSTER SLOTS and NODES to a view",
                "(d) the same of CLUSTER NODES alone",
                "(e) three such views into a map",
                "(f) a refresh: three answers read, merged with the map, compared, put in its place",
            ],
        ),
        (
            Wire::new(1_000, 16_384),
            [
                "(c) 1,000 nodes, 16,384 ranges: CLUSTER SLOTS and NODES to a view",
                "(d) the same of CLUSTER NODES alone",
                "(e) three such views into a map",
                "(f) a refresh: three answers read, merged with the map, compared, put in its place",
            ],
        ),
    ] {
        cases.extend(of_view(wire, titles));
    }
    cases
}

fn small() -> Vec<Case> {
    let keys: Vec<String> = (0..1_000).map(|n| format!("user:{n:06}:name")).collect();
    let tagged: Vec<String> = (0..1_000)
        .map(|n| format!("{{user:{n:06}}}:name"))
        .collect();
    let of_all = |keys: Vec<String>| {
        move || {
            for key in &keys {
                black_box(slot_of(black_box(key)));
            }
        }
    };
    let topology = Wire::new(6, 3).view().topology().expect("a map");
    let fragmented = Wire::new(1_000, 16_384).view().topology().expect("a map");
    let look_up = |topology: Topology| {
        move || {
            for slot in Slot::all() {
                black_box(topology.primary_of(black_box(slot)));
            }
        }
    };
    vec![
        case("(a) slot of a key of 16 bytes", "key", 1_000, of_all(keys)),
        case(
            "(a) slot of a key of 18 bytes with a tag of 11",
            "key",
            1_000,
            of_all(tagged),
        ),
        case(
            "(b) owner of a slot, of 6 nodes",
            "slot",
            16_384,
            look_up(topology),
        ),
        case(
            "(b) owner of a slot, of 1,000 nodes in 16,384 fragments",
            "slot",
            16_384,
            look_up(fragmented),
        ),
    ]
}

fn of_view(
    wire: Wire,
    [reading, reading_nodes, merging, refreshing]: [&'static str; 4],
) -> Vec<Case> {
    let wire = std::rc::Rc::new(wire);
    let three: Vec<_> = (0..3).map(|_| wire.view()).collect();
    let current = wire.view().topology().expect("a map");
    let [one, two, three_wires] = std::array::from_fn(|_| wire.clone());
    vec![
        case(reading, "view", 1, move || {
            black_box(one.view());
        }),
        case(reading_nodes, "view", 1, move || {
            black_box(two.view_of_nodes());
        }),
        case(merging, "map", 1, move || {
            black_box(merge(&three, None).expect("a map"));
        }),
        case(refreshing, "refresh", 1, move || {
            let views: Vec<_> = (0..3).map(|_| three_wires.view()).collect();
            let next = merge(&views, Some(&current)).expect("a map").topology;
            assert!(current.diff(&next).is_empty());
            // As a client puts it in the place of the one before.
            let place = std::sync::Mutex::new(current.clone());
            let before = place
                .lock()
                .map(|mut place| std::mem::replace(&mut *place, next));
            black_box(before.is_ok());
        }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_can_be_run() {
        for case in cases() {
            case.run();
        }
    }
}
