//! A server, a proxy before it, and pools that connect through that.

use slotline_pool::{Answer, Pool, PoolBuilder, Protocol};
use slotline_resp::{Commands, Delivery};
use slotline_testkit::{FaultProxy, LocalServer, ProxyConnection};
use slotline_tests::{PATIENCE, in_time, server};

use crate::setting::{BOTH, send, texts};

/// Runs a test once with pools that speak RESP2 and once with pools that speak RESP3.
pub async fn in_both(test: impl AsyncFn(Line)) {
    for protocol in BOTH {
        println!("{protocol:?}");
        test(Line::new(protocol).await).await;
    }
}

/// The three in a row. The server is seen past the proxy.
pub struct Line {
    pub server: LocalServer,
    pub proxy: FaultProxy,
    protocol: Protocol,
}

impl Line {
    pub async fn new(protocol: Protocol) -> Line {
        Line::with_buffers(protocol, None).await
    }

    /// With so many bytes of room in each buffer of the proxy.
    pub async fn with_buffers(protocol: Protocol, bytes: impl Into<Option<u32>>) -> Line {
        let server = server().await;
        let mut proxy = FaultProxy::builder(server.address());
        if let Some(bytes) = bytes.into() {
            proxy = proxy.buffers(bytes);
        }
        let proxy = proxy.start().await.expect("a proxy");
        Line {
            server,
            proxy,
            protocol,
        }
    }

    pub fn pool(&self) -> PoolBuilder {
        Pool::builder(self.proxy.address().into())
            .client_name("matching")
            .protocol(self.protocol)
    }

    /// What a connection is asked first.
    pub fn first_step(&self) -> &'static str {
        match self.protocol {
            Protocol::Resp2 => "session set-up",
            _ => "HELLO",
        }
    }

    /// The one connection that is open. It has answered something: one that has not
    /// before it is lost counts as a failed dial, and costs a pause.
    pub async fn connection(&self, pool: &Pool) -> ProxyConnection {
        assert_eq!(texts(&in_time(send(pool, &["PING"])).await), ["PONG"]);
        let open = self.proxy.until_open(1, PATIENCE).await;
        open.expect("one connection");
        self.proxy.open().remove(0)
    }

    /// A counter, as the server has it.
    pub async fn counter(&self, key: &str) -> Option<i64> {
        self.server.ask(&["GET", key]).await.expect("GET")
    }

    /// Waits until the server has seen the end of a connection: whatever it had got
    /// of it has run by then.
    pub async fn is_forgotten(&self, connection: &ProxyConnection) {
        let address = connection.seen_by_server().expect("it was passed on");
        let address = address.to_string();
        slotline_tests::until("the server has closed the connection", async || {
            let all = slotline_tests::connections(&self.server).await;
            all.iter().all(|it| it.address() != address)
        })
        .await;
    }
}

/// What is said of each of `count` commands: `+` for a reply, `x` for one that says
/// it was rejected, `?` for ambiguous, `-` for not sent.
pub fn fates(answer: &Answer, commands: &Commands) -> String {
    let fate = |(index, command): (usize, slotline_resp::CommandRef<'_>)| {
        if index < answer.replies.len() {
            let line = answer.replies.error_line(index);
            return match line.map(|line| Delivery::of_error(command.info(), line)) {
                None => '+',
                Some(Delivery::Rejected) => 'x',
                Some(other) => panic!("{other}"),
            };
        }
        let failure = answer
            .failure
            .as_ref()
            .expect("a reply, or why there is none");
        match failure.delivery(index) {
            Delivery::NotSent => '-',
            Delivery::Ambiguous => '?',
            other => panic!("{other}"),
        }
    };
    commands.iter().enumerate().map(fate).collect()
}
