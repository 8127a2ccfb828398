//! Views in, slots done out.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use slotline_topology::{Endpoint, Slot, SlotSet};

use super::plan::{Pass, Plan, Whom};
use super::standing::{Peer, Standing};

fn slot(number: u16) -> Slot {
    Slot::new(number).expect("a slot")
}

/// How a node of this name stands, which owns these slots.
fn node(id: &str, epoch: u64, slots: RangeInclusive<u16>) -> Standing {
    Standing {
        id: id.to_owned(),
        who: format!("{id}.1"),
        epoch,
        settled: slots.map(slot).collect(),
        ..Standing::default()
    }
}

/// With one of its slots on the way to another node.
fn leaving(mut standing: Standing, number: u16, to: &str) -> Standing {
    standing.settled.remove(slot(number));
    standing.leaving.insert(slot(number), to.to_owned());
    let endpoint = Some(Endpoint::new(to, 1));
    standing
        .peers
        .insert(to.to_owned(), Peer { epoch: 1, endpoint });
    standing
}

/// With a slot on the way to it from another node, whose epoch it knows.
fn arriving(mut standing: Standing, number: u16, (from, epoch): (&str, u64)) -> Standing {
    standing.arriving.insert(slot(number), from.to_owned());
    let endpoint = None;
    standing
        .peers
        .insert(from.to_owned(), Peer { epoch, endpoint });
    standing
}

fn at_end(mut pass: Pass) -> Pass {
    pass.cursor = None;
    pass
}

/// One node from its first key to its last, as it stands before and after: how many
/// slots are done by that.
fn pass(plan: &mut Plan, before: &Standing, after: &Standing) -> usize {
    match plan.begin(before) {
        Some(pass) => plan.end(at_end(pass), after, false).len(),
        None => 0,
    }
}

#[test]
fn a_slot_that_stays_with_its_node_is_done() {
    let mut plan = Plan::default();
    let first = node("a", 1, 0..=8_000);
    assert_eq!(pass(&mut plan, &first, &first), 8_001);
    assert!(plan.begin(&first).is_none(), "it has nothing that is left");
    let second = node("b", 2, 8_001..=16_383);
    assert_eq!(pass(&mut plan, &second, &second), 8_383);
    assert!(plan.is_complete());
}

#[test]
fn a_slot_that_came_or_went_is_gone_through_where_it_is() {
    let mut plan = Plan::default();
    // Slot 9 comes and slot 0 goes while a is gone through.
    let done = pass(&mut plan, &node("a", 1, 0..=8), &node("a", 1, 1..=9));
    assert_eq!(done, 8);
    assert!(!plan.done.contains(slot(0)) && !plan.done.contains(slot(9)));
    assert_eq!(
        pass(&mut plan, &node("b", 2, 0..=0), &node("b", 2, 0..=0)),
        1
    );
    assert_eq!(
        pass(&mut plan, &node("a", 1, 1..=9), &node("a", 1, 1..=9)),
        1
    );
    assert_eq!(plan.done.len(), 10);
}

#[test]
fn another_process_or_another_node_proves_nothing() {
    let before = node("a", 1, 0..=8);
    let mut restarted = before.clone();
    restarted.who = "a.2".to_owned();
    let heir = node("b", 2, 0..=8);
    for after in [restarted, heir] {
        let mut plan = Plan::default();
        assert_eq!(pass(&mut plan, &before, &after), 0, "{after:?}");
    }
}

#[test]
fn an_epoch_that_grew_is_a_doubt_that_does_not_last_forever() {
    let mut plan = Plan::default();
    let mut done = Vec::new();
    for epoch in 1..=3 {
        let before = node("a", epoch, 0..=8);
        done.push(pass(&mut plan, &before, &node("a", epoch + 1, 0..=8)));
    }
    assert_eq!(done, [0, 0, 9]);
}

#[test]
fn an_epoch_that_grew_with_a_slot_that_was_won_is_none_for_who_looks_often() {
    let mut plan = Plan::default();
    let begun = plan.begin(&node("a", 1, 0..=8)).expect("a pass");
    let done = plan.end(at_end(begun), &node("a", 2, 0..=9), true);
    assert_eq!(done.len(), 9);
    let mut plan = Plan::default();
    let mut begun = plan.begin(&node("a", 1, 0..=8)).expect("a pass");
    // Slot 0 goes, and comes back with the epoch that it costs.
    begun.look(&node("a", 1, 1..=8), true);
    begun.look(&node("a", 2, 0..=8), true);
    assert!(!begun.covers(slot(0)));
    let done = plan.end(at_end(begun), &node("a", 2, 0..=8), true);
    assert_eq!((done.len(), done.contains(slot(0))), (8, false));
}

#[test]
fn of_a_migration_that_stays_open_first_the_source_is_gone_through_then_the_target() {
    let mut plan = Plan::default();
    let source = leaving(node("a", 1, 0..=8), 5, "b");
    let target = arriving(node("b", 2, 10..=12), 5, ("a", 1));
    // The target first: what it has of slot 5 proves nothing.
    assert_eq!(pass(&mut plan, &target, &target), 3);
    assert_eq!(pass(&mut plan, &source, &source), 8);
    let at = Endpoint::new("b", 1);
    let left = plan.left().find(|(left, _)| *left == slot(5));
    assert_eq!(left, Some((slot(5), Whom::Target("b", Some(&at)))));
    assert_eq!(pass(&mut plan, &target, &target), 1);
    assert!(plan.done.contains(slot(5)));
}

#[test]
fn a_source_that_has_won_slots_since_is_asked_again() {
    let mut plan = Plan::default();
    let source = leaving(node("a", 1, 5..=5), 5, "b");
    assert_eq!(pass(&mut plan, &source, &source), 0);
    // The slot went to b, came back, and is on its way to b again.
    let target = arriving(node("b", 4, 10..=10), 5, ("a", 3));
    assert_eq!(pass(&mut plan, &target, &target), 1, "its own");
    let left = plan.left().find(|(left, _)| *left == slot(5));
    assert_eq!(left, Some((slot(5), Whom::Owner)));
}

#[test]
fn a_migration_that_was_turned_round_proves_nothing() {
    let mut plan = Plan::default();
    let source = leaving(node("a", 1, 5..=5), 5, "b");
    assert_eq!(pass(&mut plan, &source, &source), 0);
    // By now b owns it, and a takes it in again.
    let back = arriving(node("a", 1, 20..=20), 5, ("b", 2));
    assert_eq!(pass(&mut plan, &back, &back), 1, "its own");
    let owner = leaving(node("b", 2, 5..=5), 5, "a");
    assert_eq!(pass(&mut plan, &owner, &owner), 0);
    assert_eq!(pass(&mut plan, &back, &back), 1);
}

#[test]
fn a_migration_that_was_given_up_is_gone_through_again() {
    let mut plan = Plan::default();
    let open = leaving(node("a", 1, 0..=8), 5, "b");
    let closed = node("a", 1, 0..=8);
    assert_eq!(pass(&mut plan, &open, &closed), 8);
    assert_eq!(pass(&mut plan, &closed, &closed), 1);
}

#[test]
fn a_pass_that_was_broken_off_goes_on_if_its_node_is_the_same() {
    let before = node("a", 1, 0..=8);
    let mut half = Plan::default().begin(&before).expect("a pass");
    half.cursor = Some(17);
    let resume = |standing: &Standing| {
        let mut plan = Plan::default();
        plan.keep(half.clone());
        let pass = plan.begin(standing).expect("a pass");
        (pass.cursor, pass.settled.len())
    };
    assert_eq!(resume(&before), (Some(17), 9));
    assert_eq!(
        resume(&node("a", 1, 4..=20)),
        (Some(17), 5),
        "what it still has"
    );
    assert_eq!(resume(&node("a", 2, 0..=8)), (Some(0), 9), "another epoch");
    assert_eq!(resume(&node("b", 1, 0..=8)), (Some(0), 9), "another node");
    assert_eq!(
        resume(&node("a", 1, 30..=31)),
        (Some(0), 2),
        "nothing it had"
    );
}

/// Slots move between three nodes at random, keys one by one, while the nodes are gone
/// through in turns: every key is seen, whatever happens.
#[test]
fn no_key_is_missed_however_slots_move() {
    for seed in 0..400 {
        let mut world = World::new(seed);
        let mut turns = 0;
        let mut plan = Plan::default();
        plan.done = (10..Slot::COUNT).map(slot).collect();
        while !plan.is_complete() {
            turns += 1;
            if turns == 60 {
                world.is_quiet = true;
            }
            assert!(turns < 200, "seed {seed}: it does not end");
            let id = world.random(3);
            let Some(mut begun) = plan.begin(&world.standing(id)) else {
                world.act();
                continue;
            };
            // Its keys are told one slot at a time, in an order of its own.
            for (at, place) in world.order(id).into_iter().enumerate() {
                if at % 3 == 2 {
                    begun.look(&world.standing(id), true);
                }
                if begun.covers(slot(place / 4)) {
                    world.tell(id, place);
                }
                world.act();
            }
            plan.end(at_end(begun), &world.standing(id), true);
        }
        assert_eq!(world.unseen(), 0, "seed {seed}, {turns} turns");
    }
}

/// Three nodes, ten slots with four keys each: key `n` is in slot `n / 4`.
struct World {
    state: u64,
    is_quiet: bool,
    epochs: [u64; 3],
    owner: [usize; 10],
    /// Where a slot is going.
    target: [Option<usize>; 10],
    keys: [usize; 40],
    seen: SlotSet,
}

impl World {
    fn new(seed: u64) -> World {
        let mut world = World {
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            is_quiet: false,
            epochs: [1, 2, 3],
            owner: [0, 0, 0, 0, 1, 1, 1, 2, 2, 2],
            target: [None; 10],
            keys: [0; 40],
            seen: SlotSet::new(),
        };
        for key in 0..40 {
            world.keys[key] = world.owner[key / 4];
        }
        world
    }

    fn random(&mut self, below: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state % below as u64) as usize
    }

    /// One step of a resharding: a migration is opened, a key moves, or it is closed.
    fn act(&mut self) {
        let at = self.random(10);
        if self.is_quiet {
            return;
        }
        let Some(target) = self.target[at] else {
            if self.random(4) == 0 {
                let to = self.random(3);
                self.target[at] = Some(to).filter(|to| *to != self.owner[at]);
            }
            return;
        };
        let left = (at * 4..at * 4 + 4).find(|key| self.keys[*key] != target);
        if let Some(key) = left {
            self.keys[key] = target;
            return;
        }
        self.owner[at] = target;
        self.target[at] = None;
        let most = self.epochs.iter().max().copied().unwrap_or_default();
        if self.epochs[target] != most {
            self.epochs[target] = most + 1;
        }
    }

    fn order(&mut self, id: usize) -> Vec<u16> {
        let mut keys: Vec<u16> = (0..40).collect();
        keys.rotate_left(id * 13);
        keys
    }

    fn tell(&mut self, id: usize, key: u16) {
        if self.keys[usize::from(key)] == id {
            self.seen.insert(slot(key));
        }
    }

    fn unseen(&self) -> usize {
        40 - self.seen.len()
    }

    fn standing(&self, id: usize) -> Standing {
        let mut standing = Standing {
            id: id.to_string(),
            who: format!("{id}.1"),
            epoch: self.epochs[id],
            peers: HashMap::new(),
            ..Standing::default()
        };
        for (peer, epoch) in self.epochs.iter().enumerate() {
            let (epoch, endpoint) = (*epoch, None);
            standing
                .peers
                .insert(peer.to_string(), Peer { epoch, endpoint });
        }
        for at in 0..10 {
            let number = slot(at as u16);
            match (self.owner[at] == id, self.target[at]) {
                (true, None) => {
                    standing.settled.insert(number);
                }
                (true, Some(to)) => {
                    standing.leaving.insert(number, to.to_string());
                }
                (false, Some(to)) if to == id => {
                    standing.arriving.insert(number, self.owner[at].to_string());
                }
                (false, _) => {}
            }
        }
        standing
    }
}
