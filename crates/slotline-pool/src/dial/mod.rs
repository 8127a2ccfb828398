//! From an address to a connection that is ready for use.

mod greeting;
mod half_open;
mod recipe;
mod stream;
mod tcp;

pub use greeting::{Greeting, Mode, Protocol, Role};
pub(crate) use half_open::{Break, HalfOpen, Ready};
pub use stream::Stream;
pub(crate) use stream::{Direct, Socket};

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::{Instant, timeout_at};

use crate::address::Address;
use crate::config::Config;
use crate::error::{Error, Nature};

type Opening = Pin<Box<dyn Future<Output = io::Result<Socket>> + Send>>;

/// How a stream to an address is opened.
#[derive(Clone)]
pub(crate) struct Connector(Arc<dyn Fn(Address, Instant) -> Opening + Send + Sync>);

impl Connector {
    pub(crate) fn new(
        open: impl Fn(Address, Instant) -> Opening + Send + Sync + 'static,
    ) -> Connector {
        Connector(Arc::new(open))
    }

    pub(crate) fn tcp() -> Connector {
        Connector::new(|address, deadline| {
            Box::pin(async move { tcp::connect(&address, deadline).await })
        })
    }
}

/// Which step a dial is in, for the error of a deadline that passes meanwhile.
struct Progress(Mutex<String>);

impl Progress {
    fn begin(&self, step: &str) {
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
/// (S1). Dropping the future closes what has been opened.
///
/// # Errors
/// One that names the step. The connection is closed.
pub(crate) async fn dial(config: &Config, attempt: u32) -> Result<(Ready, Greeting), Error> {
    let deadline = Instant::now() + config.connect_timeout;
    let progress = Progress(Mutex::new("connect".to_owned()));
    let address = &config.address;
    let dialling = async {
        let open = (config.connector.0)(address.clone(), deadline);
        let stream = open
            .await
            .map_err(|error| Error::dial(address, "connect", Nature::Network, error))?;
        let half = HalfOpen::new(stream, config.limits);
        recipe::carry_out(config, half, attempt, &progress).await
    };
    match timeout_at(deadline, dialling).await {
        Ok(outcome) => outcome,
        Err(_) => {
            let step = progress.step();
            let late = format!("not done within {:?}", config.connect_timeout);
            Err(Error::dial(address, step, Nature::Timeout, late))
        }
    }
}
