//! What a node tells of itself.

use bytes::Bytes;
use slotline_resp::ReplyBuffer;

use super::World;

impl World {
    pub(super) fn for_itself(
        &self,
        port: u16,
        name: &str,
        args: &[Bytes],
        replies: &mut ReplyBuffer,
    ) -> bool {
        match (name, args) {
            ("ROLE", []) => self.role(port, replies),
            ("INFO", sections) => {
                let has = |name: &str| {
                    sections.is_empty()
                        || sections
                            .iter()
                            .any(|section| section.eq_ignore_ascii_case(name.as_bytes()))
                };
                let mut texts = Vec::new();
                if has("server") {
                    texts.push(self.info_of_server(port));
                }
                if has("replication") {
                    texts.push(self.info_of_replication(port));
                }
                replies.verbatim("txt", texts.join("\r\n"));
            }
            _ => return false,
        }
        true
    }

    /// How far a node has come; everybody hears of it at once.
    pub(super) fn offset_of(&self, port: u16) -> u64 {
        self.nodes.get(&port).map_or(0, |node| node.offset)
    }

    pub(super) fn zone_of(&self, port: u16) -> &str {
        self.nodes.get(&port).map_or("", |node| &node.zone)
    }

    fn is_cut_off(&self, port: u16) -> bool {
        self.nodes.get(&port).is_some_and(|node| node.is_cut_off)
    }

    fn followers(&self, port: u16) -> Vec<u16> {
        let replicas = self.view_of(port).replicas_of(port);
        replicas
            .filter(|replica| !self.is_cut_off(*replica))
            .collect()
    }

    fn role(&self, port: u16, replies: &mut ReplyBuffer) {
        let primary = self.view_of(port).primary_of(port);
        let offset = |node: u16| i64::try_from(self.offset_of(node)).unwrap_or(i64::MAX);
        if primary != port {
            let state = match self.is_cut_off(port) {
                true => "connect",
                false => "connected",
            };
            replies.array(5).bulk("slave").bulk(&self.host);
            replies.integer(i64::from(primary)).bulk(state);
            replies.integer(offset(port));
            return;
        }
        let followers = self.followers(port);
        replies.array(3).bulk("master").integer(offset(port));
        replies.array(followers.len());
        for replica in followers {
            replies.array(3).bulk(&self.host).bulk(replica.to_string());
            replies.bulk(offset(replica).to_string());
        }
    }

    fn info_of_server(&self, port: u16) -> String {
        let mut text = self.server.info();
        text += &format!("tcp_port:{port}\r\n");
        if self.server.knows_zones() {
            text += &format!("availability_zone:{}\r\n", self.zone_of(port));
        }
        text
    }

    fn info_of_replication(&self, port: u16) -> String {
        let primary = self.view_of(port).primary_of(port);
        let offset = self.offset_of(port);
        if primary == port {
            let count = self.followers(port).len();
            return format!(
                "# Replication\r\nrole:master\r\nconnected_slaves:{count}\r\n\
                 master_repl_offset:{offset}\r\n"
            );
        }
        let link = if self.is_cut_off(port) { "down" } else { "up" };
        format!(
            "# Replication\r\nrole:slave\r\nmaster_host:{}\r\nmaster_port:{primary}\r\n\
             master_link_status:{link}\r\nslave_repl_offset:{offset}\r\n\
             master_repl_offset:{offset}\r\n",
            self.host
        )
    }
}
