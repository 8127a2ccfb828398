//! Pipelines that are cut (A2, B1): what is said of each command agrees with what
//! has run.

use slotline_pool::{Credentials, Pool, WhileAway};
use slotline_resp::{CommandBuffer, Commands};
use slotline_testkit::{Cut, ProxyConnection};
use slotline_tests::{PATIENCE, in_time};

use super::line::{Line, fates, in_both};
use crate::setting::{BOTH, late, send, texts, words};

const MIB: usize = 1 << 20;

/// A pool whose user may not DECR.
async fn restricted(line: &Line) -> Pool {
    let user = [
        "ACL", "SETUSER", "counting", "on", "nopass", "~*", "+@all", "-decr",
    ];
    line.server.call(&user).await.expect("ACL SETUSER");
    let credentials = Credentials::new(Some("counting"), "any");
    line.pool().credentials(credentials).build()
}

/// Two that run and one between them that the server rejects, on counters of their
/// own.
fn three(round: usize) -> Commands {
    let all = [
        format!("INCR a:{round}"),
        format!("DECR b:{round}"),
        format!("INCR c:{round}"),
    ];
    words(&all)
}

/// Where each command ends, in bytes.
fn ends(commands: &Commands) -> Vec<u64> {
    let mut end = 0;
    let each = commands.iter().map(|command| {
        end += command.byte_len() as u64;
        end
    });
    each.collect()
}

/// What the counters say: `+` where the command has run.
async fn ran(line: &Line, round: usize) -> String {
    let mut all = String::new();
    for (key, effect) in [("a", 1), ("b", -1), ("c", 1)] {
        let counter = line.counter(&format!("{key}:{round}")).await;
        assert!(counter.is_none_or(|value| value == effect), "{counter:?}");
        all.push(if counter.is_some() { '+' } else { '-' });
    }
    all
}

/// That what was said of each command is borne out by what has run.
fn agree(said: &str, ran: &str) {
    for (said, ran) in said.chars().zip(ran.chars()) {
        let fits = match said {
            '+' => ran == '+',
            'x' | '-' => ran == '-',
            _ => true,
        };
        assert!(fits, "said {said}, and {ran}");
    }
}

/// The replies to all three are cut at every byte, in both manners.
///
/// Fails when the replies that had come are lost with the connection (in
/// `Protocol::fail_batch`, forget them), and when what was written is told as not sent
/// (in `Protocol::lost`, say `Written::Nothing`).
#[tokio::test]
async fn a_pipeline_whose_replies_are_cut_at_any_byte_is_told_command_by_command() {
    in_both(async |line| {
        let pool = restricted(&line).await;
        let whole = in_time(send(&pool, &["INCR a:x", "DECR b:x", "INCR c:x"])).await;
        let ends: Vec<u64> = (0..3)
            .scan(0, |end, index| {
                *end += whole.replies.bytes(index).expect("a reply").len() as u64;
                Some(*end)
            })
            .collect();
        let mut round = 0;
        for how in [Cut::Close, Cut::Reset] {
            for after in 0..ends[2] {
                round += 1;
                let commands = three(round);
                let connection = line.connection(&pool).await;
                connection.to_client().cut_beyond(after, how);
                let sent = pool.send(commands.clone(), late(), WhileAway::Wait);
                let answer = in_time(sent).await;
                let said = fates(&answer, &commands);
                let whole = ends.iter().filter(|end| **end <= after).count();
                let expected = ["???", "+??", "+x?"][whole];
                assert_eq!(said, expected, "{how:?} after {after} bytes");
                let error = answer.failure.expect("it was cut").error;
                assert!(error.is_network() && !error.is_timeout(), "{error}");
                assert_eq!(connection.to_client().traffic().cuts, 1);
                // The server had got everything.
                line.is_forgotten(&connection).await;
                let ran = ran(&line, round).await;
                assert_eq!(ran, "+-+");
                agree(&said, &ran);
            }
        }
        println!("{round} pipelines cut");
        assert_eq!(pool.statistics().connections_lost, round as u64);
    })
    .await;
}

/// The commands themselves are cut at every byte: what has arrived whole runs, and
/// never what has not.
///
/// Fails when what is in doubt goes again on the next connection (in `Exchange::poll`,
/// submit it anew): it is told as answered.
#[tokio::test]
async fn a_pipeline_that_is_cut_at_any_byte_runs_as_far_as_it_has_arrived_and_never_again() {
    in_both(async |line| {
        let pool = restricted(&line).await;
        let mut round = 0;
        for how in [Cut::Close, Cut::Reset] {
            for after in 0..ends(&three(100))[2] {
                round += 1;
                // Always as long.
                let commands = three(99 + round);
                let ends = ends(&commands);
                let connection = line.connection(&pool).await;
                connection.to_server().cut_beyond(after, how);
                let sent = pool.send(commands.clone(), late(), WhileAway::Wait);
                let answer = in_time(sent).await;
                let said = fates(&answer, &commands);
                assert_eq!(said, "???", "{how:?} after {after} bytes");
                let traffic = connection.to_server().traffic();
                assert_eq!(traffic.cuts, 1);
                line.is_forgotten(&connection).await;
                let ran = ran(&line, 99 + round).await;
                let expected = if after < ends[0] { "---" } else { "+--" };
                assert_eq!(ran, expected, "{how:?} after {after} bytes");
                agree(&said, &ran);
            }
        }
        println!("{round} pipelines cut");
        // Nothing comes after.
        assert_eq!(texts(&in_time(send(&pool, &["PING"])).await), ["PONG"]);
        for round in 100..100 + round {
            assert_eq!(line.counter(&format!("c:{round}")).await, None);
        }
        assert_eq!(pool.statistics().connections_lost, round as u64);
    })
    .await;
}

/// One that can run at once, one that no socket has room for, and one behind it.
fn with_a_large_one() -> Commands {
    let mut buffer = CommandBuffer::new();
    buffer.begin_named("INCR").key("before");
    buffer
        .begin_named("SET")
        .key("large")
        .arg(&vec![b'x'; 16 * MIB]);
    buffer.begin_named("INCR").key("behind");
    buffer.freeze()
}

/// Fails when what the socket has not taken is told as ambiguous (in `answer` in
/// `exchange.rs`, count all commands as begun), and when what has not been begun is
/// lost as well (in `Protocol::lost`, fail what is unwritten).
#[tokio::test]
async fn what_no_socket_had_room_for_is_not_sent_and_what_was_not_begun_goes_on() {
    for (protocol, how) in BOTH.into_iter().zip([Cut::Close, Cut::Reset]) {
        let line = Line::with_buffers(protocol, 4096).await;
        let pool = line.pool().build();
        let connection = line.connection(&pool).await;
        let commands = with_a_large_one();
        let here = connection.to_server().traffic().arrived;
        let replies = connection.to_client().traffic().frames;
        let up = connection
            .to_server()
            .from_byte(here + ends(&commands)[0] + 1000);
        up.stop_reading();
        let first = pool.send(commands.clone(), late(), WhileAway::Wait);
        let next = send(&pool, &["INCR next", "GET next"]);
        let cut = async {
            let full = up.until(PATIENCE, |it| it.left_unread == 1).await;
            full.expect("it takes no more");
            let down = connection.to_client();
            let answered = down.until(PATIENCE, |it| {
                it.frames == replies + 1 && it.passed == it.arrived
            });
            answered.await.expect("the first of them is answered");
            connection.cut(how);
        };
        let (first, next, ()) = in_time(async { tokio::join!(first, next, cut) }).await;
        assert_eq!(fates(&first, &commands), "+?-");
        assert_eq!(texts(&next), ["1", "1"]);
        was_cut(&connection);
        line.is_forgotten(&connection).await;
        assert_eq!(line.counter("before").await, Some(1));
        assert_eq!(line.counter("large").await, None);
        assert_eq!(line.counter("behind").await, None);
        assert_eq!(line.counter("next").await, Some(1));
        assert_eq!(line.proxy.accepted(), 2);
    }
}

fn was_cut(connection: &ProxyConnection) {
    assert!(!connection.is_open());
    assert_eq!(connection.to_client().traffic().cuts, 1);
}
