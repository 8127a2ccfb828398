//! The handle on one connection.

use std::net::SocketAddr;
use std::sync::Arc;

use super::faults::Cut;
use super::flow::Flow;
use super::link::{Direction, Link};

/// One connection through a proxy, open or ended. Clones are handles to the same
/// one; none of them keeps it open.
#[derive(Clone, Debug)]
pub struct ProxyConnection {
    link: Arc<Link>,
}

impl ProxyConnection {
    pub(super) fn new(link: Arc<Link>) -> ProxyConnection {
        ProxyConnection { link }
    }

    /// Its number, counted from 0 in the order in which connections came.
    pub fn number(&self) -> usize {
        self.link.number
    }

    /// The client's own address.
    pub fn client(&self) -> SocketAddr {
        self.link.client
    }

    /// The address that the server sees instead of the client's, as `CLIENT LIST`
    /// shows it; `None` as long as there is no connection to the server.
    pub fn seen_by_server(&self) -> Option<SocketAddr> {
        self.link.seen_by_server()
    }

    /// Whether it has not been ended: by a cut, or by both its ends.
    pub fn is_open(&self) -> bool {
        self.link.is_open()
    }

    /// The direction from the client to the server.
    pub fn to_server(&self) -> Flow {
        Flow::of_one(&self.link, Direction::ToServer)
    }

    /// The direction from the server to the client.
    pub fn to_client(&self) -> Flow {
        Flow::of_one(&self.link, Direction::ToClient)
    }

    /// Ends it now; counted as a cut in the direction to the client.
    pub fn cut(&self, how: Cut) {
        self.to_client().cut_after(0, how);
    }
}
