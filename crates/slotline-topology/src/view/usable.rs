//! The nodes that CLUSTER NODES tells of, those included that serve no slot.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Member, NodeLine, Usable, View};
use crate::endpoint::{Endpoint, is_name};

impl View {
    /// Adds the nodes that can be used. Those without slots are in no other reply, and
    /// are where they would be if they were named as the others are.
    pub(super) fn add_usable(&mut self, lines: &[NodeLine]) {
        let members = self.members.iter().enumerate();
        let by_id: FxHashMap<Arc<str>, usize> = members
            .filter_map(|(place, member)| Some((member.id.clone()?, place)))
            .collect();
        let naming = lines.iter().find_map(|line| {
            let member = self.members.get(*by_id.get(line.id.as_str())?)?;
            Naming::of(line, &member.endpoint)
        });
        let members = self.members.iter();
        let mut taken: FxHashSet<Endpoint> =
            members.map(|member| member.endpoint.clone()).collect();
        self.usable.clear();
        for line in lines.iter().filter(|line| line.is_usable()) {
            let place = match by_id.get(line.id.as_str()) {
                Some(place) => *place,
                None => {
                    let endpoint = naming.and_then(|naming| naming.endpoint(line, &self.asked));
                    let Some(endpoint) = endpoint.filter(|new| taken.insert(new.clone())) else {
                        continue;
                    };
                    self.members.push(Member {
                        id: Some(line.id.as_str().into()),
                        endpoint,
                        // Whoever tells of its slots knows better.
                        assumed: true,
                        details: line
                            .raw()
                            .details(|text| is_name(text).then(|| text.into())),
                    });
                    self.members.len() - 1
                }
            };
            self.usable.push(Usable {
                member: place,
                copies: line.primary.as_deref().map(Arc::from),
            });
        }
    }
}

impl NodeLine {
    /// Whether it is in the cluster and answers, for all that the writer of the line
    /// knows.
    fn is_usable(&self) -> bool {
        let is_well = !self.flags.fail && !self.flags.suspected && self.connected;
        let has_role = self.flags.primary || (self.flags.replica && self.primary.is_some());
        self.is_trusted() && is_well && has_role
    }
}

/// By what nodes are named (`cluster-preferred-endpoint-type`). Where endpoints are not
/// known to the servers at all, nobody can say where one is that has no slots.
#[derive(Clone, Copy)]
enum Naming {
    Address,
    Hostname,
}

impl Naming {
    fn of(line: &NodeLine, endpoint: &Endpoint) -> Option<Naming> {
        if line.hostname.as_deref() == Some(endpoint.host()) {
            return Some(Naming::Hostname);
        }
        let is_address = line.ip.as_deref() == Some(endpoint.host());
        is_address.then_some(Naming::Address)
    }

    fn endpoint(self, line: &NodeLine, asked: &Endpoint) -> Option<Endpoint> {
        let hostname = match self {
            Naming::Address => None,
            Naming::Hostname => line.hostname.as_deref(),
        };
        let host = hostname.or(line.ip.as_deref())?;
        Endpoint::told(Some(host), line.port, asked)
    }
}
