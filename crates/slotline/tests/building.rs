//! What needs no server: futures can be spawned, and settings that make no sense
//! are said before anything is dialled.
#![expect(clippy::panic, reason = "a test's own functions may fail it")]

use std::collections::HashMap;
use std::future::IntoFuture;
use std::time::Duration;

use slotline::{Client, Delivery, Discovery, Error, Value};
use tokio::net::TcpListener;

fn is_send<T: Send>(value: T) -> T {
    value
}

fn is_shared<T: Send + Sync + Clone + 'static>() {}

/// Never called: that it compiles is the test.
#[expect(dead_code, reason = "only its types matter")]
async fn every_future_can_be_spawned(client: Client) -> Result<(), Error> {
    is_shared::<Client>();
    let _: Option<String> = is_send(client.get("k").into_future()).await?;
    is_send(client.set("k", "v").nx().into_future()).await?;
    let _: Value = is_send(client.command("X").arg(1).into_future()).await?;
    let _: (i64,) = is_send(client.pipelined(|p| {
        p.incr("n");
    }))
    .await?;
    is_send(client.pipeline().send()).await?;
    let each = client.for_each_node(|node| async move { node.ping().await });
    is_send(each).await?;
    is_send(Client::connect("redis://h")).await?;
    let task = client.clone();
    tokio::spawn(async move { task.hgetall::<HashMap<String, String>>("h").await });
    Ok(())
}

async fn refused(client: slotline::ClientBuilder) -> Error {
    match client.connect().await {
        Ok(_) => panic!("the client connected"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn settings_that_make_no_sense_are_said_before_anything_is_dialled() {
    let error = refused(Client::builder()).await;
    assert!(error.is_config() && error.to_string().contains("no node was named"));
    let two = Client::builder().nodes(["redis://a", "redis://b"]);
    let error = refused(two.discovery(Discovery::SingleNode)).await;
    assert!(error.is_config() && error.to_string().contains("one node only"));
    assert_eq!(error.delivery(), Delivery::NotSent);
}

#[tokio::test]
async fn every_node_that_was_named_is_tried_and_each_reason_is_said() {
    // Bound and let go: nobody listens there.
    let closed = |listener: TcpListener| listener.local_addr().unwrap();
    let first = closed(TcpListener::bind("127.0.0.1:0").await.unwrap());
    let second = closed(TcpListener::bind("127.0.0.1:0").await.unwrap());
    let nodes = [format!("redis://{first}"), format!("redis://{second}")];
    let error = refused(Client::builder().nodes(nodes)).await;
    let text = error.to_string();
    for node in [first, second] {
        assert!(text.contains(&node.to_string()), "{text}");
    }
    assert!(error.is_network() && !error.is_config(), "{error:?}");
    assert_eq!(error.step(), Some("connect"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stays_silent_is_given_up_and_the_step_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let silent = tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            open.push(stream);
        }
    });
    let client = Client::builder()
        .nodes([format!("redis://:hunter2@{address}")])
        .connect_timeout(Duration::from_secs(1));
    let error = refused(client).await;
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(error.step(), Some("HELLO"));
    let text = format!("{error} {error:?}");
    assert!(
        text.contains(&address.to_string()) && !text.contains("hunter2"),
        "{text}"
    );
    silent.abort();
}
