//! What a client cannot be made of: one clear error that says which node and
//! which step, and nothing is left running.

use std::error::Error as StdError;
use std::net::SocketAddr;
use std::time::Duration;

use slotline::{Client, ClientBuilder, Delivery, Discovery, Error};
use slotline_tests::{
    PATIENCE, Peer, connections_of, heard, in_time, on_shared_cluster, server, until,
};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

const PASSWORD: &str = "hunter2-sentinel";
const WAYS: [Discovery; 3] = [Discovery::Auto, Discovery::Cluster, Discovery::SingleNode];

/// All that an error says, its sources included.
fn all_words(error: &Error) -> String {
    let mut words = format!("{error}\n{error:?}\n{error:#?}");
    let mut source = error.source();
    while let Some(cause) = source {
        words.push_str(&format!("\n{cause}\n{cause:?}"));
        source = cause.source();
    }
    words
}

/// The error of a connect that fails, after what is true of all of them.
async fn error_of(builder: ClientBuilder) -> Error {
    let error = in_time(builder.connect()).await;
    let error = error.expect_err("there is nothing to connect to");
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert!(
        !all_words(&error).contains(PASSWORD),
        "{}",
        all_words(&error)
    );
    assert!(!error.to_string().contains('\n'), "{error}");
    error
}

fn names(error: &Error, address: SocketAddr, step: &str) {
    let text = error.to_string();
    assert!(text.contains(&address.to_string()), "{text}");
    let node = error.node().map(ToString::to_string);
    assert_eq!(node, Some(address.to_string()), "{text}");
    assert_eq!(error.step(), Some(step), "{text}");
    assert!(text.contains(step), "{text}");
    // The node and the step are said once.
    assert_eq!(text.matches(&address.to_string()).count(), 1, "{text}");
}

fn to(address: SocketAddr) -> ClientBuilder {
    let url = format!("redis://:{PASSWORD}@{address}");
    Client::builder().nodes([url]).client_name("unlucky")
}

async fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    listener.local_addr().expect("its address")
}

/// Fails when an unknown parameter is passed over.
#[tokio::test]
async fn a_url_that_makes_no_sense_says_what_is_wrong_with_it() {
    let secret = format!(":{PASSWORD}@127.0.0.1:6379");
    for (url, said) in [
        (format!("http://{secret}"), "http://"),
        (format!("redis://{secret}?colour=blue"), "colour"),
        (
            format!("redis://{secret}?read_from=everywhere"),
            "everywhere",
        ),
        (format!("redis://{secret}/first"), "first"),
        (format!("redis://:{PASSWORD}@127.0.0.1:99999"), "99999"),
        (format!("redis://:{PASSWORD}@"), "host"),
        (secret.clone(), "redis://"),
        (String::new(), "redis://"),
    ] {
        let error = error_of(Client::builder().nodes([&url])).await;
        assert!(error.is_config(), "{url}: {error}");
        assert!(error.to_string().contains(said), "{url}: {error}");
    }
    let none: [&str; 0] = [];
    let error = error_of(Client::builder().nodes(none)).await;
    assert!(error.is_config(), "{error}");
}

/// Fails when the error does not say its node.
#[tokio::test]
async fn when_no_node_can_be_reached_each_is_named() {
    let (first, second) = (closed_port().await, closed_port().await);
    for discovery in WAYS {
        let error = error_of(to(first).discovery(discovery)).await;
        names(&error, first, "connect");
        assert!(error.is_network() && !error.is_timeout(), "{error}");
    }
    let both = to(first).nodes([format!("redis://{second}")]);
    let error = error_of(both).await;
    let text = error.to_string();
    assert!(
        text.contains(&first.to_string()) && text.contains(&second.to_string()),
        "{text}"
    );
    // One that can be reached is enough.
    let server = server().await;
    let seeds = [format!("redis://{first}"), server.url()];
    let client = in_time(Client::builder().nodes(seeds).connect()).await;
    assert_eq!(
        client.expect("a client").ping().await.expect("PING"),
        "PONG"
    );
}

/// Fails when a server that is in no cluster is taken for one node of a cluster.
#[tokio::test]
async fn a_server_that_is_in_no_cluster_is_no_cluster() {
    let server = server().await;
    let builder = Client::builder()
        .nodes([server.url()])
        .client_name("unlucky");
    let error = error_of(builder.discovery(Discovery::Cluster)).await;
    let text = error.to_string();
    assert!(text.contains(&server.address().to_string()), "{text}");
    assert!(
        text.contains("cluster mode") && error.is_cluster(),
        "{text}"
    );
    let node = error.node().map(ToString::to_string);
    assert_eq!(node, Some(server.address().to_string()), "{text}");
    let gone = async || connections_of(&server, "unlucky").await.is_empty();
    until("the client has left", gone).await;
}

/// Fails when the password is repeated.
#[tokio::test]
async fn a_wrong_password_is_said_at_once_and_not_repeated() {
    let server = server().await;
    // On a connection that is authenticated already, and stays so.
    let require = ["CONFIG", "SET", "requirepass", "the right one"];
    server.call(&require).await.expect("requirepass");
    for discovery in WAYS {
        let error = error_of(to(server.address()).discovery(discovery)).await;
        names(&error, server.address(), "AUTH");
        assert_eq!(error.code(), Some("WRONGPASS"), "{error}");
        let user = format!("redis://nobody:{PASSWORD}@{}", server.address());
        let error = error_of(Client::builder().nodes([user]).discovery(discovery)).await;
        assert_eq!(
            (error.step(), error.code()),
            (Some("AUTH"), Some("WRONGPASS")),
            "{error}"
        );
        let nothing = Client::builder().nodes([server.url()]);
        let error = error_of(nothing.discovery(discovery)).await;
        assert_eq!(error.code(), Some("NOAUTH"), "{error}");
        assert!(
            error.to_string().contains(&server.address().to_string()),
            "{error}"
        );
    }
    let alone = async || {
        let list: String = server.ask(&["CLIENT", "LIST"]).await.expect("a list");
        list.lines().count() == 1
    };
    until("nobody is connected but the test", alone).await;
    let right = Client::builder()
        .nodes([server.url()])
        .credentials(None, "the right one");
    let client = in_time(right.connect()).await.expect("the right password");
    assert_eq!(client.ping().await.expect("PING"), "PONG");
}

/// A user who may not ask for the cluster's view is told so.
#[test]
fn a_user_who_may_not_see_the_cluster_is_told_which_command_was_refused() {
    on_shared_cluster(async |cluster| {
        let node = &cluster.nodes()[0];
        let rules = [
            "ACL",
            "SETUSER",
            "blind",
            "on",
            ">sees-nothing",
            "~*",
            "+@all",
            "-cluster",
        ];
        node.call(&rules).await.expect("ACL SETUSER");
        let builder = Client::builder()
            .nodes([node.url()])
            .client_name("blind")
            .credentials(Some("blind"), "sees-nothing");
        let error = error_of(builder).await;
        let text = error.to_string();
        assert!(text.contains(&node.address().to_string()), "{text}");
        assert!(
            text.contains("CLUSTER SLOTS") && all_words(&error).contains("NOPERM"),
            "{text}"
        );
        assert!(!all_words(&error).contains("sees-nothing"), "{text}");
        let gone = async || connections_of(node, "blind").await.is_empty();
        until("the client has left", gone).await;
    });
}

/// Answers every connection with `answer`, once the client has said something.
async fn answering(answer: &'static [u8]) -> Peer {
    Peer::start(move |mut stream: TcpStream| async move {
        heard(&mut stream).await?;
        stream.write_all(answer).await.ok()?;
        Some(stream)
    })
    .await
}

/// Fails when the error does not say its node.
#[tokio::test]
async fn a_server_that_speaks_no_resp_is_left_at_once() {
    for answer in [
        &b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"+OK\r\n+OK\r\n+OK\r\n+OK\r\n",
        b"*99999999999999999999\r\n",
        b"$-7\r\n",
        b"%1\r\n+proto\r\n",
    ] {
        let peer = answering(answer).await;
        for discovery in WAYS {
            let builder = to(peer.address()).discovery(discovery);
            let builder = builder.connect_timeout(Duration::from_millis(500));
            let error = error_of(builder).await;
            names(&error, peer.address(), "HELLO");
        }
        assert!(peer.accepted() >= WAYS.len());
        in_time(peer.is_left_alone()).await;
    }
}

/// Fails when there is no deadline over the handshake: it hangs.
#[tokio::test]
async fn a_server_that_stays_silent_costs_the_connect_timeout() {
    let peer = Peer::start(async |stream: TcpStream| Some(stream)).await;
    for discovery in WAYS {
        let builder = to(peer.address()).discovery(discovery);
        let error = error_of(builder.connect_timeout(Duration::from_millis(300))).await;
        names(&error, peer.address(), "HELLO");
        assert!(error.is_timeout(), "{error}");
    }
    assert!(peer.accepted() >= WAYS.len());
    in_time(peer.is_left_alone()).await;
}

/// A hook that waits for ever is under the same deadline, and is named.
///
/// Fails when there is no deadline over the dial: it hangs.
#[tokio::test]
async fn a_hook_that_never_ends_costs_the_connect_timeout() {
    let server = server().await;
    let stuck = slotline::hook("stuck", |_: slotline::Setup| std::future::pending());
    let builder = Client::builder()
        .nodes([server.url()])
        .client_name("unlucky");
    let builder = builder
        .init_hook(stuck)
        .connect_timeout(Duration::from_millis(300));
    let error = error_of(builder).await;
    names(&error, server.address(), "init hook 1 (stuck)");
    assert!(error.is_timeout(), "{error}");
    let gone = async || connections_of(&server, "unlucky").await.is_empty();
    until("the client has left", gone).await;
}

/// Whoever stops waiting leaves nothing behind, wherever it was.
///
/// Fails when a dial goes on without its client.
#[tokio::test]
async fn a_connect_that_is_given_up_leaves_nothing_connected() {
    let peer = Peer::start(async |stream: TcpStream| Some(stream)).await;
    // Longer than the test waits: nothing but the end of its caller ends the dial.
    let connect = to(peer.address()).connect_timeout(2 * PATIENCE).connect();
    let given_up = tokio::time::timeout(Duration::from_millis(100), connect).await;
    assert!(given_up.is_err());
    let dialled = async || peer.accepted() > 0;
    until("it had begun to dial", dialled).await;
    in_time(peer.is_left_alone()).await;
}
