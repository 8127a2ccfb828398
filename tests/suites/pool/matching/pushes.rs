//! Out-of-band data between replies (A4).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use slotline_pool::{Protocol, Setup, hook};
use slotline_tests::in_time;
use tokio::task::JoinSet;

use super::line::Line;
use crate::setting::{send, texts};

/// Pipelines whose replies have pushes between them, before them and behind them:
/// those that the server is asked for, and those of client-side caching, for each
/// write of anybody. They come byte by byte.
///
/// Fails when a push is taken for a reply (in `Protocol::distribute` and
/// `Inbox::take_replies`, leave out what is done for a push).
#[tokio::test]
async fn pushes_inside_pipelines_are_nobodys_replies() {
    let line = Line::new(Protocol::Resp3).await;
    let tracking = hook("tracking", |setup: Setup| async move {
        let tracking = setup.command("CLIENT TRACKING").arg(["ON", "BCAST"]);
        tracking.await?;
        Ok(())
    });
    let pool = line.pool().init_hook(tracking).build();
    in_time(pool.connect()).await.expect("connecting");
    let pushes = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&pushes);
    let down = line.proxy.to_client();
    down.pieces(1).rewrite(move |frame| {
        seen.fetch_add(u64::from(frame.starts_with(b">")), Ordering::SeqCst);
        None
    });

    let mut tasks = JoinSet::new();
    for task in 0..20 {
        let pool = pool.clone();
        tasks.spawn(async move {
            for turn in 0..10 {
                let (key, value) = (format!("k:{task}"), format!("v:{task}:{turn}"));
                let lines = [
                    format!("SET {key} {value}"),
                    "DEBUG PROTOCOL push".to_owned(),
                    format!("GET {key}"),
                    "DEBUG PROTOCOL attrib".to_owned(),
                    format!("ECHO {key}.{turn}"),
                ];
                let got = texts(&send(&pool, &lines).await);
                let after = "Some real reply following the ";
                let expected = [
                    "OK".to_owned(),
                    format!("{after}push reply"),
                    value,
                    format!("{after}attribute"),
                    format!("{key}.{turn}"),
                ];
                assert_eq!(got, expected);
            }
        });
    }
    in_time(tasks.join_all()).await;

    let (pushes, traffic) = (pushes.load(Ordering::SeqCst), down.traffic());
    println!("{pushes} pushes among {} frames", traffic.frames);
    // One that each pipeline asked for, and one or more for what they wrote.
    assert!(pushes > 200);
    assert!(traffic.pieces > 20_000);
    let statistics = pool.statistics();
    assert_eq!((statistics.replies, statistics.in_flight), (1000, 0));
    assert_eq!((statistics.dials, statistics.connections_lost), (1, 0));
}
