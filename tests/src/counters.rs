use slotline_testkit::Node;

/// The errors of this code that the server has sent since its counters were
/// reset, whoever got them: also those that a client hides from its caller.
pub async fn errors(node: &Node, code: &str) -> u64 {
    counter(node, "errorstats", &format!("errorstat_{code}"), "count=").await
}

/// The same, of several servers together.
pub async fn errors_at_all(nodes: &[Node], code: &str) -> u64 {
    let mut sum = 0;
    for node in nodes {
        sum += errors(node, code).await;
    }
    sum
}

/// How often the server has run this command since its counters were reset. A
/// subcommand is written `cluster|slots`.
pub async fn calls(node: &Node, command: &str) -> u64 {
    counter(
        node,
        "commandstats",
        &format!("cmdstat_{command}"),
        "calls=",
    )
    .await
}

/// Begins to count anew.
pub async fn reset_counters(nodes: &[Node]) {
    for node in nodes {
        if let Err(error) = node.call(&["CONFIG", "RESETSTAT"]).await {
            panic!("{error}");
        }
    }
}

async fn counter(node: &Node, section: &str, field: &str, name: &str) -> u64 {
    let line = match node.info(section, field).await {
        Ok(line) => line.unwrap_or_default(),
        Err(error) => panic!("{error}"),
    };
    let mut values = line.split(',').filter_map(|pair| pair.strip_prefix(name));
    values.next().map_or(0, |value| value.parse().unwrap_or(0))
}
