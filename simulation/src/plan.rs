//! What a seed decides.

use std::time::Duration;

use slotline_testkit::{Dice, FakeFault, FaultKind};

use crate::keys::Key;

/// What tasks do, and what the cluster suffers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What decides the rest: pauses, latencies, the client's choices.
    pub seed: u64,
    /// What each task sends, one after the other.
    pub tasks: Vec<Vec<Piece>>,
    /// What goes wrong, and when.
    pub faults: Vec<Timed>,
}

/// One pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its task and its number there, which a shorter plan does not change.
    pub id: (usize, usize),
    /// The client that sends it.
    pub who: Who,
    /// How long its task waits before.
    pub pause: Duration,
    /// When its caller loses patience.
    pub cancelled_after: Option<Duration>,
    /// Its commands, each with a number that a shorter plan does not change.
    pub commands: Vec<(usize, Command)>,
}

/// Which client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// One that asks primaries only.
    Primary,
    /// One that prefers replicas.
    Replica,
    /// One with little time.
    Hasty,
}

impl Who {
    /// All there are.
    pub const ALL: [Who; 3] = [Who::Primary, Who::Replica, Who::Hasty];

    /// How long a pipeline of this client may take.
    #[must_use]
    pub fn timeout(self) -> Duration {
        match self {
            Who::Primary | Who::Replica => Duration::from_secs(10),
            Who::Hasty => Duration::from_millis(60),
        }
    }

    /// What CLIENT SETNAME says.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Who::Primary => "primary",
            Who::Replica => "replica",
            Who::Hasty => "hasty",
        }
    }
}

/// One command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// GET of a register.
    Get(Key),
    /// SET of a register.
    Set(Key),
    /// INCR of a counter.
    Incr(Key),
    /// APPEND to a log.
    Append(Key),
    /// GET of a log.
    Read(Key),
    /// HSET of a hash's field.
    Put(Key, u8),
    /// HGET of a hash's field.
    Look(Key, u8),
    /// MGET of two registers of one slot.
    Both(u8),
    /// MSET of them.
    SetBoth(u8),
    /// MGET of a register of every slot.
    All,
    /// MSET of the other of every slot.
    SetAll,
    /// DEL of what that has set.
    DeleteAll,
    /// ECHO.
    Echo,
    /// A transaction, alone in its pipeline: APPEND to both twins of a slot, then GET
    /// of both.
    Transaction(u8),
}

/// Something that goes wrong, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timed {
    /// Since the beginning.
    pub at: Duration,
    /// What goes wrong.
    pub fault: FakeFault,
}

impl Plan {
    /// The plan of a seed: at least 200 pipelines and 5 faults.
    #[must_use]
    pub fn of(seed: u64) -> Plan {
        let mut dice = Dice::new(seed);
        let count = index(3 + dice.below(4));
        let pipelines = 200 / count + 1;
        let mut length = Duration::ZERO;
        let tasks: Vec<Vec<Piece>> = (0..count)
            .map(|task| {
                let pieces = (0..pipelines).map(|number| piece(&mut dice, (task, number)));
                let pieces: Vec<Piece> = pieces.collect();
                length = length.max(pieces.iter().map(|piece| piece.pause).sum());
                pieces
            })
            .collect();
        let faults = (0..5 + dice.below(6)).map(|_| {
            let millis = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
            Timed {
                at: Duration::from_millis(dice.below(millis)),
                fault: FakeFault {
                    // Migrations are what a cluster sees most.
                    kind: match dice.chance(1, 4) {
                        true => FaultKind::Migration,
                        false => dice
                            .pick(&FaultKind::ALL)
                            .copied()
                            .unwrap_or(FaultKind::Cut),
                    },
                    seed: dice.number(),
                },
            }
        });
        let faults = faults.collect();
        Plan {
            seed,
            tasks,
            faults,
        }
    }

    /// How many pipelines there are.
    #[must_use]
    pub fn pipelines(&self) -> usize {
        self.tasks.iter().map(Vec::len).sum()
    }
}

fn piece(dice: &mut Dice, id: (usize, usize)) -> Piece {
    let who = match dice.below(10) {
        0..5 => Who::Primary,
        5..9 => Who::Replica,
        _ => Who::Hasty,
    };
    let cancels = dice.chance(1, 12);
    // Mostly of few slots, so that commands share keys.
    let slots = 1 + dice.below(3);
    let first = dice.below(Key::SLOTS);
    let count = if dice.chance(1, 4) {
        1
    } else {
        2 + dice.below(7)
    };
    let is_transaction = dice.chance(1, 5);
    let commands = (0..index(count)).map(|number| {
        let slot = (first + dice.below(slots)) % Key::SLOTS;
        (number, command(dice, u8::try_from(slot).unwrap_or(0)))
    });
    let commands = match is_transaction {
        true => vec![(0, Command::Transaction(u8::try_from(first).unwrap_or(0)))],
        false => commands.collect(),
    };
    Piece {
        id,
        who,
        pause: Duration::from_micros(dice.below(60_000)),
        commands,
        cancelled_after: cancels.then(|| Duration::from_micros(dice.below(8_000))),
    }
}

fn command(dice: &mut Dice, slot: u8) -> Command {
    let number = u8::try_from(dice.below(2)).unwrap_or(0);
    match dice.below(17) {
        0 => Command::Get(Key::Register(slot, number)),
        1 => Command::Set(Key::Register(slot, number)),
        2..4 => Command::Incr(Key::Counter(slot)),
        4..7 => Command::Append(Key::Log(slot)),
        7..9 => Command::Read(Key::Log(slot)),
        9 => Command::Put(Key::Hash(slot), number),
        10 => Command::Look(Key::Hash(slot), number),
        11 => Command::Both(slot),
        12 => Command::SetBoth(slot),
        13 => Command::All,
        14 => Command::SetAll,
        15 => Command::DeleteAll,
        _ => Command::Echo,
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(0)
}
