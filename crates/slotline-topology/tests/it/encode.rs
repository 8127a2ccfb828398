//! Just enough of RESP to write the reply to CLUSTER SLOTS.

use slotline_resp::Reply;

pub(crate) fn text(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

/// `[host, port, id]`.
pub(crate) fn node(host: &str, port: u16, id: &str) -> String {
    format!("*3\r\n{}:{port}\r\n{}", text(host), text(id))
}

pub(crate) fn range(first: u16, last: u16, nodes: &[String]) -> String {
    format!(
        "*{}\r\n:{first}\r\n:{last}\r\n{}",
        nodes.len() + 2,
        nodes.concat()
    )
}

pub(crate) fn reply(ranges: &[String]) -> Reply {
    Reply::from_frame(format!("*{}\r\n{}", ranges.len(), ranges.concat()).into()).unwrap()
}
