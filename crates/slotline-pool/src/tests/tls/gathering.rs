//! Small commands share records.

use tokio::sync::Notify;

use super::*;

/// Fails where each command goes out in a record of its own, however many do: a server
/// that has become the slower side then stays it.
#[tokio::test]
async fn behind_many_writes_without_an_answer_commands_go_out_together() {
    let authority = authority();
    let acceptor = usual_acceptor(&authority.issue(&["node"]).unwrap());
    let tls = trusting(&authority).build().unwrap();
    let answers = Arc::new(Notify::new());
    let told = Arc::clone(&answers);
    let pool = pool_to("node", tls, move |stream| {
        let (accepting, told) = (acceptor.accept(stream), Arc::clone(&told));
        async move {
            let mut stream = BufReader::new(accepting.await.unwrap());
            shake_hands(&mut stream, 3).await;
            told.notified().await;
            for _ in 0..41 {
                let command = read_commands(&mut stream, 1).await;
                stream.write_all(&usual(&command[0])).await.unwrap();
                stream.flush().await.unwrap();
            }
        }
    });
    pool.connect().await.unwrap();
    let before = pool.statistics().writes;
    let mut sent = Vec::new();
    for n in 0..40 {
        let mut exchange = Box::pin(send(&pool, &["GET k"]));
        assert!(poll_once(exchange.as_mut()).await.is_none());
        sent.push(exchange);
        while n < 16 && pool.statistics().writes - before <= n {
            tokio::task::yield_now().await;
        }
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let now = pool.statistics();
    assert_eq!(now.writes - before, 16);
    assert!(now.queued_bytes > 0);
    // What fills a record by itself waits for nobody, and takes the others along.
    let mut large = Box::pin(send(&pool, &[&format!("ECHO {}", "x".repeat(20_000))]));
    assert!(poll_once(large.as_mut()).await.is_none());
    while pool.statistics().writes - before == 16 {
        tokio::task::yield_now().await;
    }
    answers.notify_one();
    for exchange in sent.into_iter().chain([large]) {
        assert_eq!(fates(&exchange.await, 1), "+");
    }
    let writes = pool.statistics().writes - before;
    assert!(writes < 40, "{writes} writes");
}
