//! No password, key or value is shown by anything (E3, G5).

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::server::{pipes, read_commands, usual};
use super::waiting::far;
use super::*;
use crate::{Credentials, EventKind, HookError, Setup, hook};

/// What must appear nowhere.
const SECRETS: [&str; 4] = ["s3same", "n3wer", "the-key", "the-value"];

/// Everything that is said through `tracing`, at any level.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<String>>);

impl Visit for Ear {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        writeln!(self.0.lock().unwrap(), "{field}={value:?}").unwrap();
    }
}

impl Subscriber for Ear {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut self.clone());
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        writeln!(self.0.lock().unwrap(), "{}", event.metadata().target()).unwrap();
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Shown(String);

impl Shown {
    fn debug(&mut self, it: &dyn Debug) {
        writeln!(self.0, "{it:?}\n{it:#?}").unwrap();
    }

    fn error(&mut self, error: &impl std::error::Error) {
        self.debug(error);
        writeln!(self.0, "{error}").unwrap();
        let mut source = error.source();
        while let Some(cause) = source {
            writeln!(self.0, "{cause}\n{cause:?}").unwrap();
            source = cause.source();
        }
    }

    fn answer(&mut self, answer: &Answer) {
        self.debug(answer);
        if let Some(failure) = &answer.failure {
            self.error(&failure.error);
        }
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
        "CLIENT" => format!("-ERR unknown command {with_args}\r\n").into_bytes(),
        _ => usual(command),
    }
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_shown_by_anything() {
    let ear = Ear::default();
    let _guard = tracing::subscriber::set_default(ear.clone());
    let mut shown = Shown::default();
    let (connector, mut streams) = pipes(1 << 16);
    let good = Arc::new(Mutex::new("nothing".to_owned()));
    let accepts = Arc::clone(&good);
    tokio::spawn(async move {
        while let Some(mut stream) = streams.recv().await {
            let good = Arc::clone(&accepts);
            tokio::spawn(async move {
                loop {
                    let command = timeout(soon() - Instant::now(), read_commands(&mut stream, 1));
                    let command = command.await.unwrap();
                    let answer = loud(&good.lock().unwrap(), &command[0]);
                    stream.write_all(&answer).await.unwrap();
                }
            });
        }
    });
    let first = Credentials::new(Some("me"), "s3same");
    shown.debug(&first);
    let (rotate, current) = watch::channel(first);
    let refuse = Arc::new(Mutex::new(true));
    let refuses = Arc::clone(&refuse);
    let builder = builder(&far())
        .connector(connector)
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
        writeln!(shown.0, "{}", event.kind).unwrap();
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

    let traced = ear.0.lock().unwrap().clone();
    for expected in [
        "slotline_pool",
        "not today",
        "WRONGPASS",
        "authenticated anew",
        "connected",
    ] {
        assert!(traced.contains(expected), "{expected}: {traced}");
    }
    for secret in SECRETS {
        assert!(!shown.0.contains(secret), "{secret} in {}", shown.0);
        assert!(!traced.contains(secret), "{secret} in {traced}");
    }
}
