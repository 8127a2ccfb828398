//! A server, a proxy before it, and pools that connect through that.

use std::time::Duration;

use slotline_pool::{Answer, Exchange, Pool, PoolBuilder, WhileAway};
use slotline_resp::{CommandBuffer, Commands, Delivery, Value};
use slotline_testkit::{FaultProxy, LocalServer, ProxyConnection};
use slotline_tests::{PATIENCE, in_time, server};
use tokio::time::Instant;

/// The three in a row. The server is seen past the proxy.
pub struct Line {
    pub server: LocalServer,
    pub proxy: FaultProxy,
}

impl Line {
    pub async fn new() -> Line {
        let server = server().await;
        let proxy = FaultProxy::before(server.address()).await.expect("a proxy");
        Line { server, proxy }
    }

    /// With so many bytes of room in each buffer of the proxy.
    pub async fn with_buffers(bytes: u32) -> Line {
        let server = server().await;
        let proxy = FaultProxy::builder(server.address()).buffers(bytes);
        let proxy = proxy.start().await.expect("a proxy");
        Line { server, proxy }
    }

    pub fn pool(&self) -> PoolBuilder {
        Pool::builder(self.proxy.address().into()).client_name("matching")
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

/// Commands of words.
pub fn words(lines: &[impl AsRef<str>]) -> Commands {
    let mut buffer = CommandBuffer::new();
    for line in lines {
        let mut words = line.as_ref().split(' ');
        buffer.begin_named(words.next().unwrap_or_default());
        for word in words {
            buffer.arg(word);
        }
    }
    buffer.freeze()
}

/// Later than anything here takes.
pub fn late() -> Instant {
    Instant::now() + PATIENCE + Duration::from_secs(30)
}

pub fn send(pool: &Pool, lines: &[impl AsRef<str>]) -> Exchange {
    pool.send(words(lines), late(), WhileAway::Wait)
}

/// The replies as text; there must be all of them.
pub fn texts(answer: &Answer) -> Vec<String> {
    assert!(answer.failure.is_none(), "{:?}", answer.failure);
    let text = |index| match answer.replies.decode::<Value>(index) {
        Some(Ok(Value::Int(number))) => number.to_string(),
        Some(Ok(value)) => value
            .as_str()
            .map_or_else(|| format!("{value:?}"), str::to_owned),
        other => format!("{other:?}"),
    };
    (0..answer.replies.len()).map(text).collect()
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

/// A fixed order of random numbers, the same in every run.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}
