//! Clients that are kept from the server by where they come from.

use std::net::IpAddr;
use std::sync::Arc;

use super::FaultProxy;
use super::connection::ProxyConnection;
use super::faults::Cut;
use super::link::Link;
use super::registry::State;

impl FaultProxy {
    /// From now on nothing passes between the server and clients of this address:
    /// what either of them says is read and thrown away, as on a line that has broken
    /// without a sign. Connections that come are accepted, and the server hears
    /// nothing of them. All other clients are served as before.
    pub fn keep_out(&self, source: IpAddr) {
        let keep_out = |state: &mut State| _ = state.kept_out.insert(source);
        for connection in self.of_source(source, keep_out) {
            connection.to_server().swallow();
            connection.to_client().swallow();
        }
    }

    /// Takes that back. Connections of that address are reset, since something is
    /// missing in their streams; new ones are passed through.
    pub fn let_in(&self, source: IpAddr) {
        let let_in = |state: &mut State| _ = state.kept_out.remove(&source);
        for connection in self.of_source(source, let_in) {
            connection.cut(Cut::Reset);
        }
    }

    /// Changes what becomes of connections; those of that address which came before,
    /// as far as they are open.
    fn of_source(
        &self,
        source: IpAddr,
        change: impl FnOnce(&mut State),
    ) -> impl Iterator<Item = ProxyConnection> {
        let links: Vec<Arc<Link>> = self.registry.with(|state| {
            change(state);
            state.links()
        });
        let own = move |link: &Arc<Link>| link.client.ip() == source && link.is_open();
        links.into_iter().filter(own).map(ProxyConnection::new)
    }
}
