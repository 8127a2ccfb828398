//! What a proxy is to be.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use super::FaultProxy;
use super::listener::{Sockets, listen};
use super::registry::Registry;
use crate::error::{Error, Result};
use crate::ports::Port;
use crate::standalone::ATTEMPTS;

/// Options for a [`FaultProxy`]. Faults are no options: a proxy has no connection
/// before somebody is told its address, so ask for them when it has started.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is started"]
pub struct FaultProxyBuilder {
    backend: SocketAddr,
    ip: IpAddr,
    buffers: Option<u32>,
}

impl FaultProxyBuilder {
    pub(super) fn new(backend: SocketAddr) -> FaultProxyBuilder {
        let ip = match backend {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        FaultProxyBuilder {
            backend,
            ip,
            buffers: None,
        }
    }

    /// The address to listen on: by default 127.0.0.1, or ::1 if that of the server
    /// is an IPv6 address.
    pub fn ip(mut self, ip: IpAddr) -> Self {
        self.ip = ip;
        self
    }

    /// How many bytes there is room for between both ends, three times in each
    /// direction: in the receive buffer (SO_RCVBUF) of one socket, in the proxy
    /// itself, and in the send buffer (SO_SNDBUF) of the other. The system has a
    /// least size of its own, a few KiB, and doubles what it is told. The buffers of
    /// client and server come on top. By default it is as much as the system likes,
    /// and 64 KiB in the proxy.
    pub fn buffers(mut self, bytes: u32) -> Self {
        self.buffers = Some(bytes);
        self
    }

    /// Begins to listen, on a free port.
    ///
    /// # Errors
    ///
    /// There is no free port, or no socket to be had.
    ///
    /// # Cancel safety
    ///
    /// It does not wait for anything.
    pub async fn start(self) -> Result<FaultProxy> {
        let sockets = Sockets {
            buffers: self.buffers,
        };
        let bound = self.buffers.and_then(|bytes| usize::try_from(bytes).ok());
        let mut last = Error::setup("starting a proxy", "not tried");
        for _ in 0..ATTEMPTS {
            // A port of its own, so that it can be listened on again later.
            let port = Port::free(self.ip)?;
            let address = SocketAddr::new(self.ip, port.number());
            match sockets.listen(address) {
                Ok(listener) => {
                    let registry = Arc::new(Registry::new(address, self.backend, bound));
                    let task = tokio::spawn(listen(Arc::clone(&registry), listener, sockets));
                    return Ok(FaultProxy {
                        registry,
                        task,
                        _port: port,
                    });
                }
                Err(error) => last = Error::io("starting a proxy", error).at(address),
            }
        }
        Err(last)
    }
}
