//! Encrypted connections.

mod builder;
mod handshake;
mod name;

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::ClientConfig;

pub use builder::TlsBuilder;
use name::Name;

/// What errors call the step.
pub(crate) const STEP: &str = "TLS";

/// How connections are encrypted, and who may be at their other end. Cheap to
/// clone, and meant to be shared: its clones resume each other's sessions.
///
/// The server's certificate is always verified: that a trusted root stands behind
/// it, that it is valid now, and that it is for the name of the node. There is no
/// way to switch that off, here or by a URL, and no way back to plain text; a
/// server whose certificate nobody has signed is trusted by giving that very
/// certificate's authority as a root. TLS 1.2 and 1.3 are spoken.
///
/// ```no_run
/// use slotline_pool::{Pool, Tls};
///
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let tls = Tls::builder()
///     .root_pem(std::fs::read("ca.crt")?)
///     .client_certificate_pem(std::fs::read("client.crt")?, std::fs::read("client.key")?)
///     .build()?;
/// let pool = Pool::builder("db.example:6379".parse()?).tls(tls).build();
/// # let _ = pool; Ok(()) }
/// ```
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
    name: Name,
    /// Which roots are trusted, in words.
    trusted: Arc<str>,
}

impl Tls {
    /// Begins to describe it. Without further settings the roots of the operating
    /// system are trusted, and a node's name is the host of its address.
    pub fn builder() -> TlsBuilder {
        TlsBuilder::new()
    }
}

impl fmt::Debug for Tls {
    /// Without certificates and keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("trusted", &self.trusted)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
