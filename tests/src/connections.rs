use slotline_testkit::Node;

/// One line of CLIENT LIST.
#[derive(Debug, Clone)]
pub struct Connection {
    line: String,
}

impl Connection {
    /// A field, empty if the server does not show it.
    pub fn field(&self, name: &str) -> &str {
        let mut fields = self.line.split(' ').filter_map(|pair| pair.split_once('='));
        let found = fields.find(|(key, _)| *key == name);
        found.map_or("", |(_, value)| value.trim())
    }

    /// The client's address.
    pub fn address(&self) -> &str {
        self.field("addr")
    }

    /// The last command, in lower case: `get`, `client|setname`.
    pub fn command(&self) -> &str {
        self.field("cmd")
    }

    /// Whether it has been sent READONLY.
    pub fn is_readonly(&self) -> bool {
        self.field("flags").contains('r')
    }
}

/// All connections of clients to a node.
pub async fn connections(node: &Node) -> Vec<Connection> {
    let list: String = match node.ask(&["CLIENT", "LIST"]).await {
        Ok(list) => list,
        Err(error) => panic!("{error}"),
    };
    let lines = list.lines().map(str::to_owned);
    lines.map(|line| Connection { line }).collect()
}

/// Those of the client of that name.
pub async fn connections_of(node: &Node, name: &str) -> Vec<Connection> {
    let mut all = connections(node).await;
    all.retain(|connection| connection.field("name") == name);
    all
}

/// Closes connections from the server's side; how many were still there.
pub async fn kill(node: &Node, connections: &[Connection]) -> u64 {
    let mut killed = 0;
    for connection in connections {
        let id = connection.field("id");
        match node.ask::<u64>(&["CLIENT", "KILL", "ID", id]).await {
            Ok(count) => killed += count,
            Err(error) => panic!("{error}"),
        }
    }
    killed
}
