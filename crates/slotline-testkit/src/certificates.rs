//! Certificates of a test's own.

use std::fmt;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};

use crate::error::{Error, Result};

/// A certificate authority that nobody else knows.
///
/// ```
/// use slotline_testkit::Authority;
///
/// let authority = Authority::new("of this test")?;
/// let server = authority.issue(&["localhost", "127.0.0.1"])?;
/// assert!(server.certificate().contains("BEGIN CERTIFICATE"));
/// # Ok::<(), slotline_testkit::Error>(())
/// ```
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its private key, for a server as for a client.
#[derive(Clone)]
pub struct Identity {
    certificate: String,
    key: String,
}

impl Authority {
    /// An authority whose subject is `name`.
    ///
    /// # Errors
    ///
    /// No key could be made.
    pub fn new(name: &str) -> Result<Self> {
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).map_err(failed)?.pem();
        let issuer = Issuer::new(params, key);
        Ok(Self { pem, issuer })
    }

    /// Its own certificate, in PEM.
    pub fn certificate(&self) -> &str {
        &self.pem
    }

    /// A certificate for these DNS names and IP addresses.
    ///
    /// # Errors
    ///
    /// What is given is no name.
    pub fn issue(&self, names: &[&str]) -> Result<Identity> {
        self.sign(names, |_| {})
    }

    /// The same, but it was valid in the year 2020 and is not any more.
    ///
    /// # Errors
    ///
    /// As [`issue`](Self::issue).
    pub fn issue_expired(&self, names: &[&str]) -> Result<Identity> {
        self.sign(names, |params| {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2020, 12, 31);
        })
    }

    fn sign(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Result<Identity> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).map_err(failed)?;
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        change(&mut params);
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        Ok(Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }
}

impl Identity {
    /// The certificate, in PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The private key, in PEM.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

fn failed(error: rcgen::Error) -> Error {
    Error::setup("making a certificate", error.to_string())
}
