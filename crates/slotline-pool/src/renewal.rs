//! Asks for new credentials while a connection is driven.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::credentials::Credentials;
use crate::dial::CREDENTIALS;
use crate::error::{Error, Nature};
use crate::events::EventKind;
use crate::shared::Shared;

type Changes = watch::Receiver<Credentials>;
type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What one connection waits for on behalf of its [`Reauth`](crate::reauth::Reauth).
pub(crate) struct Renewal<'a> {
    shared: &'a Shared,
    /// The next change; `None` once there can be no more.
    change: Option<Boxed<Option<Changes>>>,
    asking: Option<Boxed<Result<Credentials, Error>>>,
}

impl<'a> Renewal<'a> {
    /// What has changed in `changes` since it was last looked at counts as well.
    pub(crate) fn new(shared: &'a Shared, changes: Option<Changes>) -> Renewal<'a> {
        Renewal {
            shared,
            change: changes.map(next_change),
            asking: None,
        }
    }

    /// Takes note of changes, before the driver looks at its state.
    pub(crate) fn poll_changes(&mut self, cx: &mut Context<'_>) {
        while let Some(change) = &mut self.change {
            let Poll::Ready(changes) = change.as_mut().poll(cx) else {
                return;
            };
            if changes.is_some() {
                self.shared.with(|state| state.upkeep.reauth.request());
            }
            self.change = changes.map(next_change);
        }
    }

    /// Asks the provider if `asks` says so. Tells whether the driver has something
    /// new to look at.
    pub(crate) fn poll_provider(&mut self, cx: &mut Context<'_>, asks: bool) -> bool {
        if asks {
            self.asking = ask(self.shared);
        }
        let Some(asking) = &mut self.asking else {
            return false;
        };
        let Poll::Ready(outcome) = asking.as_mut().poll(cx) else {
            return false;
        };
        self.asking = None;
        match outcome {
            Ok(credentials) => {
                self.shared
                    .with(|state| state.upkeep.reauth.provided(credentials));
            }
            Err(error) => {
                let now = Instant::now();
                let random = &self.shared.config.random;
                self.shared
                    .with(|state| state.upkeep.reauth.rejected(now, random));
                self.shared.tell(EventKind::NotReauthenticated(error));
            }
        }
        true
    }
}

fn next_change(mut changes: Changes) -> Boxed<Option<Changes>> {
    Box::pin(async move { changes.changed().await.is_ok().then_some(changes) })
}

fn ask(shared: &Shared) -> Option<Boxed<Result<Credentials, Error>>> {
    let provider = shared.config.credentials.as_ref()?;
    let within = shared.config.connect_timeout;
    let asked = timeout(within, provider.credentials());
    let address = shared.config.address.clone();
    Some(Box::pin(async move {
        let fail = |nature, source| Error::dial(&address, CREDENTIALS, nature, source);
        match asked.await {
            Ok(Ok(credentials)) => Ok(credentials),
            Ok(Err(error)) => Err(fail(Nature::Provider, error.into_source())),
            Err(_) => Err(fail(
                Nature::Timeout,
                format!("not done within {within:?}").into(),
            )),
        }
    }))
}
