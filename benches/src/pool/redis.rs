//! The `redis` crate's `MultiplexedConnection`.

use std::hint::black_box;
use std::net::SocketAddr;

use bytes::Bytes;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo, cmd};
use tokio::net::TcpStream;

use super::client::{Client, PATIENCE};
use super::counted::{Counted, Writes};

#[derive(Clone)]
pub(super) struct Redis {
    connection: MultiplexedConnection,
    writes: Writes,
}

impl Client for Redis {
    async fn connect(address: SocketAddr, count_writes: bool) -> Self {
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(PATIENCE));
        let writes = Writes::default();
        let connection = if count_writes {
            let stream = TcpStream::connect(address).await.expect("connects");
            stream.set_nodelay(true).expect("a socket");
            let stream = Counted::new(stream, writes.clone());
            let info = RedisConnectionInfo::default();
            let made = MultiplexedConnection::new_with_config(&info, stream, config).await;
            let (connection, driver) = made.expect("shakes hands");
            tokio::spawn(driver);
            connection
        } else {
            let client = redis::Client::open(format!("redis://{address}")).expect("an address");
            let made = client
                .get_multiplexed_async_connection_with_config(&config)
                .await;
            made.expect("connects")
        };
        Self { connection, writes }
    }

    async fn get(&mut self, key: &str) -> usize {
        let value = cmd("GET").arg(key).query_async(&mut self.connection).await;
        let value: Vec<u8> = value.expect("a value");
        black_box(value).len()
    }

    async fn get_all(&mut self, keys: &[String]) -> usize {
        let mut pipe = redis::Pipeline::with_capacity(keys.len());
        for key in keys {
            pipe.cmd("GET").arg(key);
        }
        let values = pipe.query_async(&mut self.connection).await;
        let values: Vec<Vec<u8>> = values.expect("values");
        black_box(values).iter().map(Vec::len).sum()
    }

    async fn set(&mut self, key: &str, value: &Bytes) {
        let mut command = cmd("SET");
        command.arg(key).arg(&value[..]);
        let set: redis::RedisResult<()> = command.query_async(&mut self.connection).await;
        set.expect("OK");
    }

    fn writes(&self) -> u64 {
        self.writes.get()
    }
}
