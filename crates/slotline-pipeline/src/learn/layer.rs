use std::sync::Arc;

use tower::Layer;

use super::Learn;
use super::known::Known;
use crate::cluster::Cluster;

/// Asks a node about a command that is in no table and whose keys nobody marked: one of
/// a module, or of a newer server, or one that the server's configuration has renamed.
/// It belongs above [`Spread`](crate::spread::Spread). From then on the command has
/// flags, keys and policies like any other, for as long as this layer is there.
///
/// Each name is asked about once, by one request however many wait for it (COMMAND
/// INFO). Where there was no answer, or the server does not know the command either, it
/// is not asked again for ten seconds. At most 1,000 names are kept. What remains
/// unknown is refused below as it would be without this layer; so is a command whose
/// keys cannot be told by its description, and one with subcommands: mark its keys.
/// What the server counts as a connection's affair, or publish and subscribe, is
/// refused like SELECT.
///
/// A server that is no cluster gets every command as it is, and is asked nothing.
///
/// Source: [COMMAND INFO](https://redis.io/docs/latest/commands/command-info/).
#[derive(Debug, Clone)]
#[must_use]
pub struct LearnLayer {
    cluster: Cluster,
    known: Arc<Known>,
}

impl LearnLayer {
    /// Asks nodes of `cluster`.
    pub fn new(cluster: Cluster) -> LearnLayer {
        LearnLayer {
            cluster,
            known: Arc::default(),
        }
    }
}

impl<S> Layer<S> for LearnLayer {
    type Service = Learn<S>;

    fn layer(&self, inner: S) -> Learn<S> {
        Learn::new(inner, self.cluster.clone(), Arc::clone(&self.known))
    }
}
