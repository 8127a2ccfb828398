//! TLS: who is trusted, who is refused, and how that is told.

use std::process::Command;
use std::time::Duration;

use slotline::{Client, Tls, TlsBuilder};
use slotline_pool::{Address, Pool};
use slotline_testkit::{Authority, Identity, LocalServer, LocalServerBuilder};
use slotline_tests::{binary, calls, connections_of, in_time, kill, skipped_without_tls, until};

use super::{ask, carries_values, send};

fn authority() -> Authority {
    Authority::new("of these tests").expect("an authority")
}

fn trusting(authority: &Authority) -> TlsBuilder {
    Tls::builder().root_pem(authority.certificate())
}

/// A server with this certificate; `None`, and the test is skipped, if the
/// program was built without TLS.
async fn server(
    identity: &Identity,
    authority: &Authority,
    more: impl FnOnce(LocalServerBuilder) -> LocalServerBuilder,
) -> Option<LocalServer> {
    let builder = LocalServer::builder(&binary()).tls(identity, authority);
    match more(builder).start().await {
        Ok(server) => Some(server),
        Err(error) => {
            skipped_without_tls(&error);
            None
        }
    }
}

fn address(server: &LocalServer) -> Address {
    server.tls_address().expect("a port for TLS").into()
}

fn url(server: &LocalServer, host: &str) -> String {
    format!(
        "rediss://{host}:{}",
        address(server).port().expect("a port")
    )
}

/// Fails when the pool speaks plain text (the server would see it at its other
/// port), and when a reconnect does.
#[tokio::test]
async fn a_pool_speaks_tls_on_every_connection() {
    let authority = authority();
    let identity = authority.issue(&["127.0.0.1"]).expect("a certificate");
    let Some(server) = server(&identity, &authority, |it| it).await else {
        return;
    };
    let tls = trusting(&authority).build().expect("settings");
    let pool = Pool::builder(address(&server))
        .client_name("encrypted")
        .tls(tls)
        .build();
    in_time(carries_values(&pool)).await;
    let there = address(&server).to_string();
    for lost in 1..4 {
        let seen = connections_of(&server, "encrypted").await;
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].field("laddr"), there);
        assert_eq!(kill(&server, &seen).await, 1);
        let gone = async || pool.statistics().connections_lost == lost;
        until("the pool has seen it go", gone).await;
        assert_eq!(in_time(ask(&pool, &["PING"])).await, "PONG");
    }
}

/// Fails when a connection falls back to plain text: then the server runs
/// something.
#[tokio::test]
async fn a_port_without_tls_is_never_spoken_to_in_plain_text() {
    let authority = authority();
    let server = slotline_tests::server().await;
    let before = calls(&server, "hello").await;
    let pool = Pool::builder(server.address().into())
        .tls(trusting(&authority).build().expect("settings"))
        .connect_timeout(Duration::from_secs(1))
        .build();
    let error = pool.connect().await.expect_err("no TLS there");
    assert_eq!(error.step(), Some("TLS"), "{error}");
    let url = format!("rediss://{}", server.address());
    let client = Client::builder()
        .nodes([url])
        .tls(trusting(&authority).build().expect("settings"));
    let client = client.connect_timeout(Duration::from_secs(1));
    let error = client.connect().await.expect_err("no TLS there");
    assert_eq!(error.step(), Some("TLS"), "{error}");
    assert_eq!(calls(&server, "hello").await, before);
}

/// Fails when a pool without TLS settings hangs at a port that wants TLS, or
/// takes what comes for an answer.
#[tokio::test]
async fn plain_text_at_a_port_for_tls_is_an_error_of_the_handshake() {
    let authority = authority();
    let identity = authority.issue(&["127.0.0.1"]).expect("a certificate");
    let Some(server) = server(&identity, &authority, |it| it).await else {
        return;
    };
    let pool = Pool::builder(address(&server)).build();
    let error = in_time(pool.connect()).await.expect_err("it wants TLS");
    assert_eq!(error.step(), Some("HELLO"), "{error}");
}

/// E10: the nodes are told by their IP addresses, the certificates are for names.
///
/// Fails when names are not verified (then it connects), and when the name that
/// was given is not the one that counts.
#[tokio::test]
async fn a_certificate_for_localhost_is_refused_by_ip_until_the_name_is_given() {
    let authority = authority();
    let identity = authority.issue(&["localhost"]).expect("a certificate");
    let Some(server) = server(&identity, &authority, |it| it).await else {
        return;
    };
    let connect = |tls: TlsBuilder, host: &str| {
        let tls = tls.build().expect("settings");
        let client = Client::builder().nodes([url(&server, host)]).tls(tls);
        in_time(client.connect())
    };
    let error = connect(trusting(&authority), "127.0.0.1").await;
    let error = error.expect_err("the name is another");
    assert_eq!(error.step(), Some("TLS"), "{error}");
    assert!(!error.is_network() && !error.is_timeout(), "{error}");
    let text = error.to_string();
    for part in [
        &*address(&server).to_string(),
        "\"127.0.0.1\"",
        "localhost",
        "server_name",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let by_address = |address: &Address| {
        assert_eq!(address.host(), Some("127.0.0.1"));
        Some("localhost".to_owned())
    };
    for (tls, host) in [
        (trusting(&authority).server_name("localhost"), "127.0.0.1"),
        (trusting(&authority).server_name_by(by_address), "127.0.0.1"),
        (trusting(&authority), "localhost"),
    ] {
        let client = connect(tls, host).await.expect("the right name");
        assert_eq!(client.ping().await.expect("PING"), "PONG");
    }
    let wrong = trusting(&authority).server_name("elsewhere");
    let error = connect(wrong, "127.0.0.1").await.expect_err("a wrong name");
    assert!(error.to_string().contains("elsewhere"), "{error}");
}

/// Fails when the chain or the time is not verified, and when such a refusal is
/// dialled again without end: those who wait are told after a few.
#[tokio::test]
async fn wrong_authorities_and_expired_certificates_are_refused() {
    let (ours, theirs) = (authority(), authority());
    let good = ours.issue(&["127.0.0.1"]).expect("a certificate");
    let expired = ours.issue_expired(&["127.0.0.1"]).expect("a certificate");
    for (identity, trusted, expected) in [
        (&good, &theirs, "invalid peer certificate"),
        (&expired, &ours, "expired"),
    ] {
        let Some(server) = server(identity, &ours, |it| it).await else {
            return;
        };
        let tls = trusting(trusted).build().expect("settings");
        let pool = Pool::builder(address(&server)).tls(tls).build();
        let answer = in_time(send(&pool, &[&["SET", "k", "v"]])).await;
        let failure = answer.failure.expect("nobody to send it to");
        assert_eq!(failure.first_unsent, 0);
        assert_eq!(failure.error.step(), Some("TLS"));
        assert!(!failure.error.is_network(), "{}", failure.error);
        assert!(
            failure.error.to_string().contains(expected),
            "{}",
            failure.error
        );
        let dials = pool.statistics().dials;
        assert!((1..=3).contains(&dials), "{dials} dials");
        assert_eq!(calls(&server, "hello").await, 0);
    }
}

/// Fails when the certificate is not given to a server that asks for it, and
/// when the server's refusal, which comes after the handshake, is taken for an
/// error of the network. Many times, since the refusal can be overtaken.
#[tokio::test]
async fn a_server_that_asks_for_a_client_certificate_gets_it() {
    let (authority, other) = (authority(), authority());
    let identity = authority.issue(&["127.0.0.1"]).expect("a certificate");
    let ask_for_it = |it: LocalServerBuilder| it.option("tls-auth-clients", "yes");
    let Some(server) = server(&identity, &authority, ask_for_it).await else {
        return;
    };
    let client = authority.issue(&["client"]).expect("a certificate");
    let stranger = other.issue(&["client"]).expect("a certificate");
    let with = |identity: &Identity| {
        trusting(&authority).client_certificate_pem(identity.certificate(), identity.key())
    };
    let tls = with(&client).build().expect("settings");
    let client = Client::builder()
        .nodes([url(&server, "127.0.0.1")])
        .tls(tls);
    let client = in_time(client.connect()).await.expect("a trusted client");
    assert_eq!(client.ping().await.expect("PING"), "PONG");
    for (tls, known) in [
        (trusting(&authority), "there is no client certificate"),
        (with(&stranger), "it could have a client certificate"),
    ] {
        let tls = tls.build().expect("settings");
        for _ in 0..20 {
            let pool = Pool::builder(address(&server)).tls(tls.clone()).build();
            let error = in_time(pool.connect()).await.expect_err("a stranger");
            assert_eq!(error.step(), Some("TLS"), "{error}");
            assert!(!error.is_network(), "{error}");
            assert!(error.to_string().contains(known), "{error}");
        }
    }
}

/// Where a test of its own name finds the server that another process started.
const URL: &str = "SLOTLINE_TESTS_TLS_URL";

/// The system's roots are where the environment says, which is read by a process
/// of its own.
///
/// Fails when a `rediss://` URL alone trusts nobody, or everybody.
#[tokio::test]
async fn a_url_alone_trusts_the_roots_of_the_system() {
    if let Ok(url) = std::env::var(URL) {
        let client = Client::connect(&url).await.expect("a trusted server");
        client.set("who", "the other process").await.expect("SET");
        return;
    }
    let authority = authority();
    let identity = authority.issue(&["127.0.0.1"]).expect("a certificate");
    let Some(server) = server(&identity, &authority, |it| it).await else {
        return;
    };
    let error = Client::connect(url(&server, "127.0.0.1")).await;
    let error = error.expect_err("a root that the system does not know");
    if error.is_config() {
        assert!(error.to_string().contains("no root certificate"), "{error}");
    } else {
        assert_eq!(error.step(), Some("TLS"), "{error}");
        assert!(error.to_string().contains("the system's"), "{error}");
    }

    let folder = tempfile::tempdir().expect("a folder");
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, authority.certificate()).expect("a file");
    let itself = std::env::current_exe().expect("this program");
    let (_, module) = module_path!().split_once("::").expect("a module");
    let name = format!("{module}::a_url_alone_trusts_the_roots_of_the_system");
    let mut other = Command::new(itself);
    other
        .args([&name, "--exact"])
        .env("SSL_CERT_FILE", &roots)
        .env_remove("SSL_CERT_DIR")
        .env(URL, url(&server, "127.0.0.1"));
    let ended = tokio::task::spawn_blocking(move || other.output());
    let ended = in_time(ended).await.expect("a thread").expect("a process");
    assert!(ended.status.success(), "{ended:?}");
    let who: String = server.ask(&["GET", "who"]).await.expect("GET");
    assert_eq!(who, "the other process");
}
