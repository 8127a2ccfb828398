//! The forms of the API, as the README shows them, on a cluster and on a server
//! that is in none.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use slotline::{Client, Delivery, Request, Value};
use slotline_tests::{cluster, server};
use tower::timeout::TimeoutLayer;
use tower::util::MapRequestLayer;

async fn all_forms(client: &Client) -> slotline::Result<()> {
    client.set("k", "v").ex(Duration::from_secs(60)).await?;
    assert!(!client.set("k", "other").nx().await?);
    let v: Option<String> = client.get("k").await?;
    assert_eq!(v.as_deref(), Some("v"));
    assert_eq!(client.get::<String>("k").await?, "v");
    let raw: Value = client.command("OBJECT").arg("ENCODING").key("k").await?;
    assert_eq!(raw.as_str(), Some("embstr"));

    let (n, v): (i64, Option<String>) = client
        .pipelined(|p| {
            p.incr("n");
            p.get("k");
        })
        .await?;
    assert_eq!((n, v.as_deref()), (1, Some("v")));

    let keys: Vec<String> = (0..300).map(|n| format!("h:{n}")).collect();
    let mut pipe = client.pipeline();
    for key in &keys {
        pipe.hset(key, [("name", key.as_str()), ("other", "x")]);
        pipe.hgetall(key);
    }
    let replies = pipe.send().await?;
    replies.check()?;
    assert_eq!(replies.len(), 600);
    for (index, reply) in replies.into_iter().enumerate() {
        if index % 2 == 0 {
            assert_eq!(reply.decode::<u64>()?, 2);
        } else {
            let fields: HashMap<String, String> = reply.decode()?;
            assert_eq!(fields["name"], keys[index / 2]);
        }
    }
    assert_eq!(client.ping().await?, "PONG");
    assert!(client.expire("k", Duration::from_millis(1500)).await?);
    assert_eq!(client.del("k").await?, 1);
    let many: Vec<Option<i64>> = client.mget(["{n}a", "{n}b"]).await?;
    assert_eq!(many, [None, None]);
    client
        .for_each_primary(|node| async move { node.command("CONFIG").arg("RESETSTAT").await })
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_works_on_a_cluster() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = cluster().await;
    let client = Client::connect(cluster.url()).await?;
    all_forms(&client).await?;
    let sizes = client
        .for_each_primary(|node| async move { node.command("DBSIZE").returning::<u64>().await })
        .await?;
    assert_eq!((sizes.len(), sizes.iter().sum()), (3, 301));
    let roles = client
        .for_each_replica(|node| async move { node.command("ROLE").await })
        .await?;
    assert_eq!(roles.len(), 3);
    let nodes = client
        .for_each_node(|node| async move { node.ping().await })
        .await?;
    assert_eq!(nodes.len(), 6);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_works_on_a_server_that_is_in_no_cluster() -> slotline::Result<()> {
    let server = server().await;
    // No setting makes a time overflow.
    let builder = Client::builder().nodes([server.node().url()]);
    let client = builder
        .timeout(Duration::MAX)
        .connect_timeout(Duration::MAX)
        .response_timeout(Duration::MAX)
        .connect()
        .await?;
    all_forms(&client).await?;
    assert_eq!(client.command("DBSIZE").returning::<u64>().await?, 301);
    Ok(())
}

/// Fails when the builder leaves its layers out of the stack.
#[tokio::test(flavor = "multi_thread")]
async fn layers_of_the_users_own_go_around_every_batch() -> Result<(), Box<dyn std::error::Error>> {
    let server = server().await;
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&seen);
    let count = MapRequestLayer::new(move |request: Request| {
        counter.fetch_add(request.len(), Ordering::Relaxed);
        request
    });
    let builder = Client::builder().nodes([server.node().url()]);
    let client = builder
        .layer(count)
        .layer(TimeoutLayer::new(Duration::from_millis(100)))
        .connect()
        .await?;
    client.set("k", "v").await?;
    let both: (String, i64) = client
        .pipelined(|p| {
            p.get("k");
            p.incr("n");
        })
        .await?;
    assert_eq!(both, ("v".to_owned(), 1));
    assert_eq!(seen.load(Ordering::Relaxed), 3);

    // The server sleeps for longer than the outer layer waits.
    let blocked = client.command("DEBUG").arg("SLEEP").arg("1").await;
    let error = blocked.err().ok_or("the timeout did not strike")?;
    assert_eq!(error.delivery(), Delivery::Ambiguous, "{error}");
    Ok(())
}
