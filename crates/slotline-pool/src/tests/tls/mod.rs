//! Encrypted connections, over pipes: whom they trust, and what they say of
//! whom they do not.

mod gathering;

use std::error::Error as _;
use std::sync::Arc;

use slotline_testkit::{Authority, Identity};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    self, CertificateError, ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion,
};

use super::server::{read_commands, shake_hands, usual};
use super::*;
use crate::{Tls, TlsBuilder};

const SHORT: Duration = Duration::from_millis(300);

fn authority() -> Authority {
    Authority::new("of these tests").unwrap()
}

fn der(pem: &str) -> Vec<CertificateDer<'static>> {
    let certificates = CertificateDer::pem_slice_iter(pem.as_bytes());
    certificates.collect::<Result<_, _>>().unwrap()
}

fn roots(authority: &Authority) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(der(authority.certificate()));
    roots
}

/// A server that proves itself with `identity`, in these versions of TLS, and
/// wants its clients to have a certificate of `clients`.
fn acceptor(
    identity: &Identity,
    clients: Option<&Authority>,
    versions: &[&'static SupportedProtocolVersion],
) -> TlsAcceptor {
    let provider = Arc::new(ring::default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap();
    let config = match clients {
        None => config.with_no_client_auth(),
        Some(authority) => {
            let roots = Arc::new(roots(authority));
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            config.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let key = PrivateKeyDer::from_pem_slice(identity.key().as_bytes()).unwrap();
    let config = config.with_single_cert(der(identity.certificate()), key);
    TlsAcceptor::from(Arc::new(config.unwrap()))
}

/// Both versions, as servers have them.
fn usual_acceptor(identity: &Identity) -> TlsAcceptor {
    acceptor(identity, None, &[&TLS13, &TLS12])
}

/// A pool for the node `host` whose streams lead to `serve`.
fn pool_to<F>(
    host: &str,
    tls: Tls,
    serve: impl Fn(DuplexStream) -> F + Send + Sync + 'static,
) -> Pool
where
    F: Future<Output = ()> + Send + 'static,
{
    let connector = move |_, _| {
        let (near, far) = duplex(1 << 12);
        tokio::spawn(serve(far));
        async { Ok(near) }
    };
    builder(&Address::new(host, 6379))
        .connector(connector)
        .connect_timeout(Duration::from_secs(5))
        .tls(tls)
        .build()
}

/// A pool for the node `host`, which speaks TLS as `acceptor` does.
fn pool(host: &str, tls: Tls, acceptor: TlsAcceptor) -> Pool {
    pool_to(host, tls, move |stream| {
        let accepting = acceptor.accept(stream);
        async {
            // A client that goes away, or has no certificate, ends it.
            let Ok(stream) = accepting.await else {
                return;
            };
            let mut stream = BufReader::new(stream);
            while stream.fill_buf().await.is_ok_and(|bytes| !bytes.is_empty()) {
                let command = read_commands(&mut stream, 1).await;
                stream.write_all(&usual(&command[0])).await.unwrap();
                stream.flush().await.unwrap();
            }
        }
    })
}

/// That the node `host` is not used, in the step TLS, for a reason that has all
/// of `expected` in it, and that nobody waits for it to change.
async fn refused(host: &str, tls: Tls, acceptor: TlsAcceptor, expected: &[&str]) -> crate::Error {
    let pool = pool(host, tls, acceptor);
    let error = pool.connect().await.unwrap_err();
    assert_eq!(error.step(), Some("TLS"), "{error}");
    assert!(!error.is_network() && error.is_handshake(), "{error}");
    let text = error.to_string();
    for part in expected {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
    let answer = send(&pool, &["GET k"]).await;
    assert_eq!(fates(&answer, 1), "-");
    assert_eq!(answer.failure.unwrap().error.step(), Some("TLS"));
    let dials = pool.statistics().dials;
    assert!((2..=4).contains(&dials), "{dials} dials");
    error
}

fn trusting(authority: &Authority) -> TlsBuilder {
    Tls::builder().root_pem(authority.certificate())
}

#[tokio::test]
async fn a_server_with_the_right_name_is_used_in_every_version() {
    let authority = authority();
    let identity = authority.issue(&["node.example", "10.0.0.7", "::1"]);
    let identity = identity.unwrap();
    let large = "x".repeat(40_000);
    for version in [&TLS12, &TLS13] {
        for host in ["node.example", "10.0.0.7", "::1"] {
            let tls = trusting(&authority).build().unwrap();
            let pool = pool(host, tls, acceptor(&identity, None, &[version]));
            let requests: Vec<_> = (0..3)
                .map(|_| send(&pool, &["GET a", &format!("GET {large}"), "GET b"]))
                .collect();
            for request in requests {
                assert_eq!(texts(&request.await), ["a", large.as_str(), "b"]);
            }
            assert_eq!(pool.statistics().dials, 1);
        }
    }
}

/// As cluster nodes that are known by their IP addresses (E10).
#[tokio::test]
async fn a_certificate_for_another_name_is_refused_until_the_name_is_given() {
    let authority = authority();
    let identity = authority.issue(&["localhost", "*.db.example"]).unwrap();
    let tls = trusting(&authority).build().unwrap();
    let error = refused(
        "127.0.0.1",
        tls,
        usual_acceptor(&identity),
        &["127.0.0.1", "localhost", "*.db.example", "server_name"],
    )
    .await;
    // The library's own error, for whoever wants to know exactly.
    let library = error.source().and_then(|refused| refused.source());
    let library = library.unwrap().downcast_ref();
    assert!(
        matches!(
            library,
            Some(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForNameContext { .. }
            ))
        ),
        "{library:?}"
    );

    let by_port = |address: &Address| (address.port() == Some(6379)).then(|| "a.db.example".into());
    for tls in [
        trusting(&authority).server_name("localhost"),
        trusting(&authority).server_name_by(by_port),
    ] {
        let pool = pool("127.0.0.1", tls.build().unwrap(), usual_acceptor(&identity));
        assert_eq!(texts(&send(&pool, &["GET k"]).await), ["k"]);
    }
    // One that chooses nothing leaves it at the host.
    let tls = trusting(&authority).server_name_by(|_| None).build();
    let acceptor = usual_acceptor(&identity);
    refused("127.0.0.1", tls.unwrap(), acceptor, &["127.0.0.1"]).await;
}

#[tokio::test]
async fn a_server_that_nobody_trusted_vouches_for_is_refused() {
    let (ours, theirs) = (authority(), Authority::new("of somebody else").unwrap());
    let identity = theirs.issue(&["node"]).unwrap();
    let tls = trusting(&ours).build().unwrap();
    let expected = ["UnknownIssuer", "trusted: 1 given, not the system's"];
    refused("node", tls, usual_acceptor(&identity), &expected).await;
    // A second root is added to the first.
    let tls = trusting(&ours).root(der(theirs.certificate()).remove(0));
    let pool = pool("node", tls.build().unwrap(), usual_acceptor(&identity));
    pool.connect().await.unwrap();
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let authority = authority();
    let identity = authority.issue_expired(&["node"]).unwrap();
    let tls = trusting(&authority).build().unwrap();
    refused("node", tls, usual_acceptor(&identity), &["expired"]).await;
}

/// In TLS 1.3 the server looks at the client's certificate when the handshake is
/// over for the client: the refusal comes in place of the answer to HELLO.
#[tokio::test]
async fn a_server_that_wants_a_client_certificate_gets_the_one_that_was_given() {
    let (authority, other) = (authority(), Authority::new("of somebody else").unwrap());
    let server = authority.issue(&["node"]).unwrap();
    let client = authority.issue(&["client"]).unwrap();
    let stranger = other.issue(&["client"]).unwrap();
    for version in [&TLS12, &TLS13] {
        let acceptor = acceptor(&server, Some(&authority), &[version]);
        let with = |client: &Identity| {
            let builder = trusting(&authority);
            let builder = builder.client_certificate_pem(client.certificate(), client.key());
            builder.build().unwrap()
        };
        let pool = pool("node", with(&client), acceptor.clone());
        assert_eq!(texts(&send(&pool, &["GET k"]).await), ["k"]);

        let without = trusting(&authority).build().unwrap();
        let expected = ["the server refused", "there is no client certificate"];
        refused("node", without, acceptor.clone(), &expected).await;
        let expected = ["the server refused", "it could have a client certificate"];
        refused("node", with(&stranger), acceptor, &expected).await;
    }
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_told_as_such_and_never_spoken_to_in_plain_text() {
    let authority = authority();
    for answer in [
        &b"-ERR unknown command\r\n"[..],
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\0\0\0\0\0\0\0\0",
    ] {
        let (heard, mut seen) = tokio::sync::mpsc::unbounded_channel();
        let tls = trusting(&authority).build().unwrap();
        let pool = pool_to("node", tls, move |mut stream| {
            let heard = heard.clone();
            async move {
                let mut bytes = vec![0; 4096];
                let count = stream.read(&mut bytes).await.unwrap();
                let _ = stream.write_all(answer).await;
                bytes.truncate(count);
                let _ = stream.read_to_end(&mut bytes).await;
                heard.send(bytes).unwrap();
            }
        });
        let error = pool.connect().await.unwrap_err();
        assert_eq!((error.step(), error.is_network()), (Some("TLS"), false));
        assert!(error.to_string().contains("not TLS"), "{error}");
        let heard = seen.recv().await.unwrap();
        // A handshake record, and nothing of ours in it.
        assert_eq!(heard[0], 22);
        assert!(!heard.windows(5).any(|window| window == b"HELLO"));
    }
}

/// A server on its way up or down: worth trying again.
#[tokio::test]
async fn a_server_that_closes_amid_the_handshake_is_a_network_error() {
    let tls = trusting(&authority()).build().unwrap();
    let pool = pool_to("node", tls, |mut stream| async move {
        let _ = stream.read(&mut [0; 64]).await;
    });
    let error = pool.connect().await.unwrap_err();
    assert_eq!((error.step(), error.is_network()), (Some("TLS"), true));
}

/// One deadline over everything, and it names the step (E7).
#[tokio::test]
async fn a_server_that_stays_silent_is_given_up_in_the_step_that_it_was_in() {
    let authority = authority();
    let identity = authority.issue(&["node"]).unwrap();
    let tls = trusting(&authority).build().unwrap();
    for (answers_tls, step) in [(false, "TLS"), (true, "HELLO")] {
        let acceptor = usual_acceptor(&identity);
        let connector = move |_, _| {
            let (near, mut far) = duplex(1 << 12);
            let accepting = acceptor.clone();
            tokio::spawn(async move {
                if answers_tls {
                    let mut stream = accepting.accept(far).await.unwrap();
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                } else {
                    let _ = far.read_to_end(&mut Vec::new()).await;
                }
            });
            async { Ok(near) }
        };
        let pool = builder(&Address::new("node", 6379))
            .connector(connector)
            .tls(tls.clone())
            .connect_timeout(SHORT)
            .build();
        let error = pool.connect().await.unwrap_err();
        assert_eq!(error.step(), Some(step), "{error}");
        assert!(error.is_timeout() && error.is_network(), "{error}");
    }
}

/// It may end without the farewell that TLS has for that.
#[tokio::test]
async fn a_connection_that_ends_is_lost_like_any_other() {
    let authority = authority();
    let acceptor = usual_acceptor(&authority.issue(&["node"]).unwrap());
    for says_farewell in [false, true] {
        let acceptor = acceptor.clone();
        let tls = trusting(&authority).build().unwrap();
        let pool = pool_to("node", tls, move |stream| {
            let accepting = acceptor.accept(stream);
            async move {
                let mut stream = accepting.await.unwrap();
                shake_hands(&mut stream, 3).await;
                read_commands(&mut stream, 1).await;
                if says_farewell {
                    stream.shutdown().await.unwrap();
                }
            }
        });
        let answer = send(&pool, &["GET k"]).await;
        assert_eq!(fates(&answer, 1), "?");
        let error = answer.failure.unwrap().error;
        assert!(
            error.to_string().contains("closed by the server"),
            "{error}"
        );
    }
}

#[test]
fn settings_that_make_no_sense_are_told_without_what_they_hold() {
    let authority = authority();
    let identity = authority.issue(&["client"]).unwrap();
    let other = authority.issue(&["client"]).unwrap();
    let config = || {
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots(&authority))
            .with_no_client_auth()
    };
    let (certificate, key) = (identity.certificate(), identity.key());
    let broken = key.replace("-----END", "-----BEGIN");
    for (builder, what) in [
        (Tls::builder().root_pem(""), "holds no certificate"),
        (Tls::builder().root_pem(key), "holds no certificate"),
        (
            Tls::builder().root(CertificateDer::from(vec![1, 2, 3])),
            "root certificate cannot be used",
        ),
        (
            trusting(&authority).client_certificate_pem(key, key),
            "client certificate holds none",
        ),
        (
            trusting(&authority).client_certificate_pem(certificate, certificate),
            "private key holds none",
        ),
        (
            trusting(&authority).client_certificate_pem(certificate, &broken),
            "private key holds none",
        ),
        (
            trusting(&authority).client_certificate_pem(certificate, other.key()),
            "client certificate cannot be used",
        ),
        (
            trusting(&authority).client_config(config()),
            "exclude each other",
        ),
        (
            trusting(&authority).server_name("not a name"),
            "`not a name`",
        ),
        (
            trusting(&authority)
                .server_name("a")
                .server_name_by(|_| None),
            "exclude each other",
        ),
    ] {
        let shown = format!("{builder:?}");
        let error = builder.build().unwrap_err();
        assert!(
            error.is_config() && error.to_string().contains(what),
            "{error}"
        );
        let shown = format!("{shown} {error:?} {error}");
        let secret = key.lines().nth(1).unwrap();
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn a_whole_configuration_of_rustls_can_be_given() {
    let authority = authority();
    let identity = authority.issue(&["node"]).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(roots(&authority))
        .with_no_client_auth();
    let tls = Tls::builder().client_config(config).server_name("node");
    let pool = pool("10.0.0.7", tls.build().unwrap(), usual_acceptor(&identity));
    assert_eq!(texts(&send(&pool, &["GET k"]).await), ["k"]);
}

/// There is no host to go by, and no other name to guess.
#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_needs_a_name_to_be_encrypted() {
    let authority = authority();
    let identity = authority.issue(&["node"]).unwrap();
    let unix = |tls: TlsBuilder| {
        let acceptor = usual_acceptor(&identity);
        let connector = move |_, _| {
            let (near, far) = duplex(1 << 12);
            let accepting = acceptor.accept(far);
            tokio::spawn(async {
                if let Ok(mut stream) = accepting.await {
                    shake_hands(&mut stream, 3).await;
                    let _ = stream.read(&mut [0]).await;
                }
            });
            async { Ok(near) }
        };
        let pool = builder(&Address::unix("/run/a.sock")).connector(connector);
        pool.tls(tls.build().unwrap()).build()
    };
    let error = unix(trusting(&authority)).connect().await.unwrap_err();
    assert_eq!((error.step(), error.is_network()), (Some("TLS"), false));
    assert!(error.to_string().contains("server_name"), "{error}");
    let named = unix(trusting(&authority).server_name("node"));
    named.connect().await.unwrap();
}
