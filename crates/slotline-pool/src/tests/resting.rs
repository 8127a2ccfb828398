//! What an idle connection holds on to.

use allocation_counter::measure;
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::time::sleep;

use super::server::{pipes, read_commands, shake_hands};
use super::waiting::far;
use super::*;

/// At most so much, whatever it has needed before.
const LITTLE: i64 = 48 << 10;

/// What a pool lets go of in the end, ten seconds after many callers had their
/// replies all at once.
fn held(builder: PoolBuilder) -> i64 {
    const CALLERS: usize = 10_000;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let (connector, mut streams) = pipes(1 << 20);
    let server = async move {
        let mut stream: DuplexStream = streams.recv().await.unwrap();
        shake_hands(&mut stream, 3).await;
        read_commands(&mut stream, CALLERS).await;
        stream.write_all(&b"+OK\r\n".repeat(CALLERS)).await.unwrap();
        let more = read_commands(&mut stream, 1);
        if tokio::time::timeout(Duration::from_secs(10), more)
            .await
            .is_ok()
        {
            stream.write_all(b"+PONG\r\n").await.unwrap();
        }
        // What it holds itself is kept until all has been measured.
        stream
    };
    let client = async {
        let pool = builder.connector(connector).build();
        pool.connect().await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..CALLERS {
            tasks.spawn(send(&pool, &["GET k"]));
        }
        for answer in tasks.join_all().await {
            assert_eq!(texts(&answer), ["OK"]);
        }
        sleep(Duration::from_secs(10)).await;
        assert!(pool.statistics().connected);
        pool
    };
    let (pool, server) = runtime.block_on(async { tokio::join!(client, server) });
    let closed = measure(|| {
        runtime.block_on(async {
            drop(pool);
            sleep(Duration::from_secs(1)).await;
        });
    });
    drop(server);
    -closed.bytes_current
}

/// Fails where the driver, or what it shares with its callers, keeps what it has grown to.
#[test]
fn an_idle_connection_lets_go_of_what_many_callers_have_needed() {
    let never = held(builder(&far()).never_ping());
    assert!(never > 8 * LITTLE, "{never} bytes: nothing to let go of");
    let (after, deadline) = (Duration::from_secs(5), Duration::from_secs(2));
    let idle = held(builder(&far()).ping_when_idle(after, deadline));
    assert!(idle <= LITTLE, "{idle} bytes of {never}");
}
