//! The forms of the API, as the README shows them, on a cluster and on a server
//! that is in none.

use std::collections::HashMap;
use std::time::Duration;

use slotline::{Client, Value};
use slotline_tests::{cluster, server};

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
    let client = Client::connect(server.node().url()).await?;
    all_forms(&client).await?;
    assert_eq!(client.command("DBSIZE").returning::<u64>().await?, 301);
    Ok(())
}
