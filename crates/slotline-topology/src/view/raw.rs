//! A node as a reply describes it.

use std::sync::Arc;

use slotline_resp::{FromReply, Reader};

use crate::topology::{Details, Health};

/// What any of the replies tells of a node; what it does not tell is empty.
#[derive(Default)]
pub(super) struct RawNode<'a> {
    /// The host by which it is to be reached: empty or null for the one that was
    /// asked, `?` if that is not known.
    pub(super) host: Option<&'a str>,
    /// The port by which it is to be reached.
    pub(super) port: u16,
    pub(super) id: Option<&'a str>,
    pub(super) ip: Option<&'a str>,
    pub(super) hostname: Option<&'a str>,
    pub(super) zone: Option<&'a str>,
    pub(super) plain_port: Option<u16>,
    pub(super) tls_port: Option<u16>,
    pub(super) health: Health,
    pub(super) offset: Option<u64>,
}

impl<'a> RawNode<'a> {
    /// The host to use; the inner `None` for the one that was asked, the outer if
    /// there is none.
    pub(super) fn reachable_host(&self) -> Option<Option<&'a str>> {
        match self.host {
            Some("?") => Some(Some(known(self.ip).or(known(self.hostname))?)),
            other => Some(other.filter(|host| !host.is_empty())),
        }
    }

    pub(super) fn details(
        &self,
        mut text: impl FnMut(&str) -> Option<Arc<str>>,
    ) -> Option<Arc<Details>> {
        let mut share = |part: Option<&str>| known(part).and_then(&mut text);
        let details = Details {
            // What the host itself says is not said again.
            ip: share(self.ip.or(self.host.filter(|host| is_ip(host)))),
            hostname: share(self.hostname),
            zone: share(self.zone),
            port: self.plain_port.filter(|port| *port != 0),
            tls_port: self.tls_port.filter(|port| *port != 0),
            health: self.health,
            offset: self.offset,
        };
        (details != Details::default()).then(|| Arc::new(details))
    }
}

/// No name has a colon, or is all digits and dots.
fn is_ip(host: &str) -> bool {
    let is_v4 = |host: &str| {
        host.bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    host.contains(':') || (!host.is_empty() && is_v4(host))
}

fn known(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty() && *text != "?")
}

/// What stands here if it is of this type; whatever else it is, is passed over.
pub(super) fn lenient<'a, T: FromReply<'a>>(
    reader: &mut Reader<'a>,
) -> Result<Option<T>, slotline_resp::Error> {
    let read: Result<Option<T>, _> = FromReply::from_reply(reader)?;
    Ok(read.ok().flatten())
}
