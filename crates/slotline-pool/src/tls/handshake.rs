//! The handshake, and what is said of one that failed.

use std::fmt;
use std::io;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{self, CertificateError, InvalidMessage};

use super::{STEP, Tls};
use crate::address::Address;
use crate::dial::Stream;
use crate::error::{Error, Nature};

/// An error of the TLS library, with what was expected of the server.
#[derive(Debug)]
struct Refused {
    told: String,
    source: rustls::Error,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told)
    }
}

impl std::error::Error for Refused {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

impl Tls {
    /// Encrypts a stream to the node at `address`.
    ///
    /// # Errors
    /// The server is not who it should be, or will not have us: trying again
    /// changes little. Or the network failed.
    pub(crate) async fn shake_hands(
        &self,
        address: &Address,
        stream: Box<dyn Stream>,
    ) -> Result<Box<dyn Stream>, Error> {
        let name = self.name.of(address)?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        match connector.connect(name, stream).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(match self.refusal(address, &error) {
                Some(refusal) => refusal,
                None => Error::dial(address, STEP, Nature::Network, error),
            }),
        }
    }

    /// What an error of an encrypted stream means if it is one of TLS, also once
    /// the handshake is over: in TLS 1.3 the server looks at our certificate when
    /// it is for us.
    pub(crate) fn refusal(&self, address: &Address, error: &io::Error) -> Option<Error> {
        let source: &rustls::Error = error.get_ref()?.downcast_ref()?;
        let refused = Refused {
            told: self.tell(source),
            source: source.clone(),
        };
        Some(Error::dial(address, STEP, Nature::Refusal, refused))
    }

    /// What was found and what had been expected.
    fn tell(&self, error: &rustls::Error) -> String {
        match error {
            rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => format!(
                "{error}: nobody who is trusted has issued it (trusted: {})",
                self.trusted
            ),
            rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => format!("{error}; see `TlsBuilder::server_name` if that is the node"),
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
                "the answer is not TLS; the server speaks something else at this address".to_owned()
            }
            rustls::Error::AlertReceived(alert) => {
                let known = match self.config.client_auth_cert_resolver.has_certs() {
                    true => "it could have a client certificate",
                    false => "there is no client certificate to give it",
                };
                format!("the server refused, with the alert {alert:?} ({known})")
            }
            _ => error.to_string(),
        }
    }
}
