//! Free loopback ports.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, TcpListener};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};

/// Below the range that operating systems take outgoing ports from, so that a
/// port that was free stays free but for other servers.
const RANGE: std::ops::Range<u16> = 10_000..32_000;

static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port that nobody else in this process is given until it is dropped.
/// Another process may still take it: whoever listens on it must be ready to
/// try another.
#[derive(Debug)]
pub(crate) struct Port(u16);

impl Port {
    /// A port that is free now, picked at random so that processes that pick at
    /// the same time seldom meet.
    pub(crate) fn free(ip: IpAddr) -> Result<Self> {
        for _ in 0..1000 {
            let width = u64::from(RANGE.end - RANGE.start);
            let random = std::hash::RandomState::new().build_hasher().finish() % width;
            let port = RANGE.start + u16::try_from(random).unwrap_or(0);
            if let Some(port) = Self::exactly(port)
                && TcpListener::bind((ip, port.0)).is_ok()
            {
                return Ok(port);
            }
        }
        Err(Error::setup(
            "looking for a free port",
            format!("none found on {ip} from {RANGE:?}"),
        ))
    }

    /// This port, unless it was given to somebody else.
    pub(crate) fn exactly(port: u16) -> Option<Self> {
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        // Lazily: a port that is made is given back when it is dropped.
        taken.insert(port).then(|| Self(port))
    }

    pub(crate) fn number(&self) -> u16 {
        self.0
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        taken.remove(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_port_is_given_once_until_it_is_dropped() {
        let ports: Vec<_> = (0..200)
            .map(|_| Port::free(Ipv4Addr::LOCALHOST.into()).unwrap())
            .collect();
        let distinct: BTreeSet<_> = ports.iter().map(Port::number).collect();
        assert_eq!(distinct.len(), ports.len());
        let number = ports[0].number();
        assert!(Port::exactly(number).is_none());
        drop(ports);
        assert!(Port::exactly(number).is_some());
    }
}
