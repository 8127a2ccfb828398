//! A made-up cluster, as all of its nodes tell of it.

use crate::wire::{bulk, header};

/// Which node has which slots, and how the nodes behave.
pub struct Layout {
    /// The reply to CLUSTER SLOTS; made beforehand, so that telling it costs nothing.
    pub slots: Vec<u8>,
    /// The reply to CLUSTER NODES.
    pub nodes: Vec<u8>,
    pub(crate) is_silent: bool,
    pub(crate) is_frugal: bool,
}

impl Layout {
    /// So many primaries without replicas, which have so many ranges of slots in turn;
    /// as many as nodes is one each.
    #[must_use]
    pub fn new(nodes: usize, ranges: usize) -> Layout {
        let first_slot = |range: usize| range * 16_384 / ranges;
        let (mut slots, mut lines) = (Vec::new(), String::new());
        header(&mut slots, b'*', ranges);
        for range in 0..ranges {
            let node = range % nodes;
            header(&mut slots, b'*', 3);
            header(&mut slots, b':', first_slot(range));
            header(&mut slots, b':', first_slot(range + 1) - 1);
            header(&mut slots, b'*', 3);
            bulk(&mut slots, host(node).as_bytes());
            header(&mut slots, b':', 7000);
            bulk(&mut slots, format!("{node:040}").as_bytes());
        }
        for node in 0..nodes {
            let (host, epoch) = (host(node), node + 1);
            lines += &format!("{node:040} {host}:7000@17000 master - 0 0 {epoch} connected");
            for range in (node..ranges).step_by(nodes) {
                let (first, last) = (first_slot(range), first_slot(range + 1) - 1);
                lines += &match first == last {
                    true => format!(" {first}"),
                    false => format!(" {first}-{last}"),
                };
            }
            lines.push('\n');
        }
        let mut nodes = Vec::new();
        bulk(&mut nodes, lines.as_bytes());
        Layout {
            slots,
            nodes,
            is_silent: false,
            is_frugal: false,
        }
    }

    /// Its nodes never answer a GET.
    #[must_use]
    pub fn silent(mut self) -> Layout {
        self.is_silent = true;
        self
    }

    /// Its nodes keep no memory for what comes next: it is the client's that counts.
    #[must_use]
    pub fn frugal(mut self) -> Layout {
        self.is_frugal = true;
        self
    }
}

fn host(node: usize) -> String {
    format!("10.0.{}.{}", node / 250, node % 250 + 1)
}
