//! What is done on every new connection before anyone can use it.
//!
//! HELLO, which carries the credentials, is the first command; the built-in steps
//! follow it in the same write. A server that refuses HELLO is spoken to in
//! RESP2: AUTH alone, since some servers swallow its error if replies are
//! pending, and the steps once more behind it. Then come the user's hooks.

use std::sync::Arc;

use slotline_resp::{CommandBuffer, Commands, Protocol, Replies, Value, error_code};

use super::half_open::{Break, HalfOpen, Ready};
use super::steps::Step;
use super::{Greeting, Mode, Progress};
use crate::config::Config;
use crate::credentials::{Credentials, redacted};
use crate::error::{Error, Nature};
use crate::hook::{self, InitHook};
use crate::trace;

pub(super) async fn carry_out(
    config: &Config,
    credentials: Option<&Credentials>,
    mut half: HalfOpen,
    attempt: u32,
    progress: &Progress,
) -> Result<(Ready, Greeting), Error> {
    let recipe = Recipe {
        config,
        credentials,
        progress,
    };
    let greeting = recipe.built_in(&mut half).await?;
    for (index, hook) in config.hooks.iter().enumerate() {
        let step = format!("init hook {} ({})", index + 1, hook.name());
        progress.begin(&step);
        half = recipe.hook(hook, &step, half, attempt, &greeting).await?;
    }
    let ended = half.finish().await;
    let ready = ended.map_err(|error| recipe.broken(&progress.step(), error))?;
    Ok((ready, greeting))
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

struct Recipe<'a> {
    config: &'a Config,
    /// As the provider gave them for this dial.
    credentials: Option<&'a Credentials>,
    progress: &'a Progress,
}

impl Recipe<'_> {
    async fn built_in(&self, half: &mut HalfOpen) -> Result<Greeting, Error> {
        let steps = Step::of(self.config);
        if self.config.protocol == Some(Protocol::Resp2) {
            return self.in_resp2(half, &steps).await;
        }
        let mut replies = Replies::with_capacity(steps.len() + 1);
        self.progress.begin("HELLO");
        let sent = half.call(&self.with_hello(&steps), &mut replies).await;
        let greeting = match replies.error_line(0) {
            // No answer at all.
            None if replies.is_empty() => {
                sent.map_err(|error| self.broken("HELLO", error))?;
                return Err(self.broken("HELLO", Break::Closed));
            }
            None => {
                let answer = replies.decode::<Value>(0);
                let answer = answer
                    .transpose()
                    .ok()
                    .flatten()
                    .filter(|it| it.as_map().is_some());
                let answer = answer.ok_or_else(|| {
                    let odd = "the answer is not a map, as HELLO's is";
                    Error::dial(&self.config.address, "HELLO", Nature::Refusal, odd)
                })?;
                sent.map_err(|error| self.broken("HELLO", error))?;
                Greeting::of_hello(&answer)
            }
            Some(line) if is_no_hello(line) && self.config.protocol.is_none() => {
                sent.map_err(|error| self.broken("HELLO", error))?;
                return self.in_resp2(half, &steps).await;
            }
            Some(line) => {
                let step = match error_code(line) {
                    "WRONGPASS" => "AUTH",
                    _ => "HELLO",
                };
                return Err(self.refused(step, line));
            }
        };
        self.check(&steps, &replies, 1, greeting.mode())?;
        Ok(greeting)
    }

    async fn in_resp2(&self, half: &mut HalfOpen, steps: &[Step]) -> Result<Greeting, Error> {
        if steps.contains(&Step::Tracking) {
            let step = Step::Tracking.name();
            let odd = "it needs RESP3, and the connection speaks RESP2";
            return Err(Error::dial(
                &self.config.address,
                step,
                Nature::Refusal,
                odd,
            ));
        }
        if let Some(credentials) = self.credentials {
            self.progress.begin("AUTH");
            let mut replies = Replies::new();
            let sent = half.call(&credentials.auth(), &mut replies).await;
            if let Some(line) = replies.error_line(0) {
                return Err(self.refused("AUTH", line));
            }
            sent.map_err(|error| self.broken("AUTH", error))?;
        }
        self.progress.begin("session set-up");
        let steps = match (steps, self.credentials) {
            ([], None) => &[Step::Ping],
            ([], Some(_)) => return Ok(Greeting::resp2()),
            (steps, _) => steps,
        };
        let mut buffer = CommandBuffer::new();
        self.encode(steps, &mut buffer);
        let mut replies = Replies::new();
        let sent = half.call(&buffer.freeze(), &mut replies).await;
        self.check(steps, &replies, 0, Mode::Unknown)?;
        sent.map_err(|error| self.broken("session set-up", error))?;
        Ok(Greeting::resp2())
    }

    async fn hook(
        &self,
        hook: &Arc<dyn InitHook>,
        step: &str,
        half: HalfOpen,
        attempt: u32,
        greeting: &Greeting,
    ) -> Result<HalfOpen, Error> {
        let setup = hook::Facts {
            address: self.config.address.clone(),
            intent: self.config.intent,
            attempt,
            greeting: greeting.clone(),
        };
        let (loan, setup) = hook::lend(setup, half);
        let verdict = hook.run(setup).await;
        let back = loan.take_back().await;
        let broken = back.as_ref().is_none_or(|half| half.is_broken);
        if let Err(error) = verdict {
            let nature = if broken {
                Nature::Network
            } else {
                Nature::Refusal
            };
            let source = self.without_arguments(error.into_source());
            return Err(Error::dial(&self.config.address, step, nature, source));
        }
        let mut half = back.ok_or_else(|| self.broken(step, Break::Closed))?;
        // A reply that the hook did not wait for must be in before the next step.
        half.settle()
            .await
            .map_err(|error| self.broken(step, error))?;
        Ok(half)
    }

    fn with_hello(&self, steps: &[Step]) -> Commands {
        let mut buffer = CommandBuffer::new();
        buffer.begin_named("HELLO").arg("3");
        if let Some(credentials) = self.credentials {
            buffer.arg("AUTH");
            buffer.arg(credentials.user.as_deref().unwrap_or("default"));
            buffer.arg(&*credentials.password);
        }
        self.encode(steps, &mut buffer);
        buffer.freeze()
    }

    fn encode(&self, steps: &[Step], buffer: &mut CommandBuffer) {
        for step in steps {
            trace::step(step.name());
            step.encode(self.config, buffer);
        }
    }

    /// Looks at the answers to `steps`, the first of which is at `first`.
    fn check(
        &self,
        steps: &[Step],
        replies: &Replies,
        first: usize,
        mode: Mode,
    ) -> Result<(), Error> {
        for (index, step) in (first..).zip(steps) {
            let Some(line) = replies.error_line(index) else {
                continue;
            };
            if !step.may_fail(line, mode) {
                return Err(self.refused(step.name(), line));
            }
            trace::done_without(step.name(), error_code(line));
        }
        Ok(())
    }

    fn broken(&self, step: &str, error: Break) -> Error {
        if let Some(alert) = super::late_alert(self.config, &error) {
            return alert;
        }
        let nature = match error {
            Break::Io(_) | Break::Closed => Nature::Network,
            Break::Malformed(_) | Break::Unsolicited => Nature::Refusal,
        };
        Error::dial(&self.config.address, step, nature, error)
    }

    /// A hook's error; if that is a server's, then without what the server may
    /// repeat of the hook's command.
    fn without_arguments(&self, error: BoxError) -> BoxError {
        match error.downcast_ref::<slotline_resp::Error>() {
            Some(error) if error.is_server() => {
                let line = redacted(&error.message(), self.credentials);
                slotline_resp::Error::server(line).into()
            }
            _ => error,
        }
    }

    /// The server's own no, without what it may repeat of the credentials.
    fn refused(&self, step: &str, line: &str) -> Error {
        let line = redacted(line, self.credentials);
        let nature = if passes(&line) {
            Nature::Network
        } else {
            Nature::Refusal
        };
        let error = slotline_resp::Error::server(line);
        Error::dial(&self.config.address, step, nature, error)
    }
}

/// Whether this answer to HELLO means that the server speaks RESP2 only, or lets
/// this user speak nothing else (E8).
fn is_no_hello(line: &str) -> bool {
    matches!(error_code(line), "NOPROTO" | "ERR" | "NOPERM") && !passes(line)
}

/// Whether the server may well say something else soon.
fn passes(line: &str) -> bool {
    line.contains("max number of clients")
        || matches!(
            error_code(line),
            "LOADING" | "BUSY" | "MASTERDOWN" | "TRYAGAIN" | "CLUSTERDOWN"
        )
}
