//! Which protocol is spoken, and what is sent before anything else (E8).

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::server::{Server, pipes, read_commands, usual};
use super::waiting::far;
use super::*;
use crate::{Credentials, Intent, Protocol};

/// What a server says to HELLO that will not have it.
const REFUSALS: [&str; 3] = [
    "NOPROTO unsupported protocol version",
    "ERR unknown command `HELLO`, with args beginning with: `3`",
    "NOPERM this user has no permissions to run the 'hello' command",
];

async fn without_hello(refusal: &'static str) -> Server {
    Server::start(move |_, command| {
        Some(match command[0].as_str() {
            "HELLO" => format!("-{refusal}\r\n").into_bytes(),
            _ => usual(command),
        })
    })
    .await
}

#[tokio::test]
async fn a_server_without_hello_is_spoken_to_in_resp2_unless_resp3_is_asked_for() {
    for refusal in REFUSALS {
        let server = without_hello(refusal).await;
        let pool = builder(&server.address).build();
        assert_eq!(pool.connect().await.unwrap().protocol(), Protocol::Resp2);
        assert_eq!(texts(&send(&pool, &["GET k"]).await), ["k"]);

        let pool = builder(&server.address).protocol(Protocol::Resp3).build();
        let error = pool.connect().await.unwrap_err();
        assert_eq!(error.step(), Some("HELLO"));
        assert_eq!(error.code(), refusal.split(' ').next());
        assert!(!error.is_network() && error.is_handshake(), "{error}");
        // Nobody waits for what will not change.
        assert_eq!(fates(&send(&pool, &["GET k"]).await, 1), "-");
    }
}

#[tokio::test]
async fn with_resp2_asked_for_no_hello_is_sent() {
    let server = Server::start(|_, command| Some(usual(command))).await;
    let pool = builder(&server.address)
        .protocol(Protocol::Resp2)
        .intent(Intent::ReadOnly)
        .client_name("two")
        .credentials(Credentials::new(None, "p"))
        .build();
    let greeting = pool.connect().await.unwrap();
    assert_eq!(
        (greeting.protocol(), greeting.server()),
        (Protocol::Resp2, None)
    );
    let names = server.names(0);
    assert_eq!(names, ["AUTH", "CLIENT", "CLIENT", "CLIENT", "READONLY"]);
}

#[tokio::test]
async fn what_library_this_is_can_be_left_out() {
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let server = Server::start(|_, command| Some(usual(command))).await;
        let pool = builder(&server.address)
            .protocol(protocol)
            .library_info(false)
            .build();
        pool.connect().await.unwrap();
        // Something is asked all the same, or a server that takes nobody would
        // not have been heard.
        let expected = match protocol {
            Protocol::Resp2 => "PING",
            _ => "HELLO",
        };
        assert_eq!(server.names(0), [expected]);
    }
}

/// Of the answers to the PING that stands in for a recipe of nothing, some say
/// that the server is there, and others that it does not take us.
#[tokio::test(start_paused = true)]
async fn a_recipe_of_nothing_is_answered_all_the_same() {
    for (answer, is_ready) in [
        ("+PONG", true),
        ("-LOADING Redis is loading the dataset in memory", true),
        ("-MASTERDOWN Link with MASTER is down", true),
        ("-MISCONF Errors writing to the AOF file", true),
        ("-NOAUTH Authentication required.", false),
        ("-DENIED Redis is running in protected mode", false),
        ("-ERR max number of clients reached", false),
    ] {
        let (connector, mut streams) = pipes(1 << 16);
        let pool = builder(&far())
            .connector(connector)
            .protocol(Protocol::Resp2)
            .library_info(false)
            .build();
        tokio::spawn(async move {
            while let Some(mut stream) = streams.recv().await {
                assert_eq!(read_commands(&mut stream, 1).await, [["PING"]]);
                stream
                    .write_all(format!("{answer}\r\n").as_bytes())
                    .await
                    .unwrap();
                let _ = stream.read(&mut [0]).await;
            }
        });
        let outcome = pool.connect().await;
        assert_eq!(outcome.is_ok(), is_ready, "{answer}");
        if let Err(error) = outcome {
            assert_eq!(error.step(), Some("PING"));
        }
    }
}
