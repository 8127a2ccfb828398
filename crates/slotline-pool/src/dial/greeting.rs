//! What a server says of itself in its answer to HELLO.

use slotline_resp::{Protocol, Value};

/// How a server is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// On its own.
    Standalone,
    /// As a node of a cluster.
    Cluster,
    /// As a sentinel.
    Sentinel,
    /// It did not say: RESP2 has no HELLO.
    Unknown,
}

/// What a server was when the connection was made; it may have changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// A primary.
    Primary,
    /// A replica.
    Replica,
    /// It did not say.
    Unknown,
}

/// The server's answer to [HELLO](https://redis.io/docs/latest/commands/hello/).
/// A server that was spoken to in RESP2 has said nothing of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    protocol: Protocol,
    server: Option<String>,
    version: Option<String>,
    mode: Mode,
    role: Role,
    client_id: Option<u64>,
}

impl Greeting {
    pub(crate) fn resp2() -> Greeting {
        Greeting {
            protocol: Protocol::Resp2,
            server: None,
            version: None,
            mode: Mode::Unknown,
            role: Role::Unknown,
            client_id: None,
        }
    }

    /// The map that HELLO answers with; what is missing in it is unknown.
    pub(crate) fn of_hello(answer: &Value) -> Greeting {
        let text = |key| answer.get(key).and_then(Value::as_str);
        Greeting {
            protocol: match answer.get("proto").and_then(Value::as_int) {
                Some(2) => Protocol::Resp2,
                _ => Protocol::Resp3,
            },
            server: text("server").map(str::to_owned),
            version: text("version").map(str::to_owned),
            mode: match text("mode") {
                Some("standalone") => Mode::Standalone,
                Some("cluster") => Mode::Cluster,
                Some("sentinel") => Mode::Sentinel,
                _ => Mode::Unknown,
            },
            role: match text("role") {
                Some("master" | "primary") => Role::Primary,
                Some("replica" | "slave") => Role::Replica,
                _ => Role::Unknown,
            },
            client_id: answer
                .get("id")
                .and_then(Value::as_int)
                .and_then(|id| id.try_into().ok()),
        }
    }

    /// The protocol that the connection speaks: RESP2 where the server knows no HELLO,
    /// or refuses it.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The server's name for itself, such as `redis` or `valkey`.
    #[must_use]
    pub fn server(&self) -> Option<&str> {
        self.server.as_deref()
    }

    /// The server's version.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// How the server is run.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The server's number for the connection, as
    /// [`CLIENT ID`](https://redis.io/docs/latest/commands/client-id/) tells it.
    #[must_use]
    pub fn client_id(&self) -> Option<u64> {
        self.client_id
    }

    /// What the server was when the connection was made.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }
}
