//! What is said through `tracing`: connections and their making, and nothing per
//! command.

use tokio::io::AsyncWriteExt;

use super::ear::Ear;
use super::leases::Peer;
use super::server::{HELLO, pipes, read_commands, usual};
use super::waiting::far;
use super::*;
use crate::{Credentials, HookError, Intent, Setup, hook};

/// Those of `lines` that begin with one of `starts`, in their order.
fn beginning(lines: &[String], starts: &[&str]) -> Vec<String> {
    let of_interest = |line: &&String| starts.iter().any(|start| line.starts_with(start));
    lines.iter().filter(of_interest).cloned().collect()
}

#[tokio::test(start_paused = true)]
async fn a_dial_is_a_span_and_its_steps_are_events_in_it() {
    let (ear, _guard) = Ear::listening();
    let (builder, _peer) = Peer::start(|_, _, command| {
        Some(match command.join(" ").starts_with("CLIENT SETNAME") {
            true => b"-ERR unknown command, with args beginning with: `tester`\r\n".to_vec(),
            false => usual(command),
        })
    });
    let pool = builder
        .intent(Intent::ReadOnly)
        .credentials(Credentials::new(None, "s3same"))
        .client_name("tester")
        .init_hook(hook("warm-up", |setup: Setup| async move {
            setup.command("ECHO").arg("x").await?;
            Ok(())
        }))
        .build();
    pool.connect().await.unwrap();
    let expected = [
        "DEBUG - message=dialling node=pipe:1 intent=ReadOnly connection=0",
        "DEBUG + dial node=pipe:1 intent=ReadOnly attempt=0",
        r#"TRACE dial message=step step="credentials""#,
        r#"TRACE dial message=step step="connect""#,
        r#"TRACE dial message=step step="HELLO""#,
        r#"TRACE dial message=step step="CLIENT SETINFO""#,
        r#"TRACE dial message=step step="CLIENT SETINFO""#,
        r#"TRACE dial message=step step="CLIENT SETNAME""#,
        r#"TRACE dial message=step step="READONLY""#,
        r#"DEBUG dial message=refused, and done without step="CLIENT SETNAME" code="ERR""#,
        r#"TRACE dial message=step step="init hook 1 (warm-up)""#,
        "INFO - message=connected node=pipe:1 intent=ReadOnly connection=0",
    ];
    assert_eq!(ear.lines(), expected);
}

/// The hot path says nothing.
#[tokio::test(start_paused = true)]
async fn commands_are_not_traced() {
    let (ear, _guard) = Ear::listening();
    let (builder, _peer) = Peer::usual();
    let pool = builder.build();
    pool.connect().await.unwrap();
    let mut lease = pool.lease(soon()).await.unwrap();
    let before = ear.lines().len();
    for _ in 0..100 {
        assert_eq!(texts(&send(&pool, &["GET k", "ECHO v"]).await), ["k", "v"]);
        let answer = lease.call(words(&["GET k"]), soon()).await;
        assert_eq!(texts(&answer), ["k"]);
    }
    assert_eq!(ear.lines().len(), before, "{}", ear.text());
}

#[tokio::test(start_paused = true)]
async fn what_becomes_of_connections_is_told_with_its_cause() {
    let (ear, _guard) = Ear::listening();
    let (connector, mut streams) = pipes(1 << 10);
    tokio::spawn(async move {
        // Three are turned away, the fourth is lost with a command on it.
        for answer in [&b"-ERR max number of clients reached\r\n"[..]; 3] {
            let mut stream = streams.recv().await.unwrap();
            read_commands(&mut stream, 3).await;
            stream.write_all(answer).await.unwrap();
        }
        let mut stream = streams.recv().await.unwrap();
        read_commands(&mut stream, 3).await;
        stream
            .write_all(&[HELLO, b"+OK\r\n+OK\r\n"].concat())
            .await
            .unwrap();
        read_commands(&mut stream, 1).await;
        drop(stream);
    });
    let pool = builder(&far())
        .connector(connector)
        .fail_fast_after(2)
        .build();
    while pool.connect().await.is_err() {}
    assert!(send(&pool, &["GET k"]).await.failure.is_some());
    pool.drain(Instant::now() + Duration::from_secs(1)).await;
    let lines = ear.lines();
    let failed = "message=the dial failed: ";
    let lost = lines
        .iter()
        .position(|line| line.contains("connection lost"));
    let told = |start: &str| beginning(&lines, &[start]).len();
    assert_eq!(told(&format!("DEBUG - {failed}")), 3, "{}", ear.text());
    assert_eq!(told("INFO - message=nobody waits any more"), 1);
    // Also after one that was lost before it had answered anything.
    assert_eq!(told("DEBUG - message=pausing"), 4);
    assert_eq!(told("DEBUG + dial"), 4, "{}", ear.text());
    assert_eq!(told("INFO - message=connected"), 1);
    assert_eq!(told("INFO - message=draining"), 1);
    let refused = beginning(&lines, &[&format!("DEBUG - {failed}")]);
    assert!(refused[0].ends_with(r#"step="HELLO" code="ERR""#));
    assert!(lines[lost.unwrap()].contains("closed by the server"));
    let attempts: Vec<String> = beginning(&lines, &["DEBUG + dial"]);
    assert!(attempts[2].ends_with("attempt=2") && attempts[3].ends_with("attempt=3"));
}

/// A leased connection has no number; all else is told as of the others.
#[tokio::test(start_paused = true)]
async fn the_making_and_the_end_of_leased_connections_are_told() {
    let (ear, _guard) = Ear::listening();
    let refuse = std::sync::atomic::AtomicBool::new(true);
    let (builder, _peer) = Peer::usual();
    let pool = builder
        .init_hook(hook("moody", move |_: Setup| {
            let refuses = refuse.swap(false, std::sync::atomic::Ordering::SeqCst);
            async move {
                match refuses {
                    true => Err(HookError::new("not today")),
                    false => Ok(()),
                }
            }
        }))
        .build();
    pool.lease(soon()).await.unwrap().close();
    let about = "node=pipe:1 intent=ReadWrite";
    let hook = r#"step="init hook 1 (moody)""#;
    let lines = beginning(&ear.lines(), &["INFO", "DEBUG"]);
    let expected = [
        format!("DEBUG - message=dialling {about}"),
        format!("DEBUG + dial {about} attempt=0"),
        format!(
            "DEBUG - message=the dial failed: pipe:1: init hook 1 (moody): not today {about} {hook}"
        ),
        format!("DEBUG - message=pausing {about} pause="),
        format!("DEBUG - message=dialling, after 1 in vain {about}"),
        format!("DEBUG + dial {about} attempt=1"),
        format!("INFO - message=connected {about}"),
        format!("DEBUG - message=closed {about}"),
    ];
    assert_eq!(lines.len(), expected.len(), "{}", ear.text());
    for (line, expected) in lines.iter().zip(&expected) {
        match expected.ends_with("pause=") {
            true => assert!(line.starts_with(expected), "{line}"),
            false => assert_eq!(line, expected),
        }
    }
}
