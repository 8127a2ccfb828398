//! Servers that speak TLS beside plain text.

use std::fs;
use std::path::Path;

use crate::certificates::{Authority, Identity};
use crate::error::{Error, Result};

const CERTIFICATE: &str = "server.crt";
const KEY: &str = "server.key";
const AUTHORITY: &str = "authority.crt";

/// What a server proves itself with, and whose clients it trusts.
#[derive(Clone, Debug)]
pub(crate) struct ServerTls {
    identity: Identity,
    authority: String,
}

impl ServerTls {
    pub(crate) fn new(identity: &Identity, authority: &Authority) -> Self {
        Self {
            identity: identity.clone(),
            authority: authority.certificate().to_owned(),
        }
    }

    /// The options that switch it on, but for those of `own` that replace them;
    /// the files are found in the folder that the server runs in.
    pub(crate) fn options(&self, port: u16, own: &[(String, String)]) -> Vec<(String, String)> {
        let port = port.to_string();
        let options = [
            ("tls-port", &*port),
            ("tls-cert-file", CERTIFICATE),
            ("tls-key-file", KEY),
            ("tls-ca-cert-file", AUTHORITY),
            ("tls-auth-clients", "no"),
        ];
        without(own, &options)
    }

    /// The same for a node of a cluster. Only nodes that speak TLS with each other
    /// tell of their TLS ports in every version of the servers.
    pub(crate) fn options_in_cluster(
        &self,
        port: u16,
        own: &[(String, String)],
    ) -> Vec<(String, String)> {
        let mut options = self.options(port, own);
        let among_nodes = [("tls-cluster", "yes"), ("tls-replication", "yes")];
        options.extend(without(own, &among_nodes));
        options
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let files = [
            (CERTIFICATE, self.identity.certificate()),
            (KEY, self.identity.key()),
            (AUTHORITY, &self.authority),
        ];
        let written = fs::create_dir_all(folder).and_then(|()| {
            let mut files = files.iter();
            files.try_for_each(|(name, pem)| fs::write(folder.join(name), pem))
        });
        written.map_err(|error| Error::io("writing the server's certificates", error))
    }
}

fn without(own: &[(String, String)], options: &[(&str, &str)]) -> Vec<(String, String)> {
    let is_replaced = |name: &str| own.iter().any(|(mine, _)| mine.eq_ignore_ascii_case(name));
    let left = options.iter().filter(|(name, _)| !is_replaced(name));
    left.map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
