//! Which commands are spread, and what becomes of them.

use rustc_hash::{FxHashMap, FxHashSet};
use slotline_resp::{CommandBuffer, CommandRef, Commands, Flags, KeySpec, RequestPolicy, Run};
use slotline_topology::{Endpoint, Slot, Topology, slot_of};

use super::parts::{Home, How, Parts, SpreadCommand};

/// What is done with one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It stays as it is: one node can answer it, or `Route` refuses it.
    Whole,
    BySlot,
    EachShard,
    EachNode,
}

/// The commands with the parts of each in its place; `None` if all stay as they are.
pub(super) fn split(commands: &Commands, topology: &Topology) -> Option<(Commands, Parts)> {
    // One server answers everything itself.
    if topology.is_single_node() || commands.iter().all(|command| way(command) == Way::Whole) {
        return None;
    }
    let mut splitter = Splitter {
        topology,
        buffer: CommandBuffer::with_capacity(commands.len()),
        spread: Vec::new(),
        homes: FxHashMap::default(),
        shards: None,
    };
    for (at, command) in commands.iter().enumerate() {
        splitter.add(at as u32, command);
    }
    if splitter.spread.is_empty() {
        return None;
    }
    let parts = Parts::new(commands.len(), splitter.spread, splitter.homes);
    Some((splitter.buffer.freeze(), parts))
}

fn way(command: CommandRef<'_>) -> Way {
    let info = command.info();
    if info.flags.contains(Flags::SESSION) {
        // The connection refuses it, and says why.
        return Way::Whole;
    }
    match info.request {
        RequestPolicy::AllShards => Way::EachShard,
        RequestPolicy::AllNodes => Way::EachNode,
        RequestPolicy::MultiShard if has_several_slots(command) => Way::BySlot,
        _ => Way::Whole,
    }
}

fn has_several_slots(command: CommandRef<'_>) -> bool {
    if command.lone_key().is_some() {
        return false;
    }
    let mut slots = command.keys().map(slot_of);
    let first = slots.next();
    slots.any(|slot| Some(slot) != first)
}

/// Where a command's keys and the other arguments are.
struct Layout<'a> {
    args: Vec<Run<'a>>,
    /// Where the keys are among the arguments.
    keys: Vec<usize>,
    /// How many arguments belong to a key, itself included.
    step: usize,
    /// How many the name is.
    words: usize,
}

impl<'a> Layout<'a> {
    /// `None` if not every key has its own arguments right behind it, as MSET's last
    /// may lack its value, or something stands between that belongs to none.
    fn of(command: CommandRef<'a>) -> Option<Layout<'a>> {
        let KeySpec::Range { step, .. } = command.info().keys else {
            return None;
        };
        let step = usize::from(step.max(1));
        let args: Vec<Run<'a>> = command.runs().collect();
        // Keys that somebody marked may be elsewhere than the specification says.
        let mut wanted = command.keys().peekable();
        let mut keys = Vec::new();
        for (at, arg) in args.iter().enumerate() {
            if wanted.next_if(|key| std::ptr::eq(*key, &**arg)).is_some() {
                keys.push(at);
            }
        }
        let words = command.info().name.split(' ').count();
        let first = keys.first().copied().filter(|first| *first >= words)?;
        let mut nth = (first..).step_by(step);
        let is_dense = keys.iter().all(|at| nth.next() == Some(*at));
        let is_whole = keys.last().is_some_and(|last| last + step <= args.len());
        (is_dense && is_whole && wanted.next().is_none()).then_some(Layout {
            args,
            keys,
            step,
            words,
        })
    }

    fn between(&self, from: usize, to: usize) -> &[Run<'a>] {
        self.args.get(from..to).unwrap_or_default()
    }

    /// What stands before the first key, and behind all that belongs to the last.
    fn ends(&self) -> (&[Run<'a>], &[Run<'a>]) {
        let first = self.keys.first().copied().unwrap_or(self.words);
        let behind = self.keys.last().map_or(first, |last| last + self.step);
        (
            self.between(self.words, first),
            self.between(behind, self.args.len()),
        )
    }
}

struct Splitter<'a> {
    topology: &'a Topology,
    buffer: CommandBuffer,
    spread: Vec<SpreadCommand>,
    homes: FxHashMap<u32, Home>,
    /// Each primary with one of its slots and its replicas, once that was asked for.
    shards: Option<Vec<OfShard>>,
}

struct OfShard {
    slot: Slot,
    primary: Endpoint,
    replicas: Vec<Endpoint>,
}

impl OfShard {
    fn home(&self) -> Home {
        Home::Shard {
            slot: self.slot,
            primary: self.primary.clone(),
        }
    }
}

/// Each node once, primaries first.
fn nodes(shards: &[OfShard]) -> impl Iterator<Item = Endpoint> {
    let mut met = FxHashSet::default();
    let primaries = shards.iter().map(|shard| &shard.primary);
    let all = primaries.chain(shards.iter().flat_map(|shard| &shard.replicas));
    all.filter(move |node| met.insert(*node)).cloned()
}

impl Splitter<'_> {
    fn add(&mut self, at: u32, command: CommandRef<'_>) {
        match way(command) {
            Way::Whole => {
                self.buffer.append(command);
            }
            Way::BySlot => self.by_slot(at, command),
            Way::EachShard => self.to_each(at, command, false),
            Way::EachNode => self.to_each(at, command, true),
        }
    }

    fn by_slot(&mut self, at: u32, command: CommandRef<'_>) {
        let Some(layout) = Layout::of(command) else {
            self.buffer.append(command);
            return;
        };
        let mut numbers: FxHashMap<Slot, u32> = FxHashMap::default();
        let of: Vec<u32> = command
            .keys()
            .map(|key| {
                let next = numbers.len() as u32;
                *numbers.entry(slot_of(key)).or_insert(next)
            })
            .collect();
        let mut groups: Vec<(u32, usize)> = of
            .iter()
            .copied()
            .zip(layout.keys.iter().copied())
            .collect();
        groups.sort_unstable();
        let (head, tail) = layout.ends();
        let start = self.buffer.len() as u32;
        for own in groups.chunk_by(|(a, _), (b, _)| a == b) {
            let args = head.len() + own.len() * layout.step + tail.len();
            self.buffer.begin(command.info(), args);
            for arg in head {
                self.buffer.arg(arg);
            }
            for (_, key) in own {
                let group = layout.between(*key, key + layout.step);
                let Some((key, rest)) = group.split_first() else {
                    continue;
                };
                self.buffer.key(key);
                for arg in rest {
                    self.buffer.arg(arg);
                }
            }
            for arg in tail {
                self.buffer.arg(arg);
            }
        }
        self.became(at, start, command, How::Keys(of));
    }

    /// Every shard is asked, or every node.
    fn to_each(&mut self, at: u32, command: CommandRef<'_>, replicas: bool) {
        let topology = self.topology;
        let shards = self.shards.get_or_insert_with(|| shards(topology));
        let start = self.buffer.len() as u32;
        if shards.is_empty() {
            // Nobody is known who could be asked.
            self.buffer.append(command);
            return;
        }
        let homes: Vec<Home> = match replicas {
            true => nodes(shards).map(Home::Node).collect(),
            false => shards.iter().map(OfShard::home).collect(),
        };
        for home in homes {
            self.homes.insert(self.buffer.len() as u32, home);
            self.buffer.append(command);
        }
        self.became(at, start, command, How::Nodes);
    }

    fn became(&mut self, at: u32, start: u32, command: CommandRef<'_>, how: How) {
        let parts = start..self.buffer.len() as u32;
        let spread = SpreadCommand::new(at, parts, command.info(), how);
        self.spread.push(spread);
    }
}

/// Each primary once, in the order of their slots.
fn shards(topology: &Topology) -> Vec<OfShard> {
    let mut found: Vec<OfShard> = Vec::new();
    let mut primaries = FxHashMap::default();
    let mut met = FxHashSet::default();
    for slot in Slot::all() {
        // There are few shards, and many slots.
        let Some((number, shard)) = topology.numbered_shard_of(slot) else {
            continue;
        };
        if !met.insert(number) {
            continue;
        }
        let Some(primary) = topology.endpoint(shard.primary()) else {
            continue;
        };
        // Where views differ, one primary may have several.
        let at = *primaries.entry(shard.primary()).or_insert_with(|| {
            found.push(OfShard {
                slot,
                primary: primary.clone(),
                replicas: Vec::new(),
            });
            found.len() - 1
        });
        let Some(known) = found.get_mut(at) else {
            continue;
        };
        let replicas = shard.replicas().iter();
        let replicas = replicas.filter_map(|index| topology.endpoint(*index));
        known.replicas.extend(replicas.cloned());
    }
    found
}
