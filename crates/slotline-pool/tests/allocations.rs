//! What a request allocates in the steady state, in this crate and its share of
//! `slotline-resp`'s replies. A program of its own, since it counts.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use allocation_counter::measure;
use bytes::{Bytes, BytesMut};
use slotline_pool::{Answer, Pool, WhileAway};
use slotline_resp::{CommandBuffer, CommandDecoder, Commands, Limits, Protocol, ReplyBuffer};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// A server on threads of its own, where nothing is counted. To GET it replies
/// with as many bytes as the key says, to anything else with OK.
fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming() {
            thread::spawn(move || answer_all(socket.unwrap()));
        }
    });
    address
}

fn answer_all(mut socket: TcpStream) {
    let mut decoder = CommandDecoder::new(Limits::default());
    let mut replies = ReplyBuffer::new(Protocol::Resp2);
    let mut buffer = BytesMut::new();
    let mut piece = vec![0; 64 << 10];
    while let Ok(len @ 1..) = socket.read(&mut piece) {
        buffer.extend_from_slice(&piece[..len]);
        while let Some(command) = decoder.decode(&mut buffer).unwrap() {
            match command.name() {
                "HELLO" => {
                    replies.set_protocol(Protocol::Resp3);
                    replies.map(1).bulk("proto").integer(3);
                }
                "GET" => {
                    let key = command.arg(1).unwrap();
                    let len = std::str::from_utf8(&key).unwrap().parse().unwrap();
                    replies.bulk(vec![b'v'; len]);
                }
                _ => {
                    replies.simple("OK");
                }
            }
        }
        if socket.write_all(&replies.split()).is_err() {
            return;
        }
    }
}

/// A runtime of one thread, the one where allocations are counted, and a pool.
fn start() -> (Runtime, Pool) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let pool = Pool::builder(serve().into()).build();
    runtime.block_on(pool.connect()).unwrap();
    (runtime, pool)
}

fn gets(len: usize, count: usize) -> Commands {
    let mut buffer = CommandBuffer::new();
    for _ in 0..count {
        buffer.begin_named("GET").key(&len);
    }
    buffer.freeze()
}

async fn send(pool: &Pool, commands: &Commands) -> Answer {
    let deadline = Instant::now() + Duration::from_secs(20);
    let answer = pool.send(commands.clone(), deadline, WhileAway::Wait).await;
    assert!(answer.failure.is_none(), "{:?}", answer.failure);
    assert_eq!(answer.replies.len(), commands.len());
    answer
}

/// Tasks that each send the same again and again; none runs before it is joined.
fn start_tasks(
    (runtime, pool): &(Runtime, Pool),
    commands: &Commands,
    count: usize,
    times: usize,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        let (pool, commands) = (pool.clone(), commands.clone());
        let work = async move {
            for _ in 0..times {
                send(&pool, &commands).await;
            }
        };
        tasks.spawn_on(work, runtime.handle());
    }
    tasks
}

/// How often it allocates that `count` tasks each send `commands` so many
/// `times`, once everything has the size that it keeps.
fn allocations(commands: &Commands, count: usize, times: usize) -> u64 {
    let started = start();
    let join = |mut tasks: JoinSet<()>| {
        started.0.block_on(async {
            while let Some(done) = tasks.join_next().await {
                done.unwrap();
            }
        });
    };
    join(start_tasks(&started, commands, count, 20));
    let tasks = start_tasks(&started, commands, count, times);
    measure(|| join(tasks)).count_total
}

/// A block of 64 KiB holds hundreds of small values; nothing else is allocated.
/// Where `with` gives the empty list of wakers away, each GET makes another.
#[test]
fn a_get_allocates_nothing_beyond_its_share_of_a_block() {
    for (tasks, times) in [(1, 1_000), (256, 20)] {
        let all = allocations(&gets(64, 1), tasks, times);
        let gets = (tasks * times) as u64;
        assert!(100 * all <= gets, "{all} for {gets} GETs by {tasks} tasks");
    }
}

#[test]
fn a_batch_allocates_a_handful_of_times_however_many_commands_it_has() {
    for commands in [2, 100, 10_000] {
        let batches = 20;
        let all = allocations(&gets(0, commands), 1, batches);
        let allowed = 5 * batches as u64;
        assert!(all <= allowed, "{all} for {batches} of {commands} commands");
    }
}

/// A block that the value has to itself, and the count of who holds it. Without
/// `usual` in the inbox, the block that follows is one more for each.
#[test]
fn a_large_value_is_read_into_one_block() {
    let (tasks, times) = (4, 20);
    let all = allocations(&gets(1 << 20, 1), tasks, times);
    let values = (tasks * times) as u64;
    // Once in a while an announced length is cut in two, and costs one more.
    assert!(2 * all <= 5 * values, "{all} for {values} values");
}

/// Its bytes are the caller's; only where they belong has to be kept. On a lease as
/// well, with what a call of its own costs.
#[test]
fn a_large_argument_is_not_copied() {
    let mut buffer = CommandBuffer::new();
    let value = Bytes::from(vec![b'x'; 1 << 20]);
    buffer.begin_named("SET").key("k").arg(&value);
    let (runtime, pool) = start();
    let commands = buffer.freeze();
    runtime.block_on(send(&pool, &commands));
    let sent = measure(|| drop(runtime.block_on(send(&pool, &commands))));
    assert!(sent.bytes_total < 1_000, "{} bytes", sent.bytes_total);
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut lease = runtime.block_on(pool.lease(deadline)).unwrap();
    let mut call = || {
        let answer = runtime.block_on(async { lease.call(commands.clone(), deadline).await });
        assert!(answer.failure.is_none(), "{:?}", answer.failure);
    };
    call();
    let sent = measure(call);
    assert!(sent.bytes_total < 4_000, "{} bytes", sent.bytes_total);
}
