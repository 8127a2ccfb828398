//! Limits of the server's (G2): it closes the connection, without a word.

use slotline_pool::Pool;
use slotline_testkit::LocalServer;
use slotline_tests::{in_time, server, until};

use crate::matching::fates;
use crate::setting::{BOTH, admin, builder, send, texts, words};

const MIB: usize = 1 << 20;

/// What is sent ends the connection, is in doubt, and does not go again by itself:
/// the next one would end like it.
async fn ends_one_connection(server: &LocalServer, pool: &Pool, lines: &[String]) {
    in_time(pool.connect()).await.expect("a connection");
    let before = pool.statistics();
    let commands = words(lines);
    let answer = in_time(send(pool, lines)).await;
    // How much of it the system had taken is another matter.
    let fates = fates(&answer, &commands);
    let (large, behind) = fates.split_at(1);
    assert!(large == "?" && ["", "?", "-"].contains(&behind), "{fates}");
    let error = answer.failure.expect("no reply").error;
    assert!(error.is_network() && !error.is_timeout(), "{error}");
    assert_eq!(texts(&in_time(send(pool, &["ECHO next"])).await), ["next"]);
    let after = pool.statistics();
    assert_eq!(after.connections_lost, before.connections_lost + 1);
    assert_eq!(after.dials, before.dials + 1, "it was not tried again");
    let n: Option<i64> = server.ask(&["GET", "n"]).await.expect("GET");
    assert_eq!(n, None, "what came behind it has not run");
}

/// Fails when what is in doubt goes again on the next connection (in `Exchange::poll`,
/// submit it anew): that one is lost as well, and so on.
#[tokio::test]
async fn a_request_that_the_server_finds_too_large_costs_one_connection() {
    let server = server().await;
    admin(
        &server,
        &format!("CONFIG SET client-query-buffer-limit {MIB}"),
    )
    .await;
    for protocol in BOTH {
        let pool = builder(&server, "large").protocol(protocol).build();
        let set = format!("SET k {}", "x".repeat(8 * MIB));
        ends_one_connection(&server, &pool, &[set, "INCR n".to_owned()]).await;
        let k: Option<String> = server.ask(&["GET", "k"]).await.expect("GET");
        assert_eq!(k, None);
    }
}

/// Fails as the one above does.
#[tokio::test]
async fn a_reply_that_the_server_finds_too_large_costs_one_connection() {
    let server = server().await;
    let pool = builder(&server, "filling").build();
    let set = format!("SET k {}", "x".repeat(20 * MIB));
    assert_eq!(texts(&in_time(send(&pool, &[set])).await), ["OK"]);
    let limit = format!("normal {MIB} 0 0");
    let limit = ["CONFIG", "SET", "client-output-buffer-limit", &limit];
    server.call(&limit).await.expect("CONFIG SET");
    for protocol in BOTH {
        let pool = builder(&server, "large").protocol(protocol).build();
        ends_one_connection(&server, &pool, &["GET k".to_owned()]).await;
        until("the server has counted it", async || {
            let field = "client_output_buffer_limit_disconnections";
            let count = server.info("stats", field).await.expect("INFO");
            // Servers count them from 7.4 on.
            count.is_none_or(|count| count != "0")
        })
        .await;
    }
}
