//! D11: a name that means another address than before.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use slotline::{Address, Client, Network};
use slotline_tests::{connections_of, in_time, kill, server, until};

/// Fails when only the first of several addresses is tried (`network.rs` of the pool):
/// nothing listens there. A resolver that kept its answer would lead back to the old
/// server.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_resolved_at_every_dial_and_all_its_addresses_are_tried() {
    let (old, new) = (server().await, server().await);
    old.call(&["SET", "who", "old"]).await.unwrap();
    new.call(&["SET", "who", "new"]).await.unwrap();
    // A port that is taken, and at which nobody listens.
    let dead = tokio::net::TcpSocket::new_v4().unwrap();
    dead.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let dead = dead.local_addr().map(|address| (dead, address)).unwrap();
    let answer: Arc<Mutex<Vec<SocketAddr>>> = Arc::new(Mutex::new(vec![dead.1, old.address()]));
    let asked = Arc::new(AtomicUsize::new(0));
    let resolver = {
        let (answer, asked) = (Arc::clone(&answer), Arc::clone(&asked));
        move |address: Address| {
            assert_eq!(address.host(), Some("db.slotline.example"));
            asked.fetch_add(1, Ordering::Relaxed);
            let found = answer.lock().unwrap().clone();
            async move { Ok(found) }
        }
    };
    let client = Client::builder()
        .nodes(["redis://db.slotline.example:6379"])
        .connector(Network::new().resolver(resolver))
        .client_name("named");
    let client = client.connect().await.unwrap();
    assert_eq!(client.get::<String>("who").await.unwrap(), "old");

    *answer.lock().unwrap() = vec![dead.1, new.address()];
    // A connection that stands is left alone.
    assert_eq!(client.get::<String>("who").await.unwrap(), "old");
    let before = asked.load(Ordering::Relaxed);
    assert!(kill(&old, &connections_of(&old, "named").await).await > 0);
    until("the name has been asked for again", async || {
        in_time(client.get::<String>("who"))
            .await
            .is_ok_and(|who| who == "new")
    })
    .await;
    assert!(asked.load(Ordering::Relaxed) > before);
    assert!(connections_of(&old, "named").await.is_empty());
}
