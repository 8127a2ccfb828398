//! Lines that are dead (E3), closed (E6), or were never alive (E7).

use std::time::Duration;

use slotline_testkit::{Cut, OnConnect};
use slotline_tests::{PATIENCE, connections_of, in_time, until};

use super::line::{Line, fates, in_both};
use crate::setting::{BOTH, send, texts, words};

const SHORT: Duration = Duration::from_millis(200);

/// Either way of the line dies without a sign: the command is lost, or its reply.
///
/// Fails when a connection that brings nothing counts as alive for ever (in
/// `Driver::take_over`, leave out the response timeout): the request ends by its own
/// deadline, long after, and the next one as well.
#[tokio::test]
async fn a_line_that_swallows_is_noticed_and_what_it_took_is_in_doubt() {
    for (protocol, loses_command) in BOTH.iter().flat_map(|it| [(*it, true), (*it, false)]) {
        let line = Line::new(protocol).await;
        let pool = line.pool().response_timeout(SHORT).build();
        let connection = line.connection(&pool).await;
        let dead = match loses_command {
            true => connection.to_server(),
            false => connection.to_client(),
        };
        dead.swallow();
        let incr = words(&["INCR n"]);
        let answer = in_time(send(&pool, &["INCR n"])).await;
        assert_eq!(fates(&answer, &incr), "?");
        let error = answer.failure.expect("no reply").error;
        assert!(error.is_network() && error.is_timeout(), "{error}");
        assert!(dead.traffic().swallowed > 0);
        // It recovers by itself, on another connection.
        let ran = i64::from(!loses_command);
        let answer = in_time(send(&pool, &["INCR n"])).await;
        assert_eq!(texts(&answer), [(ran + 1).to_string()]);
        assert_eq!(line.counter("n").await, Some(ran + 1));
        assert_eq!((pool.statistics().dials, line.proxy.accepted()), (2, 2));
    }
}

/// Fails when the pool takes no notice of the end of a stream (in `Driver::read`,
/// take it for nothing): it never closes its own end.
#[tokio::test]
async fn a_connection_that_the_server_closed_while_it_was_idle_costs_no_command() {
    in_both(async |line| {
        let pool = line.pool().build();
        let connection = line.connection(&pool).await;
        let timeout = ["CONFIG", "SET", "timeout", "1"];
        line.server.call(&timeout).await.expect("CONFIG SET");
        until("the server closes it", async || !connection.is_open()).await;
        assert_eq!(connection.to_client().traffic().cuts, 0);
        let answer = in_time(send(&pool, &["INCR n"])).await;
        assert_eq!(texts(&answer), ["1"]);
        assert_eq!(line.counter("n").await, Some(1));
        assert_eq!(pool.statistics().connections_lost, 1);
    })
    .await;
}

/// A command that is sent when the runtime has just found the end of the stream, and
/// the task that serves the connection has not run yet.
///
/// Fails when the driver writes before it reads (in `Driver::poll`).
#[tokio::test]
async fn a_command_is_never_written_behind_the_end_of_the_stream() {
    in_both(async |line| {
        let pool = line.pool().build();
        for round in 1..=200 {
            let connection = line.connection(&pool).await;
            connection.cut(Cut::Close);
            let cut = connection.to_client();
            cut.until(PATIENCE, |it| it.cuts == 1)
                .await
                .expect("it is cut");
            let answer = in_time(send(&pool, &["INCR n"])).await;
            assert_eq!(texts(&answer), [round.to_string()]);
        }
        assert_eq!(line.counter("n").await, Some(200));
        assert_eq!(pool.statistics().connections_lost, 200);
    })
    .await;
}

/// Fails when the connect timeout does not cover the handshake (in `dial`, put it
/// around `open` alone): the dial never ends.
#[tokio::test]
async fn a_listener_that_accepts_and_stays_silent_ends_the_dial_in_its_step() {
    in_both(async |line| {
        let pool = line.pool().connect_timeout(SHORT).build();
        line.proxy.on_connect(OnConnect::StaySilent);
        let error = in_time(pool.connect()).await.expect_err("nobody answers");
        assert!(error.is_timeout() && error.is_handshake(), "{error}");
        assert_eq!(error.step(), Some(line.first_step()));
        let address = line.proxy.address().to_string();
        assert!(error.to_string().contains(&address), "{error}");
        // It was heard, and the socket is closed, not kept.
        assert!(line.proxy.to_server().traffic().swallowed > 0);
        let first = line.proxy.connection(0).expect("it was accepted");
        until("the pool closes it", async || !first.is_open()).await;
        assert_eq!(pool.greeting(), None);

        // One that answers half of it is no better.
        line.proxy.on_connect(OnConnect::Forward);
        line.proxy.to_client().from_byte(3).swallow();
        let half = async || {
            let error = pool.connect().await.expect_err("half an answer");
            assert_eq!(
                (error.step(), error.is_timeout()),
                (Some(line.first_step()), true)
            );
            // The pool tries by itself: the dial before this one may have met silence.
            line.proxy.to_client().traffic().passed >= 3
        };
        in_time(until("a dial gets half an answer", half)).await;
        assert!(line.proxy.to_client().traffic().swallowed > 0);

        // Nobody at all is another step.
        line.proxy.stop_listening().await.expect("it stops");
        let refused = async || {
            let error = pool.connect().await.expect_err("nobody listens");
            error.step() == Some("connect") && !error.is_timeout()
        };
        in_time(until("the dial is refused", refused)).await;

        line.proxy.to_client().heal();
        line.proxy.listen_again().await.expect("it listens");
        assert_eq!(texts(&in_time(send(&pool, &["INCR n"])).await), ["1"]);
        let own = connections_of(&line.server, "matching").await;
        assert_eq!(own.len(), 1, "{own:?}");
    })
    .await;
}
