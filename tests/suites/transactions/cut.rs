//! Transactions whose connection is cut at every byte.

use slotline::{Client, Delivery};
use slotline_testkit::{Cut, FaultProxy, LocalServer, ProxyConnection};
use slotline_tests::{PATIENCE, connections, in_time, server, until};

/// What goes out: MULTI, INCR, INCR, EXEC; the keys are always as long.
const SENT: u64 = 15 + 2 * 26 + 14;
/// What comes back: +OK, twice +QUEUED, and two numbers in an array.
const ANSWERED: u64 = 5 + 2 * 9 + 4 + 2 * 4;

struct Line {
    server: LocalServer,
    proxy: FaultProxy,
    client: Client,
}

impl Line {
    async fn new() -> Line {
        let server = server().await;
        let proxy = FaultProxy::before(server.address()).await;
        let proxy = proxy.expect("a proxy");
        let client = Client::connect(proxy.url()).await.expect("connecting");
        Line {
            server,
            proxy,
            client,
        }
    }

    async fn connection(&self) -> ProxyConnection {
        in_time(self.client.ping()).await.expect("PING");
        let open = self.proxy.until_open(1, PATIENCE).await;
        open.expect("one connection");
        self.proxy.open().remove(0)
    }

    /// Sends the transaction of a round over a connection that is being cut. What is
    /// said of it, and what has run.
    async fn round(&self, round: usize, connection: &ProxyConnection) -> (Delivery, [i64; 2]) {
        let keys = ["a", "b"].map(|name| format!("{name}{round:05}"));
        let sent = self.client.transaction(|t| {
            for key in &keys {
                t.incr(key);
            }
        });
        let error = in_time(sent).await.expect_err("it was cut");
        assert!(error.is_network() && !error.is_timeout(), "{error}");
        let address = connection.seen_by_server().expect("it was passed on");
        let address = address.to_string();
        until("the server has closed the connection", async || {
            let all = connections(&self.server).await;
            all.iter().all(|it| it.address() != address)
        })
        .await;
        let mut ran = [0; 2];
        for (key, ran) in keys.iter().zip(&mut ran) {
            let value: Option<i64> = self.server.ask(&["GET", key]).await.expect("GET");
            *ran = value.unwrap_or_default();
        }
        (error.delivery(), ran)
    }
}

/// Fails when one that was written whole counts as not sent (`of_part` in
/// `route/future.rs`): it goes again, and nobody hears of the cut.
#[tokio::test]
async fn a_transaction_that_is_cut_at_any_byte_does_not_run_in_part() {
    let line = Line::new().await;
    let mut round = 0;
    for how in [Cut::Close, Cut::Reset] {
        for after in 0..SENT {
            round += 1;
            let connection = line.connection().await;
            connection.to_server().cut_beyond(after, how);
            let (said, ran) = line.round(round, &connection).await;
            assert_eq!(connection.to_server().traffic().cuts, 1);
            assert_eq!(ran, [0, 0], "{how:?} after {after} bytes");
            assert_eq!(said, Delivery::Ambiguous, "its bytes had been written");
        }
    }
    println!("{round} transactions cut");
}

/// Fails as the other does: it runs twice then.
#[tokio::test]
async fn a_transaction_whose_answer_is_cut_at_any_byte_runs_once_and_is_in_doubt() {
    let line = Line::new().await;
    let mut round = 0;
    for how in [Cut::Close, Cut::Reset] {
        for after in 0..ANSWERED {
            round += 1;
            let connection = line.connection().await;
            connection.to_client().cut_beyond(after, how);
            let (said, ran) = line.round(round, &connection).await;
            assert_eq!(connection.to_client().traffic().cuts, 1);
            assert_eq!(ran, [1, 1], "{how:?} after {after} bytes");
            assert_eq!(said, Delivery::Ambiguous);
        }
    }
    println!("{round} answers cut");
    // One byte more, and nothing is cut.
    let connection = line.connection().await;
    connection.to_server().cut_beyond(SENT, Cut::Close);
    connection.to_client().cut_beyond(ANSWERED, Cut::Close);
    let all = line.client.transaction(|t| {
        t.incr("a99999");
        t.incr("b99999");
    });
    let all: Vec<i64> = in_time(all)
        .await
        .expect("whole")
        .decode_all()
        .expect("two");
    assert_eq!(all, [1, 1]);
    assert_eq!(connection.to_client().traffic().cuts, 0);
}
