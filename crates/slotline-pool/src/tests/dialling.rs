//! The recipe before anyone can use a connection (S1, S3), and dials that fail.

use std::sync::atomic::Ordering::SeqCst;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::server::{HELLO, OK, Server, listen, pipes, read_commands, script, shake_hands, usual};
use super::*;
use crate::{Credentials, Intent, Mode, Protocol, Role};

async fn refusing(name: &'static str, reply: &'static str) -> Server {
    Server::start(move |_, command| {
        Some(match command.join(" ").starts_with(name) {
            true => format!("-{reply}\r\n").into_bytes(),
            false => usual(command),
        })
    })
    .await
}

#[tokio::test]
async fn the_recipe_is_one_round_trip() {
    let server = Server::start(|_, command| Some(usual(command))).await;
    let pool = builder(&server.address)
        .intent(Intent::ReadOnly)
        .credentials(Credentials::new(None, "secret"))
        .client_name("tester")
        .database(3)
        .build();
    let greeting = pool.connect().await.unwrap();
    assert_eq!(greeting.protocol(), Protocol::Resp3);
    assert_eq!(
        (greeting.server(), greeting.version()),
        (Some("redis"), Some("7.0.15"))
    );
    assert_eq!(
        (greeting.mode(), greeting.role()),
        (Mode::Cluster, Role::Unknown)
    );
    assert_eq!(pool.greeting(), Some(greeting));
    let version = concat!("CLIENT SETINFO LIB-VER ", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        *server.log.lock().unwrap(),
        [[
            "HELLO 3 AUTH default secret",
            "CLIENT SETINFO LIB-NAME slotline",
            version,
            "CLIENT SETNAME tester",
            "SELECT 3",
            "READONLY"
        ]]
    );
}

#[tokio::test]
async fn names_are_best_effort() {
    let server = refusing("CLIENT", "ERR unknown command").await;
    let pool = builder(&server.address).client_name("tester").build();
    pool.connect().await.unwrap();
}

#[tokio::test]
async fn required_steps_name_themselves() {
    for (refused, reply, step, code) in [
        ("SELECT", "ERR DB index is out of range", "SELECT", "ERR"),
        ("READONLY", "NOPERM no", "READONLY", "NOPERM"),
        (
            "HELLO",
            "WRONGPASS invalid username-password pair",
            "AUTH",
            "WRONGPASS",
        ),
        ("HELLO", "NOAUTH HELLO must be called", "HELLO", "NOAUTH"),
        (
            "HELLO",
            "DENIED Redis is running in protected mode",
            "HELLO",
            "DENIED",
        ),
        ("HELLO", "ERR max number of clients reached", "HELLO", "ERR"),
    ] {
        let server = refusing(refused, reply).await;
        let builder = builder(&server.address)
            .database(9)
            .intent(Intent::ReadOnly);
        let pool = builder
            .credentials(Credentials::new(Some("me"), "sesame"))
            .build();
        let error = pool.connect().await.unwrap_err();
        assert_eq!(
            (error.step(), error.code()),
            (Some(step), Some(code)),
            "{error}"
        );
        assert!(error.is_handshake() && !pool.is_reachable());
        assert_eq!(error.is_network(), reply.contains("max number"));
        let text = error.to_string();
        assert!(
            text.contains(&server.address.to_string()) && text.contains(reply),
            "{text}"
        );
        assert!(!format!("{error:?} {text} {pool:?}").contains("sesame"));
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[tokio::test]
async fn readonly_is_for_cluster_mode_only() {
    let disabled = "ERR This instance has cluster support disabled";
    for resp2 in [false, true] {
        let server = Server::start(move |_, command| {
            Some(match command[0].as_str() {
                "HELLO" if resp2 => b"-ERR unknown command 'HELLO'\r\n".to_vec(),
                "HELLO" => String::from_utf8_lossy(HELLO)
                    .replace("cluster", "standalone")
                    .into(),
                "READONLY" => format!("-{disabled}\r\n").into_bytes(),
                _ => usual(command),
            })
        })
        .await;
        let pool = builder(&server.address).intent(Intent::ReadOnly).build();
        let mode = pool.connect().await.unwrap().mode();
        assert_eq!(
            mode,
            if resp2 {
                Mode::Unknown
            } else {
                Mode::Standalone
            }
        );
    }
}

/// A server that knows no HELLO gets AUTH alone, answered before anything else
/// is sent: some swallow its error when replies are pending (A3).
#[tokio::test]
async fn resp2_authenticates_first_and_alone() {
    for hello in [
        "NOPROTO no",
        "ERR unknown command `HELLO`, with args beginning with: `3` `s3same`",
    ] {
        let address = script(move |_, mut stream| async move {
            let first = read_commands(&mut stream, 4).await;
            assert_eq!(first[0][..2], ["HELLO", "3"]);
            let refused = format!("-{hello}\r\n-NOAUTH x\r\n-NOAUTH x\r\n-NOAUTH x\r\n");
            stream.write_all(refused.as_bytes()).await.unwrap();
            let auth = read_commands(&mut stream, 1).await;
            assert_eq!(auth, [["AUTH", "me", "s3same"]]);
            tokio::task::yield_now().await;
            let more = stream.try_read(&mut [0; 8]).unwrap_err();
            assert_eq!(more.kind(), std::io::ErrorKind::WouldBlock);
            stream.write_all(OK).await.unwrap();
            let rest = read_commands(&mut stream, 3).await;
            assert_eq!(rest[2], ["READONLY"]);
            stream.write_all(b"+OK\r\n+OK\r\n+OK\r\n").await.unwrap();
            let get = read_commands(&mut stream, 1).await;
            stream.write_all(&usual(&get[0])).await.unwrap();
            let _ = stream.read(&mut [0]).await;
        })
        .await;
        let credentials = Credentials::new(Some("me"), "s3same");
        let builder = builder(&address)
            .credentials(credentials)
            .intent(Intent::ReadOnly);
        let pool = builder.build();
        let greeting = pool.connect().await.unwrap();
        assert_eq!(
            (greeting.protocol(), greeting.version()),
            (Protocol::Resp2, None)
        );
        assert_eq!(texts(&send(&pool, &["GET k"]).await), ["k"]);
    }
}

#[tokio::test]
async fn a_wrong_password_in_resp2_is_told_without_it() {
    let server = Server::start(|_, command| {
        Some(match command[0].as_str() {
            "HELLO" => b"-ERR unknown command\r\n".to_vec(),
            "AUTH" => {
                b"-ERR unknown command `AUTH`, with args beginning with: `s3same`\r\n".to_vec()
            }
            _ => usual(command),
        })
    })
    .await;
    let pool = builder(&server.address)
        .credentials(Credentials::new(None, "s3same"))
        .build();
    let error = pool.connect().await.unwrap_err();
    assert_eq!((error.step(), error.code()), (Some("AUTH"), Some("ERR")));
    let shown = format!("{error} {error:?} {:?}", std::error::Error::source(&error));
    assert!(!shown.contains("s3same"), "{shown}");
}

/// E8: who must have RESP3 is told that there is none, and who wants RESP2 asks
/// for nothing else.
#[tokio::test]
async fn the_protocol_can_be_said() {
    let refuses = || refusing("HELLO", "NOPROTO unsupported protocol version");
    for (server, protocol, spoken) in [
        (refuses().await, None, Some(Protocol::Resp2)),
        (refuses().await, Some(Protocol::Resp3), None),
        (
            refuses().await,
            Some(Protocol::Resp2),
            Some(Protocol::Resp2),
        ),
        (refusing("-", "").await, None, Some(Protocol::Resp3)),
        (
            refusing("-", "").await,
            Some(Protocol::Resp3),
            Some(Protocol::Resp3),
        ),
        (
            refusing("-", "").await,
            Some(Protocol::Resp2),
            Some(Protocol::Resp2),
        ),
    ] {
        let builder = builder(&server.address);
        let pool = match protocol {
            Some(protocol) => builder.protocol(protocol).build(),
            None => builder.build(),
        };
        match (pool.connect().await, spoken) {
            (Ok(greeting), spoken) => assert_eq!(Some(greeting.protocol()), spoken),
            (Err(error), spoken) => {
                assert_eq!(spoken, None, "{error}");
                assert_eq!(
                    (error.step(), error.code()),
                    (Some("HELLO"), Some("NOPROTO"))
                );
                assert!(!error.is_network());
            }
        }
        let asked = server.names(0).contains(&"HELLO".to_owned());
        assert_eq!(asked, protocol != Some(Protocol::Resp2));
    }
}

/// E5: many connections are wanted at once, and few are in the making. Fails if
/// `dial` does not wait for its turn.
#[tokio::test(start_paused = true)]
async fn only_so_many_dials_are_under_way() {
    for (allowed, expected) in [(0, 1), (1, 1), (3, 3), (usize::MAX, 8)] {
        let (connector, mut streams) = pipes(1 << 10);
        let pool = builder(&Address::new("pipe", 1))
            .connector(connector)
            .connections(8)
            .max_dials(allowed)
            .connect_timeout(Duration::from_millis(1500))
            .build();
        let requests: Vec<_> = (0..8).map(|_| send(&pool, &["GET k"])).collect();
        let mut made = 0;
        while made < 8 {
            // As long as none is answered there are no more than these.
            tokio::time::sleep(Duration::from_secs(1)).await;
            let mut begun = Vec::new();
            while let Ok(stream) = streams.try_recv() {
                begun.push(stream);
            }
            assert_eq!(begun.len(), expected.min(8 - made));
            made += begun.len();
            for mut stream in begun {
                tokio::spawn(async move {
                    shake_hands(&mut stream, 3).await;
                    let get = read_commands(&mut stream, 1).await;
                    stream.write_all(&usual(&get[0])).await.unwrap();
                    let _ = stream.read(&mut [0]).await;
                });
            }
        }
        // Waiting for its turn has cost none of them its time.
        for request in requests {
            assert_eq!(texts(&request.await), ["k"]);
        }
        assert_eq!(
            (pool.statistics().dials, pool.statistics().failed_dials),
            (8, 0)
        );
    }
}

#[tokio::test]
async fn nobody_listening_is_a_network_error() {
    let (listener, address) = listen().await;
    drop(listener);
    let pool = builder(&address).build();
    assert!(pool.is_reachable(), "nothing is known yet");
    let error = pool.connect().await.unwrap_err();
    assert!(error.is_network() && !error.is_timeout());
    assert_eq!(
        (error.step(), error.address()),
        (Some("connect"), Some(&address))
    );
    assert!(!pool.is_reachable());
}

#[tokio::test]
async fn a_server_that_speaks_no_resp_is_told_as_such() {
    for (greeting, what) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "not RESP"),
        (b"220 mail.example ESMTP\r\n", "not RESP"),
        (b"\x15\x03\x01\x00\x02\x02\x16", "not RESP"),
        (b":7\r\n:7\r\n:7\r\n", "not a map"),
        (b"", "closed"),
        (b"%4\r\n+server\r\n", "closed"),
    ] {
        let address = script(move |_, mut stream| async move {
            read_commands(&mut stream, 3).await;
            let _ = stream.write_all(greeting).await;
        })
        .await;
        let pool = builder(&address).build();
        let error = pool.connect().await.unwrap_err();
        assert_eq!(error.step(), Some("HELLO"), "{error}");
        assert!(error.to_string().contains(what), "{error}");
    }
}

/// Half an answer, then silence: the one deadline over the dial ends it, names
/// the step, and the socket is closed (E7).
#[tokio::test]
async fn a_stuck_dial_ends_and_names_its_step() {
    let whole = [HELLO, OK, OK].concat();
    for cut in [
        0,
        1,
        HELLO.len() - 1,
        HELLO.len(),
        whole.len() - 1,
        whole.len(),
    ] {
        let (closed, was_closed) = tokio::sync::mpsc::unbounded_channel();
        let sent = whole[..cut].to_vec();
        let address = script(move |_, mut stream| {
            let (sent, closed) = (sent.clone(), closed.clone());
            async move {
                stream.write_all(&sent).await.unwrap();
                let mut all = Vec::new();
                let _ = stream.read_to_end(&mut all).await;
                closed.send(()).unwrap();
            }
        })
        .await;
        let mut was_closed = was_closed;
        let pool = builder(&address)
            .connect_timeout(Duration::from_millis(60))
            .init_hook(crate::hook("warm-up", |setup: crate::Setup| async move {
                setup.command("PING").await?;
                Ok(())
            }))
            .build();
        let error = pool.connect().await.unwrap_err();
        let step = if cut == whole.len() {
            "init hook 1 (warm-up)"
        } else {
            "HELLO"
        };
        assert_eq!(error.step(), Some(step), "after {cut} bytes: {error}");
        assert!(error.is_timeout() && error.is_network() && error.is_handshake());
        was_closed.recv().await.unwrap();
    }
}

/// The recipe is the same on every connection (S3).
#[tokio::test]
async fn a_reconnect_goes_through_the_same_recipe() {
    let server = Server::start(|_, command| Some(usual(command))).await;
    let pool = builder(&server.address)
        .intent(Intent::ReadOnly)
        .database(2)
        .build();
    for round in 1..=5 {
        assert_eq!(texts(&send(&pool, &["GET k"]).await), ["k"]);
        server.kill_clients();
        while server.dials() <= round || server.open.load(SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        pool.connect().await.unwrap();
    }
    let recipe = ["HELLO", "CLIENT", "CLIENT", "SELECT", "READONLY"];
    for index in 0..5 {
        assert_eq!(server.names(index)[..5], recipe);
    }
    assert_eq!(pool.statistics().connections_lost, 5);
}
