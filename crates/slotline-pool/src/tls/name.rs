//! The name that a node's certificate has to be for.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::ServerName;

use super::STEP;
use crate::address::Address;
use crate::error::{Error, Nature};

/// Where the name comes from.
#[derive(Clone)]
pub(super) enum Name {
    /// The host of the node's address.
    Host,
    /// The same for all nodes.
    Fixed(ServerName<'static>),
    /// The user's own choice; the host where it makes none.
    Chosen(Arc<Choose>),
}

pub(super) type Choose = dyn Fn(&Address) -> Option<String> + Send + Sync;

impl Name {
    /// What the certificate of the node at `address` has to be for.
    pub(super) fn of(&self, address: &Address) -> Result<ServerName<'static>, Error> {
        let chosen = match self {
            Name::Fixed(name) => return Ok(name.clone()),
            Name::Chosen(choose) => choose(address),
            Name::Host => None,
        };
        let refuse = |why: String| Err(Error::dial(address, STEP, Nature::Refusal, why));
        let Some(name) = chosen.or_else(|| address.host().map(str::to_owned)) else {
            let why = "a unix socket has no host that a certificate could be for; \
                       give the name with `TlsBuilder::server_name`";
            return refuse(why.to_owned());
        };
        match ServerName::try_from(name.clone()) {
            Ok(name) => Ok(name),
            Err(_) => refuse(format!("`{name}` is no name that a certificate can be for")),
        }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Host => f.write_str("Host"),
            Name::Fixed(name) => f.debug_tuple("Fixed").field(&name.to_str()).finish(),
            Name::Chosen(_) => f.write_str("Chosen"),
        }
    }
}
