/// Which server a fake cluster takes after, where they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum FakeServer {
    /// Redis 7.0: its replicas know nothing of a slot's migration.
    #[default]
    Redis70,
    /// Valkey 8.1: its replicas answer ASK and TRYAGAIN as their primary does.
    Valkey81,
}

impl FakeServer {
    /// What HELLO says it is.
    pub(crate) fn name(self) -> &'static str {
        match self {
            FakeServer::Redis70 => "redis",
            FakeServer::Valkey81 => "valkey",
        }
    }

    pub(crate) fn version(self) -> &'static str {
        match self {
            FakeServer::Redis70 => "7.0.15",
            FakeServer::Valkey81 => "8.1.1",
        }
    }

    /// The first lines of INFO.
    pub(crate) fn info(self) -> String {
        let own = match self {
            FakeServer::Redis70 => "redis_version:7.0.15\r\nredis_mode:cluster\r\n",
            FakeServer::Valkey81 => {
                "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.1\r\n\
                 server_mode:cluster\r\n"
            }
        };
        format!("# Server\r\n{own}")
    }

    /// Whether INFO and HELLO tell of the node's zone.
    pub(crate) fn knows_zones(self) -> bool {
        self != FakeServer::Redis70
    }

    /// Whether CLIENT SETINFO is known.
    pub(crate) fn knows_setinfo(self) -> bool {
        self != FakeServer::Redis70
    }

    /// Whether a replica knows of its primary's migrations.
    pub(crate) fn replicas_know_migrations(self) -> bool {
        self != FakeServer::Redis70
    }
}
