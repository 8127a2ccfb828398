//! Which commands are spread, and what becomes of them.

use rustc_hash::{FxHashMap, FxHashSet};
use slotline_resp::{
    CommandBuffer, CommandInfo, CommandRef, Commands, Flags, KeySpec, RequestPolicy, Run,
};
use slotline_topology::{Endpoint, Node, Role, Slot, Topology, slot_of};

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

/// Whether a command is to be spread, or may turn out so once something is known of it.
pub(super) fn concerns(command: CommandRef<'_>) -> bool {
    let is_unknown = !command.info().is_known() && command.keys().next().is_none();
    is_unknown || way(command) != Way::Whole
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

/// Each node once, primaries first, and last those that serve no slot.
fn nodes<'a>(
    shards: &'a [OfShard],
    topology: &'a Topology,
) -> impl Iterator<Item = Endpoint> + use<'a> {
    let mut met = FxHashSet::default();
    let primaries = shards.iter().map(|shard| &shard.primary);
    let all = primaries.chain(shards.iter().flat_map(|shard| &shard.replicas));
    let all = all.chain(slotless(topology).map(Node::endpoint));
    all.filter(move |node| met.insert(*node)).cloned()
}

fn slotless(topology: &Topology) -> impl Iterator<Item = &Node> {
    topology.slotless().filter_map(|node| topology.node(node))
}

/// The primaries that have no slots. Whoever only reads keys finds none there, and need
/// not fail if such a node is away.
fn slotless_primaries(info: &CommandInfo, topology: &Topology) -> impl Iterator<Item = Home> {
    let primaries = slotless(topology).filter(|node| node.role() == Role::Primary);
    let asked = primaries.take_while(|_| !info.is_readonly());
    asked.map(|node| Home::Slotless(node.endpoint().clone()))
}

impl Splitter<'_> {
    fn add(&mut self, at: u32, command: CommandRef<'_>) {
        match way(command) {
            Way::Whole => {
                self.buffer.append(command);
            }
            Way::BySlot => self.by_slot(at, command),
            Way::EachShard => self.ask_each(at, command, false),
            Way::EachNode => self.ask_each(at, command, true),
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
    fn ask_each(&mut self, at: u32, command: CommandRef<'_>, replicas: bool) {
        let topology = self.topology;
        let shards = self.shards.get_or_insert_with(|| shards(topology));
        let start = self.buffer.len() as u32;
        if shards.is_empty() {
            // Nobody is known who could be asked.
            self.buffer.append(command);
            return;
        }
        let homes: Vec<Home> = match replicas {
            true => nodes(shards, topology).map(Home::Node).collect(),
            false => {
                let slotless = slotless_primaries(command.info(), topology);
                shards.iter().map(OfShard::home).chain(slotless).collect()
            }
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

#[cfg(test)]
mod tests {
    use slotline_resp::ResponsePolicy;

    use super::*;

    /// Two primaries, of which `a` is on the second and `b` on the first.
    fn topology() -> Topology {
        let node = |port| Endpoint::new("n", port);
        Topology::builder()
            .shard([0..=8191], node(1), [node(3)])
            .shard([8192..=16383], node(2), [node(4)])
            .build()
    }

    fn words(command: CommandRef<'_>) -> String {
        let words = command.args().map(String::from_utf8_lossy);
        words.collect::<Vec<_>>().join(" ")
    }

    fn batch(lines: &[&str]) -> Commands {
        let mut buffer = CommandBuffer::new();
        for line in lines {
            let mut words = line.split(' ');
            buffer.begin_named(words.next().unwrap());
            words.for_each(|word| {
                buffer.arg(word);
            });
        }
        buffer.freeze()
    }

    /// What the lines become; nothing if they stay as they are.
    fn check(lines: &[&str], expected: &[&str]) {
        let given = batch(lines);
        let became = split(&given, &topology());
        let became = became.map_or_else(Vec::new, |(commands, parts)| {
            assert_eq!(parts.given_len(), lines.len());
            for spread in parts.all() {
                let first = commands.get(spread.parts.start as usize).unwrap();
                assert_eq!(first.info(), given.get(spread.at as usize).unwrap().info());
            }
            for part in commands.iter() {
                let slots: FxHashSet<Slot> = part.keys().map(slot_of).collect();
                assert!(slots.len() < 2 || part.name() == "SINTER");
            }
            commands.iter().map(words).collect()
        });
        assert_eq!(became, expected, "{lines:?}");
    }

    #[test]
    fn what_is_split_is_split_by_slot_and_the_rest_stays() {
        check(&["MGET a b a {b}2"], &["MGET a a", "MGET b {b}2"]);
        check(&["MSET a 1 b 2 a 3"], &["MSET a 1 a 3", "MSET b 2"]);
        let lines = ["GET a", "DEL a b", "SINTER a b", "INCR b", "EXISTS b a"];
        check(
            &lines,
            &[
                "GET a",
                "DEL a",
                "DEL b",
                "SINTER a b",
                "INCR b",
                "EXISTS b",
                "EXISTS a",
            ],
        );
        for whole in [
            "MGET a {a}2",
            "DEL a",
            "MSET a 1",
            "MSET a 1 b",
            "MSETNX a 1 b 2",
            "MSETEX 2 a 1 b 2 EX 5",
            "DEL",
            "SCAN 0",
            "WAIT 1 0",
            "CLIENT SETNAME x",
            "GET a",
            "PING",
            "NO.SUCH a b",
            "XREAD STREAMS a b 0 0",
        ] {
            check(&[whole], &[]);
        }
    }

    #[test]
    fn what_all_are_asked_is_there_for_each() {
        check(&["DBSIZE"], &["DBSIZE"; 2]);
        check(&["script load x"], &["script load x"; 4]);
        let (_, parts) =
            split(&batch(&["GET a", "DBSIZE", "CONFIG SET x 1"]), &topology()).unwrap();
        let homes: Vec<_> = (0..8).map(|part| parts.home(part)).collect();
        let node = |port| Endpoint::new("n", port);
        let shard = |slot, port| Home::Shard {
            slot: Slot::new(slot).unwrap(),
            primary: node(port),
        };
        assert_eq!(homes[0], None);
        assert_eq!(homes[1..3], [Some(&shard(0, 1)), Some(&shard(8192, 2))]);
        let nodes = [1, 2, 3, 4].map(|port| Home::Node(node(port)));
        assert_eq!(homes[3..7], nodes.each_ref().map(Some));
        assert_eq!(homes[7], None);
        let one = Topology::single(node(1));
        assert!(split(&batch(&["DBSIZE", "MGET a b"]), &one).is_none());
    }

    #[test]
    fn nodes_without_slots_are_asked_for_what_is_no_matter_of_keys() {
        let node = |port| Endpoint::new("n", port);
        let topology = Topology::builder()
            .shard([0..=16383], node(1), [node(2)])
            .slotless(node(3), Role::Primary)
            .slotless(node(4), Role::Replica)
            .build();
        let check = |line: &str, expected: &[Home]| {
            let (_, parts) = split(&batch(&[line]), &topology).unwrap();
            let count = parts.all()[0].parts.end;
            let homes: Vec<_> = (0..count).map(|part| parts.home(part).unwrap()).collect();
            assert_eq!(homes, expected.iter().collect::<Vec<_>>(), "{line}");
        };
        let shard = || Home::Shard {
            slot: Slot::new(0).unwrap(),
            primary: node(1),
        };
        for line in ["FLUSHALL", "FUNCTION LOAD x", "INFO", "SCRIPT EXISTS x"] {
            check(line, &[shard(), Home::Slotless(node(3))]);
        }
        for line in ["DBSIZE", "KEYS *", "RANDOMKEY"] {
            check(line, &[shard()]);
        }
        for line in ["CONFIG SET x 1", "SCRIPT LOAD x", "SLOWLOG LEN"] {
            check(line, &[1, 2, 3, 4].map(|port| Home::Node(node(port))));
        }
    }

    #[test]
    fn one_primary_that_several_shards_have_is_asked_once() {
        let node = |port| Endpoint::new("n", port);
        let topology = topology().patched(Slot::new(5).unwrap(), &node(2));
        let (commands, _) = split(&batch(&["DBSIZE", "SCRIPT FLUSH"]), &topology).unwrap();
        assert_eq!(commands.len(), 2 + 4);
    }

    /// A module's command, whose path every part needs.
    #[test]
    fn what_belongs_to_no_key_goes_to_every_part() {
        static JSON_MGET: CommandInfo = CommandInfo::new(
            "JSON.MGET",
            Flags::READONLY,
            KeySpec::Range {
                first: 1,
                last: -2,
                step: 1,
            },
            RequestPolicy::MultiShard,
            ResponsePolicy::Default,
        );
        let mut buffer = CommandBuffer::new();
        buffer
            .begin(&JSON_MGET, 0)
            .arg("a")
            .arg("b")
            .arg("{a}2")
            .arg("$.x");
        let (commands, _) = split(&buffer.freeze(), &topology()).unwrap();
        let parts: Vec<String> = commands.iter().map(words).collect();
        assert_eq!(parts, ["JSON.MGET a {a}2 $.x", "JSON.MGET b $.x"]);
    }

    #[test]
    fn large_values_are_shared_and_not_copied() {
        let large = bytes::Bytes::from(vec![b'x'; 20 << 10]);
        let mut buffer = CommandBuffer::new();
        buffer
            .begin_named("MSET")
            .key("a")
            .arg(&large)
            .key("b")
            .arg("1");
        let (commands, _) = split(&buffer.freeze(), &topology()).unwrap();
        let mut shared = Vec::new();
        commands.for_each_run(|run| {
            if let Run::Shared(bytes) = run {
                shared.push(bytes.as_ptr());
            }
        });
        assert_eq!(shared, [large.as_ptr()]);
    }
}
