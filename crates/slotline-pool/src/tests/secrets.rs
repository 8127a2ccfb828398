//! No password, key or value is shown by anything (E3, G5): not by `Debug`, not by
//! `Display`, and not in what is said through `tracing`.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::timeout;

use super::ear::Ear;
use super::server::{pipes, read_commands, usual};
use super::waiting::far;
use super::*;
use crate::{Credentials, CredentialsProvider, EventKind, HookError, Setup, Tracking, hook};

/// What must appear nowhere.
const SECRETS: [&str; 4] = ["s3same", "n3wer", "the-key", "the-value"];

/// Everything that was shown.
#[derive(Clone, Default)]
struct Shown(Arc<Mutex<String>>);

impl Shown {
    fn text(&self, text: &dyn std::fmt::Display) {
        writeln!(self.0.lock().unwrap(), "{text}").unwrap();
    }

    fn debug(&self, it: &dyn Debug) {
        self.text(&format_args!("{it:?}\n{it:#?}"));
    }

    fn error(&self, error: &impl std::error::Error) {
        self.debug(error);
        self.text(error);
        let mut source = error.source();
        while let Some(cause) = source {
            self.text(&format_args!("{cause}\n{cause:?}"));
            source = cause.source();
        }
    }

    fn answer(&self, answer: &Answer) {
        self.debug(answer);
        if let Some(failure) = &answer.failure {
            self.error(&failure.error);
        }
    }

    #[track_caller]
    fn check(&self) {
        no_secret_in(&self.0.lock().unwrap());
    }
}

/// Neither as text nor as a list of bytes.
#[track_caller]
fn no_secret_in(text: &str) {
    for secret in SECRETS {
        let bytes = format!("{:?}", secret.as_bytes());
        let bytes = bytes.trim_matches(['[', ']']);
        let is_shown = text.contains(secret) || text.contains(bytes);
        assert!(!is_shown, "{secret} in {text}");
    }
}

/// A server that repeats whatever it is told in its errors, and refuses until
/// `good`.
fn loud(good: &str, command: &[String]) -> Vec<u8> {
    let said = command.join(" ");
    let with_args = format!("`{}`, with args beginning with: `{said}`", command[0]);
    match command[0].as_str() {
        "HELLO" | "AUTH" if !command.iter().any(|word| word == good) => {
            format!("-WRONGPASS no {said}, {with_args}\r\n").into_bytes()
        }
        "CLIENT" | "MODULE" => format!("-ERR unknown command {with_args}\r\n").into_bytes(),
        _ => usual(command),
    }
}

/// A pool of such servers, and the password that they take.
fn loud_pool() -> (PoolBuilder, Arc<Mutex<String>>) {
    let (connector, mut streams) = pipes(1 << 16);
    let good = Arc::new(Mutex::new("nothing".to_owned()));
    let accepts = Arc::clone(&good);
    tokio::spawn(async move {
        while let Some(mut stream) = streams.recv().await {
            let good = Arc::clone(&accepts);
            tokio::spawn(async move {
                loop {
                    let command = timeout(soon() - Instant::now(), read_commands(&mut stream, 1));
                    let Ok(command) = command.await else { return };
                    let answer = loud(&good.lock().unwrap(), &command[0]);
                    stream.write_all(&answer).await.unwrap();
                }
            });
        }
    });
    (builder(&far()).connector(connector), good)
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_shown_by_anything() {
    let (ear, _guard) = Ear::listening();
    let shown = Shown::default();
    let (builder, good) = loud_pool();
    let first = Credentials::new(Some("me"), "s3same");
    shown.debug(&first);
    let (rotate, current) = watch::channel(first);
    let refuse = Arc::new(Mutex::new(true));
    let refuses = Arc::clone(&refuse);
    let builder = builder
        .credentials(current)
        .init_hook(hook("moody", move |setup: Setup| {
            let refuses = std::mem::take(&mut *refuses.lock().unwrap());
            async move {
                setup.command("SET").arg("the-key").arg("the-value").await?;
                if refuses {
                    return Err(HookError::new("not today"));
                }
                Ok(())
            }
        }));
    shown.debug(&builder);
    let pool = builder.build();
    let mut events = pool.events();

    // Refused by the server, refused by the hook, ready.
    shown.error(&pool.connect().await.unwrap_err());
    *good.lock().unwrap() = "s3same".to_owned();
    let error = pool.connect().await.unwrap_err();
    assert!(error.to_string().contains("not today"), "{error}");
    shown.error(&error);
    shown.debug(&pool.connect().await.unwrap());
    // Refused again while in use, and accepted in the end.
    rotate.send_replace(Credentials::new(Some("me"), "n3wer"));
    loop {
        let event = events.next().await.unwrap().unwrap();
        shown.debug(&event);
        shown.text(&event.kind);
        match event.kind {
            EventKind::NotReauthenticated(_) => *good.lock().unwrap() = "n3wer".to_owned(),
            EventKind::Reauthenticated => break,
            _ => {}
        }
    }
    // Requests of all sorts, under way and answered.
    let exchange = send(&pool, &["SET the-key the-value", "GET the-key"]);
    shown.debug(&exchange);
    shown.debug(&pool);
    shown.debug(&pool.state());
    shown.debug(&pool.statistics());
    shown.answer(&exchange.await);
    shown.answer(&send(&pool, &["AUTH me s3same"]).await);
    shown.answer(
        &pool
            .send(words(&["GET the-key"]), Instant::now(), WhileAway::Wait)
            .await,
    );
    pool.close();
    shown.answer(&send(&pool, &["GET the-key"]).await);
    while let Some(event) = events.next().await {
        shown.debug(&event);
        if matches!(event.unwrap().kind, EventKind::Closed) {
            break;
        }
    }

    let traced = ear.text();
    for expected in [
        "attempt=0",
        "not today",
        "WRONGPASS",
        "authenticated anew",
        "connected",
    ] {
        assert!(traced.contains(expected), "{expected}: {traced}");
    }
    shown.check();
    no_secret_in(&traced);
}

/// Whoever provides it: where it is refused, and where a hook looks at everything.
#[tokio::test(start_paused = true)]
async fn no_password_is_shown_wherever_it_comes_from() {
    async fn check(provider: impl CredentialsProvider) {
        let (ear, _guard) = Ear::listening();
        let shown = Shown::default();
        let (builder, good) = loud_pool();
        let in_hook = shown.clone();
        let builder = builder.credentials(provider);
        let builder = builder.init_hook(hook("curious", move |setup: Setup| {
            let shown = in_hook.clone();
            async move {
                shown.debug(&setup);
                let command = setup.command("SET").arg("the-key").arg("the-value");
                shown.debug(&command);
                command.await?;
                Ok(())
            }
        }));
        shown.debug(&builder);
        let pool = builder.build();
        let error = pool.connect().await.unwrap_err();
        assert_eq!(error.code(), Some("WRONGPASS"), "{error}");
        shown.error(&error);
        *good.lock().unwrap() = "s3same".to_owned();
        pool.connect().await.unwrap();
        *good.lock().unwrap() = "another".to_owned();
        shown.error(&pool.lease(soon()).await.unwrap_err());
        assert!(shown.0.lock().unwrap().contains("SetupCommand"));
        shown.check();
        no_secret_in(&ear.text());
    }
    check(Credentials::new(Some("me"), "s3same")).await;
    check(|| async { Ok(Credentials::new(None, "s3same")) }).await;
    let (_keep, current) = watch::channel(Credentials::new(None, "s3same"));
    let shared: Arc<dyn CredentialsProvider> = Arc::new(current);
    check(shared).await;
}

/// A required step is refused in words that repeat it.
#[tokio::test(start_paused = true)]
async fn no_key_is_shown_where_tracking_is_refused() {
    let (ear, _guard) = Ear::listening();
    let shown = Shown::default();
    let (builder, good) = loud_pool();
    *good.lock().unwrap() = "s3same".to_owned();
    let tracking = Tracking::broadcast(["the-key"]);
    shown.debug(&tracking);
    let credentials = Credentials::new(None, "s3same");
    let pool = builder.credentials(credentials).tracking(tracking).build();
    let error = pool.connect().await.unwrap_err();
    assert_eq!(error.step(), Some("CLIENT TRACKING"), "{error}");
    shown.error(&error);
    shown.check();
    no_secret_in(&ear.text());
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_shown_by_a_hook_that_fails_or_a_lease() {
    let (ear, _guard) = Ear::listening();
    let shown = Shown::default();
    let (builder, good) = loud_pool();
    *good.lock().unwrap() = "s3same".to_owned();
    let fails = Arc::new(Mutex::new(true));
    let pool = builder
        .credentials(Credentials::new(None, "s3same"))
        .init_hook(hook("curious", move |setup: Setup| {
            let fails = std::mem::take(&mut *fails.lock().unwrap());
            async move {
                if fails {
                    // What the server says of it repeats its arguments.
                    setup.command("MODULE LOAD").arg("the-value").await?;
                }
                Ok(())
            }
        }))
        .build();
    let error = pool.connect().await.unwrap_err();
    assert_eq!(error.code(), Some("ERR"), "{error}");
    assert!(error.to_string().contains("unknown command"), "{error}");
    shown.error(&error);
    let mut lease = pool.lease(soon()).await.unwrap();
    shown.debug(&lease);
    let call = lease.call(words(&["SET the-key the-value"]), soon());
    shown.debug(&call);
    shown.answer(&call.await);
    for refused in ["SYNC the-key", "SET the-key the-value"] {
        let lines = [refused, "SUBSCRIBE the-key", "MONITOR"];
        shown.answer(&lease.call(words(&lines), soon()).await);
    }
    shown.answer(&lease.call(words(&["AUTH me n3wer"]), soon()).await);
    drop(lease);
    pool.drain(soon()).await;
    shown.error(&pool.lease(soon()).await.unwrap_err());
    assert!(ear.text().contains("draining"));
    shown.check();
    no_secret_in(&ear.text());
}
