//! Passwords that change while they are in use (E9).

use slotline_pool::{Credentials, Error, EventKind, Events, Pool, Protocol};
use slotline_testkit::Node;
use slotline_tests::{connections_of, in_time, kill, server, until};
use tokio::sync::watch;

use super::load::Load;
use crate::setting::{BOTH, admin, builder, send, texts};

fn app(password: &str) -> Credentials {
    Credentials::new(Some("app"), password)
}

async fn allow(node: &Node, password: &str) {
    admin(node, &format!("ACL SETUSER app on >{password} ~* +@all")).await;
}

async fn forbid(node: &Node, password: &str) {
    admin(node, &format!("ACL SETUSER app <{password}")).await;
}

/// The next event that `wanted` has something to say of.
async fn next<T>(events: &mut Events, wanted: impl Fn(EventKind) -> Option<T>) -> T {
    in_time(async {
        loop {
            let event = events.next().await.expect("the pool is there");
            if let Some(found) = wanted(event.expect("none is missed").kind) {
                return found;
            }
        }
    })
    .await
}

fn accepted(kind: EventKind) -> Option<()> {
    matches!(kind, EventKind::Reauthenticated).then_some(())
}

fn rejected(kind: EventKind) -> Option<Error> {
    match kind {
        EventKind::NotReauthenticated(error) => Some(error),
        _ => None,
    }
}

struct Rotated {
    rotate: watch::Sender<Credentials>,
    pool: Pool,
    events: Events,
}

async fn rotated(node: &Node, protocol: Protocol) -> Rotated {
    allow(node, "p0").await;
    let (rotate, current) = watch::channel(app("p0"));
    let pool = builder(node, "rotated")
        .protocol(protocol)
        .credentials(current)
        .never_ping()
        .build();
    let events = pool.events();
    pool.connect().await.expect("a connection");
    Rotated {
        rotate,
        pool,
        events,
    }
}

/// Rotated under load, to wrong passwords as well, no request fails and no reply
/// comes to the wrong one. Then every connection is killed, and the next one knows
/// the newest password.
///
/// Fails from version 7.2 on when AUTH goes as any other command does (in
/// `State::authenticate`, `submit` for `submit_own`, and `Reauth::holds_back` never):
/// the server says nothing of the wrong password, and replies shift. Fails at the end
/// when a dial uses the credentials that the pool was built with (in `dial`).
#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_rotated_under_load() {
    for protocol in BOTH {
        let server = server().await;
        let mut it = rotated(&server, protocol).await;
        let load = Load::start(&it.pool, 32);
        for turn in 1..=12 {
            load.go_on(100).await;
            if turn % 3 == 0 {
                it.rotate.send_replace(app("wrong"));
                let error = next(&mut it.events, rejected).await;
                assert_eq!(
                    (error.step(), error.code()),
                    (Some("AUTH"), Some("WRONGPASS"))
                );
                load.go_on(100).await;
            }
            let (old, new) = (format!("p{}", turn - 1), format!("p{turn}"));
            allow(&server, &new).await;
            it.rotate.send_replace(app(&new));
            next(&mut it.events, accepted).await;
            forbid(&server, &old).await;
        }
        let done = load.end().await;
        let statistics = it.pool.statistics();
        println!(
            "{protocol:?}: {done} requests, {} AUTHs",
            statistics.reauthentications
        );
        assert_eq!((statistics.dials, statistics.connections_lost), (1, 0));
        assert!(statistics.reauthentications >= 12);

        let killed = kill(&server, &connections_of(&server, "rotated").await).await;
        assert_eq!(killed, 1);
        until("it is noticed", async || {
            it.pool.statistics().connections_lost == 1
        })
        .await;
        assert_eq!(texts(&send(&it.pool, &["ECHO again"]).await), ["again"]);
        assert_eq!(it.pool.statistics().failed_dials, 0);
    }
}

/// An open connection survives that its user is switched off; the user's end is its
/// own, without a word. Then nobody gets in, and all who wait are told why.
///
/// Fails when the end of a stream is no end (in `Driver::read`, take it for nothing):
/// nothing is noticed, there being no pings here.
#[tokio::test]
async fn a_user_that_is_deleted_ends_its_connections() {
    for protocol in BOTH {
        let server = server().await;
        let mut it = rotated(&server, protocol).await;
        admin(&server, "ACL SETUSER app off").await;
        assert_eq!(texts(&send(&it.pool, &["ECHO off"]).await), ["off"]);
        admin(&server, "ACL DELUSER app").await;
        let lost = next(&mut it.events, |kind| match kind {
            EventKind::Lost(error) => Some(error),
            _ => None,
        });
        let lost = lost.await.to_string();
        assert!(lost.ends_with("closed by the server"), "{lost}");
        let answer = in_time(send(&it.pool, &["INCR n"])).await;
        let error = answer.failure.expect("nobody gets in").error;
        assert_eq!(
            (error.step(), error.code()),
            (Some("AUTH"), Some("WRONGPASS"))
        );
        assert!(!format!("{error} {error:?}").contains("p0"), "{error}");
        // It comes back, with another password.
        allow(&server, "p1").await;
        it.rotate.send_replace(app("p1"));
        assert_eq!(texts(&in_time(send(&it.pool, &["INCR n"])).await), ["1"]);
    }
}

/// The same through a client of the whole crate.
///
/// Fails when the client hands its pools the credentials that it was built with (in
/// `ClientBuilder::pool`).
#[tokio::test]
async fn a_client_takes_its_credentials_from_a_provider() {
    let server = server().await;
    allow(&server, "p0").await;
    let (rotate, current) = watch::channel(app("p0"));
    let client = slotline::Client::builder()
        .nodes([server.url()])
        .client_name("client")
        .credentials_provider(current);
    let client = client.connect().await.expect("a connection");
    assert_eq!(client.incr("n").await.expect("INCR"), 1);
    allow(&server, "p1").await;
    rotate.send_replace(app("p1"));
    forbid(&server, "p0").await;
    let killed = kill(&server, &connections_of(&server, "client").await).await;
    assert!(killed > 0);
    assert_eq!(in_time(client.get::<i64>("n")).await.expect("GET"), 1);
    let own = connections_of(&server, "client").await;
    assert!(own.iter().all(|it| it.field("user") == "app"), "{own:?}");
}
