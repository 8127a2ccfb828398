//! The cryptography of this process, for a client that takes it and panics where
//! there is none.

use tokio_rustls::rustls::crypto::ring;

pub(crate) fn install() {
    // Whoever was first wins.
    let _ = ring::default_provider().install_default();
}
