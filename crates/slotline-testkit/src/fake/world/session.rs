use bytes::Bytes;
use slotline_resp::{Protocol, ReceivedCommand};

/// What one connection is at a node.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) node: u16,
    pub(crate) connection: u64,
    pub(crate) protocol: Protocol,
    pub(super) is_authenticated: bool,
    pub(super) name: Option<Bytes>,
    pub(super) readonly: bool,
    /// The next command may ask for a slot that is being taken in.
    pub(super) asking: bool,
    pub(super) transaction: Option<Transaction>,
    /// Watched keys and which write had made them then.
    pub(super) watched: Vec<(Bytes, u64)>,
    /// QUIT has been answered.
    pub(crate) is_over: bool,
}

/// Commands between MULTI and EXEC.
#[derive(Clone, Debug, Default)]
pub(super) struct Transaction {
    pub(super) queued: Vec<ReceivedCommand>,
    pub(super) is_spoilt: bool,
}

impl Session {
    pub(crate) fn new(node: u16, connection: u64) -> Session {
        Session {
            node,
            connection,
            protocol: Protocol::Resp2,
            is_authenticated: false,
            name: None,
            readonly: false,
            asking: false,
            transaction: None,
            watched: Vec::new(),
            is_over: false,
        }
    }

    /// What RESET leaves.
    pub(super) fn reset(&mut self) {
        *self = Session::new(self.node, self.connection);
    }

    pub(super) fn end_transaction(&mut self) -> Option<Transaction> {
        self.watched.clear();
        self.transaction.take()
    }
}
