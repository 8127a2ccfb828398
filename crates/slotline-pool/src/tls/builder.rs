//! What makes a [`Tls`].

use std::fmt;
use std::sync::Arc;

use rustls_native_certs::load_native_certs;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::Tls;
use super::name::{Choose, Name};
use crate::address::Address;
use crate::error::Error;

/// Describes a [`Tls`]. See [`Tls::builder`].
#[must_use = "a builder does nothing until `build` is called"]
pub struct TlsBuilder {
    system_roots: bool,
    roots: RootCertStore,
    client: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    config: Option<Arc<ClientConfig>>,
    server_name: Option<String>,
    choose: Option<Arc<Choose>>,
    /// The first thing that makes no sense.
    wrong: Option<Error>,
}

impl TlsBuilder {
    pub(super) fn new() -> TlsBuilder {
        TlsBuilder {
            system_roots: false,
            roots: RootCertStore::empty(),
            client: None,
            config: None,
            server_name: None,
            choose: None,
            wrong: None,
        }
    }

    /// Trusts one more root certificate, in DER. Once a root is given, those of
    /// the operating system are not trusted unless
    /// [`system_roots`](Self::system_roots) says so.
    pub fn root(mut self, certificate: CertificateDer<'static>) -> Self {
        if let Err(error) = self.roots.add(certificate) {
            self.complain(format!("a root certificate cannot be used: {error}"));
        }
        self
    }

    /// The same for every certificate in a PEM file's content.
    pub fn root_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        match certificates(pem.as_ref()) {
            Some(certificates) => certificates.into_iter().fold(self, Self::root),
            None => {
                self.complain("the PEM of the roots holds no certificate, or a broken one");
                self
            }
        }
    }

    /// Trusts the roots of the operating system, beside those that are given. On
    /// Linux the environment variables `SSL_CERT_FILE` and `SSL_CERT_DIR` say
    /// where they are.
    pub fn system_roots(mut self) -> Self {
        self.system_roots = true;
        self
    }

    /// Proves who we are to a server that asks for it: our own certificate, those
    /// that link it to its root, and its private key, in DER.
    pub fn client_certificate(
        mut self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Self {
        self.client = Some((chain, key));
        self
    }

    /// The same out of two PEM files' contents, which may be one and the same.
    pub fn client_certificate_pem(
        mut self,
        chain: impl AsRef<[u8]>,
        key: impl AsRef<[u8]>,
    ) -> Self {
        // What the parser says of a broken file may quote it.
        match (
            certificates(chain.as_ref()),
            PrivateKeyDer::from_pem_slice(key.as_ref()),
        ) {
            (Some(chain), Ok(key)) => return self.client_certificate(chain, key),
            (None, _) => {
                self.complain("the PEM of the client certificate holds none, or a broken one");
            }
            (_, Err(_)) => {
                self.complain("the PEM of the client's private key holds none, or a broken one");
            }
        }
        self
    }

    /// A configuration of rustls as it is, with a verifier and a crypto provider
    /// of one's own. It takes the place of all roots and client certificates.
    pub fn client_config(mut self, config: impl Into<Arc<ClientConfig>>) -> Self {
        self.config = Some(config.into());
        self
    }

    /// The name that the certificate of every node has to be for, and that nodes
    /// are told as the one that is wanted (SNI), instead of the host of the
    /// node's address. A DNS name or an IP address; a certificate has to have it
    /// as a subject alternative name.
    ///
    /// For clusters whose nodes are known by their IP addresses and have
    /// certificates for a name.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// The same, chosen for each node by its address; `None` means the host of
    /// the address. It is asked at every dial.
    pub fn server_name_by(
        mut self,
        choose: impl Fn(&Address) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.choose = Some(Arc::new(choose));
        self
    }

    /// Reads the system's roots if they are to be trusted, which takes some
    /// milliseconds of reading files.
    ///
    /// # Errors
    /// A certificate or key cannot be read or does not fit the other, a name is
    /// none, settings exclude each other, or the system has no roots
    /// ([`Error::is_config`]).
    pub fn build(mut self) -> Result<Tls, Error> {
        let name = self.take_name();
        if let Some(wrong) = self.wrong.take() {
            return Err(wrong);
        }
        let (config, trusted) = match self.config.take() {
            Some(config) => {
                if self.system_roots || !self.roots.is_empty() || self.client.is_some() {
                    let why = "a whole rustls configuration and roots or a client certificate \
                               beside it exclude each other";
                    return Err(Error::invalid_tls(why));
                }
                (config, "the roots of the rustls configuration".to_owned())
            }
            None => self.configure()?,
        };
        Ok(Tls {
            config,
            name,
            trusted: trusted.into(),
        })
    }

    fn take_name(&mut self) -> Name {
        match (self.server_name.take(), self.choose.take()) {
            (None, None) => Name::Host,
            (None, Some(choose)) => Name::Chosen(choose),
            (Some(name), None) => match ServerName::try_from(name.clone()) {
                Ok(name) => Name::Fixed(name),
                Err(_) => {
                    self.complain(format!("`{name}` is no name that a certificate can be for"));
                    Name::Host
                }
            },
            (Some(_), Some(_)) => {
                self.complain("`server_name` and `server_name_by` exclude each other");
                Name::Host
            }
        }
    }

    fn configure(mut self) -> Result<(Arc<ClientConfig>, String), Error> {
        let given = self.roots.len();
        let trusted = if self.system_roots || given == 0 {
            let found = load_native_certs();
            let (usable, _) = self.roots.add_parsable_certificates(found.certs);
            if usable == 0 {
                let why = match found.errors.first() {
                    Some(error) => format!(": {error}"),
                    None => String::new(),
                };
                let why = format!("the system has no root certificate that could be used{why}");
                return Err(Error::invalid_tls(why));
            }
            match given {
                0 => format!("the system's {usable} roots"),
                given => format!("the system's {usable} roots and {given} given"),
            }
        } else {
            format!("{given} given, not the system's")
        };
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::invalid_tls(error.to_string()))?
            .with_root_certificates(self.roots);
        let config = match self.client {
            None => config.with_no_client_auth(),
            Some((chain, key)) => {
                let fits = config.with_client_auth_cert(chain, key);
                let wrong = |error| {
                    Error::invalid_tls(format!("the client certificate cannot be used: {error}"))
                };
                fits.map_err(wrong)?
            }
        };
        Ok((Arc::new(config), trusted))
    }

    fn complain(&mut self, what: impl Into<String>) {
        self.wrong
            .get_or_insert_with(|| Error::invalid_tls(what.into()));
    }
}

/// Every certificate of a PEM file; `None` if there is none, or one is broken.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    found.ok().filter(|found| !found.is_empty())
}

impl fmt::Debug for TlsBuilder {
    /// Without certificates and keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsBuilder")
            .field("system_roots", &self.system_roots)
            .field("roots", &self.roots.len())
            .field("has_client_certificate", &self.client.is_some())
            .field("has_client_config", &self.config.is_some())
            .field("server_name", &self.server_name)
            .finish_non_exhaustive()
    }
}
