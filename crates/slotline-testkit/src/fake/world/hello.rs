//! Who a client is, and what a server says of itself.

use bytes::Bytes;
use slotline_resp::{Protocol, ReplyBuffer};

use super::{Session, World};

impl World {
    pub(super) fn hello(&self, session: &mut Session, args: &[Bytes], replies: &mut ReplyBuffer) {
        let mut protocol = session.protocol;
        let mut rest = args;
        if let [version, options @ ..] = args {
            protocol = match version.as_ref() {
                b"2" => Protocol::Resp2,
                b"3" => Protocol::Resp3,
                _ => {
                    replies.error("NOPROTO unsupported protocol version");
                    return;
                }
            };
            rest = options;
        }
        while let [option, after @ ..] = rest {
            rest = match (option.to_ascii_uppercase().as_slice(), after) {
                (b"AUTH", [user, password, more @ ..]) => {
                    if !self.admits(session, Some(user), password, replies) {
                        return;
                    }
                    more
                }
                (b"SETNAME", [name, more @ ..]) => {
                    session.name = Some(Bytes::copy_from_slice(name));
                    more
                }
                _ => {
                    let option = String::from_utf8_lossy(option);
                    replies.error(format!("ERR Syntax error in HELLO option '{option}'"));
                    return;
                }
            };
        }
        if self.password.is_some() && !session.is_authenticated {
            replies.error(
                "NOAUTH HELLO must be called with the client already authenticated, otherwise \
                 the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the \
                 client and select the RESP protocol version at the same time",
            );
            return;
        }
        session.protocol = protocol;
        replies.set_protocol(protocol);
        let role = match self.view_of(session.node).is_primary(session.node) {
            true => "master",
            false => "replica",
        };
        let version = if protocol == Protocol::Resp3 { 3 } else { 2 };
        let zone = self.zone_of(session.node);
        let zone = Some(zone).filter(|zone| self.server.knows_zones() && !zone.is_empty());
        replies.map(7 + usize::from(zone.is_some()));
        replies.bulk("server").bulk(self.server.name());
        replies.bulk("version").bulk(self.server.version());
        replies.bulk("proto").integer(version);
        let id = i64::try_from(session.connection).unwrap_or(i64::MAX);
        replies.bulk("id").integer(id);
        replies.bulk("mode").bulk("cluster");
        replies.bulk("role").bulk(role);
        replies.bulk("modules").array(0);
        if let Some(zone) = zone {
            replies.bulk("availability_zone").bulk(zone);
        }
    }

    /// Whether the password is right; if not, the error is written.
    pub(super) fn admits(
        &self,
        session: &mut Session,
        user: Option<&Bytes>,
        password: &Bytes,
        replies: &mut ReplyBuffer,
    ) -> bool {
        let is_default = user.is_none_or(|user| user.as_ref() == b"default");
        match &self.password {
            None if user.is_none() => {
                replies.error(
                    "ERR AUTH <password> called without any password configured for the default \
                     user. Are you sure your configuration is correct?",
                );
                false
            }
            // Without a password the default user is let in with any.
            None if is_default => true,
            Some(own) if is_default && own.as_bytes() == password.as_ref() => {
                session.is_authenticated = true;
                true
            }
            _ => {
                replies.error("WRONGPASS invalid username-password pair or user is disabled.");
                false
            }
        }
    }
}
