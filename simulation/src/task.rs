//! What one task does: its pipelines, one after the other.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use slotline::observe::What;
use slotline::{Client, Delivery, Explain, Pipeline, Reply, Results, Value};
use slotline_testkit::FakeCluster;
use tokio::time::{sleep, timeout};

use crate::defects::Defect;
use crate::history::{Operation, Outcome, Step, token};
use crate::keys::Key;
use crate::plan::{Command, Piece, Who};

/// A pipeline that has no outcome so long after its deadline has none at all.
const STUCK: Duration = Duration::from_secs(5);

/// How many commands a transaction has.
const COMMANDS: usize = 4;

/// What tasks note down.
pub(crate) type Notes = Arc<Mutex<Vec<Operation>>>;

/// The clients that tasks send through, in the order of [`Who::ALL`].
#[derive(Clone)]
pub(crate) struct Clients(pub(crate) Vec<Client>);

impl Clients {
    pub(crate) fn get(&self, who: Who) -> Option<&Client> {
        let at = Who::ALL.iter().position(|other| *other == who)?;
        self.0.get(at)
    }
}

pub(crate) async fn work(
    cluster: FakeCluster,
    clients: Clients,
    pieces: Vec<Piece>,
    notes: Notes,
    defect: Option<Defect>,
) {
    for piece in pieces {
        sleep(piece.pause).await;
        let Some(client) = clients.get(piece.who) else {
            continue;
        };
        let one_by_one = defect == Some(Defect::IntentOfEachCommand);
        if one_by_one && piece.who == Who::Replica {
            for command in &piece.commands {
                let alone = Piece {
                    commands: vec![*command],
                    ..piece.clone()
                };
                send(&cluster, client, &alone, &notes, defect).await;
            }
        } else {
            send(&cluster, client, &piece, &notes, defect).await;
        }
    }
}

async fn send(
    cluster: &FakeCluster,
    client: &Client,
    piece: &Piece,
    notes: &Notes,
    defect: Option<Defect>,
) {
    let explain = Explain::new();
    let mut pipeline = client.pipeline();
    if let [(_, Command::Transaction(_))] = piece.commands[..] {
        pipeline = pipeline.transaction().explain(&explain);
    }
    for (number, command) in &piece.commands {
        queue(
            &mut pipeline,
            *command,
            &token((piece.id.0, piece.id.1, *number)),
        );
    }
    let invoked = cluster.now();
    let limit = piece.who.timeout() + STUCK;
    let sent = timeout(piece.cancelled_after.unwrap_or(limit), pipeline.send()).await;
    let ended = cluster.now();
    let outcomes: Vec<Outcome> = match sent {
        Err(_) if piece.cancelled_after.is_some() => vec![Outcome::Cancelled; piece.commands.len()],
        Err(_) => vec![Outcome::Stuck; piece.commands.len()],
        Ok(Err(error)) => vec![failed(&error); piece.commands.len()],
        Ok(Ok(results)) if results.len() == COMMANDS && piece.commands.len() == 1 => {
            vec![whole(results)]
        }
        Ok(Ok(results)) => {
            let mut all: Vec<Outcome> = results.into_iter().map(|reply| outcome(&reply)).collect();
            // One that is missing has no outcome, which is never right.
            all.resize(piece.commands.len(), Outcome::Stuck);
            all
        }
    };
    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    for ((number, command), outcome) in piece.commands.iter().zip(outcomes) {
        notes.push(Operation {
            id: (piece.id.0, piece.id.1, *number),
            who: piece.who,
            command: *command,
            invoked,
            ended,
            outcome: spoilt(outcome, defect),
            on_its_way: on_its_way(&explain),
        });
    }
}

/// What a transaction came to: one reply, or the first error in it.
fn whole(results: Results) -> Outcome {
    let mut all = Vec::new();
    for reply in results {
        match outcome(&reply) {
            Outcome::Ok(mut reply) => all.append(&mut reply),
            error => return error,
        }
    }
    Outcome::Ok(all)
}

fn on_its_way(explain: &Explain) -> Vec<Step> {
    let steps = explain.steps().into_iter();
    let steps = steps.filter_map(|step| match step.what {
        What::Turned { code, .. } => Some(Step::Turned(code)),
        What::Retried { .. } => Some(Step::Retried),
        _ => None,
    });
    steps.collect()
}

/// Values name their keys and the command that wrote them.
fn queue(pipeline: &mut Pipeline, command: Command, token: &str) {
    match command {
        Command::Get(key) | Command::Read(key) => {
            pipeline.get(key.name());
        }
        Command::Set(key) => {
            pipeline.set(key.name(), format!("{}={token}", key.name()));
        }
        Command::Incr(key) => {
            pipeline.incr(key.name());
        }
        Command::Append(key) => {
            let _ = pipeline.command("APPEND").key(key.name()).arg(token);
        }
        Command::Put(key, field) => {
            let value = format!("{}.{field}={token}", key.name());
            pipeline.hset(key.name(), [(field.to_string(), value)]);
        }
        Command::Look(key, field) => {
            let _ = pipeline
                .command("HGET")
                .key(key.name())
                .arg(field.to_string());
        }
        Command::Both(slot) => {
            let names = [0, 1].map(|number| Key::Register(slot, number).name());
            pipeline.mget(names);
        }
        Command::SetBoth(slot) => {
            let both = [0, 1].map(|number| Key::Register(slot, number));
            set(pipeline, both.into_iter(), token);
        }
        Command::All => {
            let names: Vec<String> = Key::registers(0).map(Key::name).collect();
            pipeline.mget(names);
        }
        Command::SetAll => set(pipeline, Key::registers(1), token),
        Command::DeleteAll => {
            let keys = Key::registers(1).flat_map(|key| [key.name(), key.mark(token)]);
            pipeline.del(keys.collect::<Vec<_>>());
        }
        Command::Transaction(slot) => {
            for key in Key::twins(slot) {
                let _ = pipeline.command("APPEND").key(key.name()).arg(token);
            }
            for key in Key::twins(slot) {
                pipeline.get(key.name());
            }
        }
        Command::Echo => {
            let _ = pipeline.command("ECHO").arg(token);
        }
    }
}

fn set(pipeline: &mut Pipeline, keys: impl Iterator<Item = Key>, token: &str) {
    let mut queued = pipeline.command("MSET");
    for name in keys.map(Key::name) {
        let value = format!("{name}={token}");
        queued = queued.key(name).arg(value);
    }
}

fn outcome(reply: &Reply) -> Outcome {
    match reply.decode::<Value>() {
        Ok(value) => Outcome::Ok(texts(&value)),
        Err(error) => failed(&error),
    }
}

fn failed(error: &slotline::Error) -> Outcome {
    Outcome::Failed {
        delivery: error.delivery(),
        text: error.to_string(),
        is_order: error.is_order(),
        is_timeout: error.is_timeout(),
        is_partly_done: error.is_partly_done(),
    }
}

/// What a client would say that forgets which parts of a command have run.
fn spoilt(outcome: Outcome, defect: Option<Defect>) -> Outcome {
    match outcome {
        Outcome::Failed {
            text,
            is_order,
            is_timeout,
            is_partly_done: true,
            ..
        } if defect == Some(Defect::PartsForgotten) => Outcome::Failed {
            delivery: Delivery::Rejected,
            text,
            is_order,
            is_timeout,
            is_partly_done: false,
        },
        outcome => outcome,
    }
}

fn texts(value: &Value) -> Vec<Option<String>> {
    match value {
        Value::Array(list) => list.iter().flat_map(texts).collect(),
        Value::Null => vec![None],
        Value::Simple(text) => vec![Some(text.clone())],
        Value::Int(number) => vec![Some(number.to_string())],
        Value::Bulk(bytes) => vec![Some(String::from_utf8_lossy(bytes).into_owned())],
        other => vec![Some(format!("{other:?}"))],
    }
}

/// What a key holds in the end.
pub(crate) async fn end_of(client: &Client, key: Key) -> Result<Option<String>, String> {
    let found: Result<Option<String>, slotline::Error> = client.get(key.name()).await;
    found.map_err(|error| error.to_string())
}

/// Whether an error means that nothing can have happened.
pub(crate) fn is_without_effect(delivery: Delivery) -> bool {
    matches!(delivery, Delivery::NotSent | Delivery::Rejected)
}
