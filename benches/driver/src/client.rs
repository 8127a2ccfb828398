//! What is asked of a client.

use std::collections::HashMap;
use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;

use crate::workload::Workload;

/// How long a request may take: every client is to keep a deadline, and none is
/// met unless something is wrong.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Why a client could not do what it was asked for; the table has the text.
pub type Failure = Box<dyn Error + Send + Sync>;

/// What a client is to connect to.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What it will do there.
    pub workload: Workload,
    /// Whether the nodes are a cluster.
    pub cluster: bool,
    /// One server, or all nodes of a cluster, primaries first.
    pub nodes: Vec<SocketAddr>,
    /// The PEM file of the authority that the servers' certificates are of, if
    /// they are spoken to through TLS.
    pub authority: Option<PathBuf>,
}

impl Setup {
    /// The first node's address.
    ///
    /// # Errors
    /// There is no node.
    pub fn first(&self) -> Result<SocketAddr, Failure> {
        let first = self.nodes.first().copied();
        first.ok_or_else(|| "no node was named".into())
    }

    /// The nodes as URLs of that scheme, with an `s` added to it for TLS.
    #[must_use]
    pub fn urls(&self, scheme: &str) -> Vec<String> {
        let s = if self.authority.is_some() { "s" } else { "" };
        let url = |node| format!("{scheme}{s}://{node}");
        self.nodes.iter().map(url).collect()
    }

    /// The authority's certificate in PEM, if TLS is asked for.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn pem(&self) -> Result<Option<Vec<u8>>, Failure> {
        let read = |path| std::fs::read(path).map_err(Failure::from);
        self.authority.as_ref().map(read).transpose()
    }

    /// Whether reads are to go to replicas.
    #[must_use]
    pub fn from_replicas(&self) -> bool {
        self.cluster && self.workload.reads_replicas()
    }
}

/// A client, of which each task has a clone. Replies are owned values, since that
/// is what programs go on with; [`keys`](crate::keys) tells what they should be.
pub trait Client: Clone + Send + Sync + 'static {
    /// The cheapest owned type of bytes that the client gives.
    type Value: AsRef<[u8]> + Send;

    /// Connects.
    fn connect(setup: &Setup) -> impl Future<Output = Result<Self, Failure>> + Send;

    /// A GET.
    fn get(&mut self, key: &str) -> impl Future<Output = Result<Self::Value, Failure>> + Send;

    /// A SET.
    fn set(&mut self, key: &str, value: &Bytes)
    -> impl Future<Output = Result<(), Failure>> + Send;

    /// An HGETALL.
    fn map(
        &mut self,
        key: &str,
    ) -> impl Future<Output = Result<HashMap<String, String>, Failure>> + Send;

    /// GETs in one pipeline.
    fn get_all(
        &mut self,
        keys: &[String],
    ) -> impl Future<Output = Result<Vec<Self::Value>, Failure>> + Send;

    /// SETs in one pipeline; an error reply of any is an error.
    fn set_all(
        &mut self,
        keys: &[String],
        value: &Bytes,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// HGETALLs in one pipeline.
    fn map_all(
        &mut self,
        keys: &[String],
    ) -> impl Future<Output = Result<Vec<HashMap<String, String>>, Failure>> + Send;
}
