//! Unix sockets.

use slotline::{Client, Discovery};
use slotline_pool::{Address, Pool};
use slotline_testkit::LocalServer;
use slotline_tests::{binary, connections_of, in_time, kill, until};

use super::{ask, carries_values};

async fn server() -> LocalServer {
    let server = LocalServer::builder(&binary()).unix_socket().start().await;
    server.expect("a server")
}

/// Fails when the pool goes to the server's port instead (then the server does
/// not see it at its socket), and when it does not find its way back.
#[tokio::test]
async fn a_pool_lives_on_a_unix_socket() {
    let server = server().await;
    let path = server.unix_socket().expect("a socket");
    let pool = Pool::builder(Address::unix(&path))
        .client_name("local")
        .build();
    in_time(carries_values(&pool)).await;
    let seen = connections_of(&server, "local").await;
    assert_eq!(seen.len(), 1);
    assert!(seen[0].field("flags").contains('U'), "{:?}", seen[0]);

    assert_eq!(kill(&server, &seen).await, 1);
    assert_eq!(in_time(ask(&pool, &["PING"])).await, "PONG");
    server.kill().expect("it is there");
    let lost = async || pool.statistics().connections_lost == 2;
    until("the pool has seen it go", lost).await;
    server.restart().await.expect("it starts again");
    assert_eq!(in_time(ask(&pool, &["PING"])).await, "PONG");
    let seen = connections_of(&server, "local").await;
    assert!(seen[0].field("flags").contains('U'), "{:?}", seen[0]);
}

#[tokio::test]
async fn a_url_leads_to_a_unix_socket() {
    let server = server().await;
    let path = server.unix_socket().expect("a socket");
    for (scheme, database) in [("unix", 2), ("redis+unix", 3)] {
        let url = format!(
            "{scheme}://{}?db={database}&client_name={scheme}",
            path.display()
        );
        let client = Client::connect(&url).await.expect("connecting");
        client.set("k", scheme).await.expect("SET");
        let value: Option<String> = client.get("k").await.expect("GET");
        assert_eq!(value.as_deref(), Some(scheme));
        let seen = connections_of(&server, scheme).await;
        assert!(seen[0].field("flags").contains('U'), "{:?}", seen[0]);
        assert_eq!(seen[0].field("db"), database.to_string());
        let endpoint = client.topology().primaries().count();
        assert_eq!(endpoint, 1);
    }
    let gone = format!("unix://{}.not", path.display());
    let client = Client::builder().nodes([gone]);
    let error = client.discovery(Discovery::SingleNode).connect().await;
    let error = error.expect_err("there is no such socket");
    assert_eq!(error.step(), Some("connect"));
    assert!(error.is_network(), "{error}");
    let shown = format!("unix:{}.not", path.display());
    assert!(error.to_string().contains(&shown), "{error}");
}
