//! From an address to a connection that is ready for use.

mod connect;
mod greeting;
mod half_open;
mod limit;
mod network;
mod recipe;
mod steps;
mod stream;
mod tcp;

pub use connect::{Connect, Connecting};
pub use greeting::{Greeting, Mode, Role};
pub(crate) use half_open::{Break, HalfOpen, Ready};
pub use limit::DialLimit;
pub use network::{Network, Resolve, Resolving};
pub use stream::Stream;
pub(crate) use stream::{Direct, Socket};

use std::io;
use std::sync::{Mutex, PoisonError};

use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use crate::config::Config;
use crate::error::{Error, Nature};
use crate::trace;

/// The step in which the provider of credentials is asked.
pub(crate) const CREDENTIALS: &str = "credentials";

/// Which step a dial is in, for the error of a deadline that passes meanwhile.
struct Progress(Mutex<String>);

impl Progress {
    fn begin(&self, step: &str) {
        trace::step(step);
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        now.clear();
        now.push_str(step);
    }

    fn step(&self) -> String {
        let now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        now.clone()
    }
}

/// Opens a connection and carries out the whole recipe on it, under one deadline
/// (S1), once it is its turn (E5). Dropping the future closes what has been opened.
///
/// # Errors
/// One that names the step. The connection is closed.
pub(crate) async fn dial(config: &Config, attempt: u32) -> Result<(Ready, Greeting), Error> {
    let _turn = config.dial_limit.turn().await;
    let deadline = Instant::now() + config.connect_timeout;
    let progress = Progress(Mutex::new("connect".to_owned()));
    let address = &config.address;
    let span = trace::dial(config, attempt);
    let dialling = async {
        let credentials = match &config.credentials {
            Some(provider) => {
                progress.begin(CREDENTIALS);
                Some(provider.credentials().await.map_err(|error| {
                    Error::dial(address, CREDENTIALS, Nature::Provider, error.into_source())
                })?)
            }
            None => None,
        };
        progress.begin("connect");
        let opened = config.connector.connect(address.clone(), deadline).await;
        let stream =
            opened.map_err(|error| Error::dial(address, "connect", nature_of(&error), error))?;
        let stream = encrypted(config, stream, &progress).await?;
        let half = HalfOpen::new(stream.into(), config.limits);
        recipe::carry_out(config, credentials.as_ref(), half, attempt, &progress).await
    };
    match timeout_at(deadline, dialling.instrument(span)).await {
        Ok(outcome) => outcome,
        Err(_) => {
            let step = progress.step();
            let late = format!("not done within {:?}", config.connect_timeout);
            Err(Error::dial(address, step, Nature::Timeout, late))
        }
    }
}

/// Whether it would help to try again.
fn nature_of(error: &io::Error) -> Nature {
    match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported => Nature::Refusal,
        _ => Nature::Network,
    }
}

/// The stream, encrypted if the pool is to encrypt: then there is no other way.
#[cfg(feature = "tls")]
async fn encrypted(
    config: &Config,
    stream: Box<dyn Stream>,
    progress: &Progress,
) -> Result<Box<dyn Stream>, Error> {
    let Some(tls) = &config.tls else {
        return Ok(stream);
    };
    progress.begin(crate::tls::STEP);
    tls.shake_hands(&config.address, stream).await
}

#[cfg(not(feature = "tls"))]
async fn encrypted(
    _: &Config,
    stream: Box<dyn Stream>,
    _: &Progress,
) -> Result<Box<dyn Stream>, Error> {
    Ok(stream)
}

/// What a server that speaks TLS says of us once the handshake is over on our
/// side, such as that it wants a certificate.
#[cfg(feature = "tls")]
fn late_alert(config: &Config, error: &Break) -> Option<Error> {
    let Break::Io(error) = error else {
        return None;
    };
    config.tls.as_ref()?.refusal(&config.address, error)
}

#[cfg(not(feature = "tls"))]
fn late_alert(_: &Config, _: &Break) -> Option<Error> {
    None
}
