//! Many callers, one connection.

use super::server::{Server, usual};
use super::*;

#[tokio::test]
async fn commands_of_many_tasks_share_a_connection() {
    let server = Server::start(|_, command| Some(usual(command))).await;
    let pool = builder(&server.address).build();
    let mut tasks = Vec::new();
    for task in 0..64 {
        let pool = pool.clone();
        tasks.push(tokio::spawn(async move {
            for turn in 0..20 {
                let (a, b) = (format!("a{task}.{turn}"), format!("b{task}.{turn}"));
                let lines = [format!("GET {a}"), format!("ECHO {b}"), format!("GET {a}")];
                let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
                assert_eq!(texts(&send(&pool, &lines).await), [a.clone(), b, a]);
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(server.dials(), 1);
    let statistics = pool.statistics();
    assert_eq!((statistics.commands, statistics.replies), (3840, 3840));
    assert_eq!((statistics.in_flight, statistics.queued_bytes), (0, 0));
    assert!(statistics.writes < 1280, "{} writes", statistics.writes);
}
