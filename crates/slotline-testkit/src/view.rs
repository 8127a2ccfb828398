//! What one node believes of its cluster: its answer to CLUSTER NODES.

/// The members that a node knows, itself among them, sorted by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) members: Vec<Member>,
}

/// One member as another sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) id: String,
    flags: Vec<String>,
    /// The id of the primary that it replicates.
    pub(crate) primary: Option<String>,
    pub(crate) slots: Vec<(u16, u16)>,
}

impl View {
    /// Reads the answer; lines that are no members are skipped.
    pub(crate) fn parse(text: &str) -> Self {
        let mut members: Vec<_> = text.lines().filter_map(Member::parse).collect();
        members.sort_by(|a, b| a.id.cmp(&b.id));
        Self { members }
    }

    pub(crate) fn member(&self, id: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.id == id)
    }

    pub(crate) fn owner_of(&self, slot: u16) -> Option<&Member> {
        self.members.iter().find(|member| {
            member
                .slots
                .iter()
                .any(|(from, to)| (*from..=*to).contains(&slot))
        })
    }
}

impl Member {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let id = words.next()?.to_owned();
        let _address = words.next()?;
        let flags = words.next()?.split(',').map(str::to_owned).collect();
        let primary = words.next()?;
        let slots = words.skip(4).filter_map(range).collect();
        Some(Self {
            id,
            flags,
            primary: (primary != "-").then(|| primary.to_owned()),
            slots,
        })
    }

    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|own| own == flag)
    }

    /// Flagged as failed by a majority, not only suspected.
    pub(crate) fn is_failed(&self) -> bool {
        self.has("fail")
    }

    /// Whether it is known for certain and thought to be well.
    pub(crate) fn is_settled(&self) -> bool {
        !["fail", "fail?", "handshake", "noaddr"]
            .iter()
            .any(|flag| self.has(flag))
    }

    pub(crate) fn is_primary(&self) -> bool {
        self.has("master")
    }
}

/// `5-9` or `7`; a slot on its way (`[93-<-…]`) is none.
fn range(word: &str) -> Option<(u16, u16)> {
    let (from, to) = word.split_once('-').unwrap_or((word, word));
    Some((from.parse().ok()?, to.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
b 127.0.0.1:2@12,host myself,master - 0 0 3 connected 5461-10922 11000 [93-<-a]\n\
a 127.0.0.1:1@11 slave,fail? b 1 2 3 connected\n\
\n\
c :0@0 master,noaddr,handshake - 0 0 0 disconnected\n";

    #[test]
    fn members_are_read_with_role_slots_and_state() {
        let view = View::parse(TEXT);
        let ids: Vec<_> = view
            .members
            .iter()
            .map(|member| member.id.as_str())
            .collect();
        assert_eq!(ids, ["a", "b", "c"]);
        assert_eq!(view.owner_of(6000).unwrap().id, "b");
        assert_eq!(view.owner_of(11000).unwrap().id, "b");
        assert!(view.owner_of(93).is_none());
        let replica = view.member("a").unwrap();
        assert_eq!(replica.primary.as_deref(), Some("b"));
        assert!(!replica.is_settled() && !replica.is_failed() && !replica.is_primary());
        assert!(view.member("b").unwrap().is_settled());
        assert!(!view.member("c").unwrap().is_settled());
    }
}
