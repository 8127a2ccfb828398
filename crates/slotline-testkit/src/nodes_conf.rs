//! The file in which a server keeps what it knows of its cluster.

use std::collections::HashMap;

/// What valkey 8.1 says of a file that it wrote itself and does not read.
pub(crate) const REFUSED: &str = "corrupted cluster config file";

/// The name of the file in its server's folder.
pub(crate) const NAME: &str = "nodes.conf";

/// One line of the file: the node, in which shard, and whose replica.
struct Line<'a> {
    id: &'a str,
    shard: &'a str,
    primary: &'a str,
}

impl<'a> Line<'a> {
    /// `None` for what names no shard: servers before 7.2, and the last line.
    fn read(line: &'a str) -> Option<Line<'a>> {
        let mut fields = line.split(' ');
        let (id, address, _flags, primary) = (
            fields.next()?,
            fields.next()?,
            fields.next()?,
            fields.next()?,
        );
        let mut extra = address.split(',');
        Some(Line {
            id,
            shard: extra.find_map(|extra| extra.strip_prefix("shard-id="))?,
            primary,
        })
    }
}

/// The file's text with every replica in the shard of its primary; `None` if that is what
/// it says.
///
/// A server that is killed between a failover and the message that tells the new shard
/// leaves a file in which the two differ, and a valkey 8 does not start with it
/// (<https://github.com/valkey-io/valkey/issues/2171>).
pub(crate) fn mended(text: &str) -> Option<String> {
    let lines: HashMap<&str, Line<'_>> = text
        .lines()
        .filter_map(Line::read)
        .map(|line| (line.id, line))
        .collect();
    let mend = |line: &str| {
        let own = Line::read(line)?;
        let primary = lines.get(own.primary)?;
        let [is, should_be] = [own.shard, primary.shard].map(|shard| format!("shard-id={shard}"));
        (is != should_be).then(|| line.replacen(&is, &should_be, 1))
    };
    let mut is_mended = false;
    let mut written = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let better = mend(line);
        is_mended |= better.is_some();
        written.push_str(better.as_deref().unwrap_or(line));
    }
    is_mended.then_some(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As valkey 8.1 writes it, with the shards of the second node's choice.
    fn file(shard: &str) -> String {
        format!(
            "\
5f7a1ee30b5b9a0b2a22d7fd09f6efc7ac17ba33 127.0.0.1:30264@30265,,tls-port=0,shard-id=ee6692a3eb91f083c5e984edbf016af33b7aaf79 myself,slave 82d001799e1c7ecacd3fcb062eaf2287a240aaa8 0 0 3 connected
ad1ce5ba6b4e8e0b6b34bd25c6b1b2f85c7f4f51 127.0.0.1:30266@30267,,tls-port=0,shard-id={shard} slave 82d001799e1c7ecacd3fcb062eaf2287a240aaa8 0 1795678708000 3 connected
82d001799e1c7ecacd3fcb062eaf2287a240aaa8 127.0.0.1:31861@31624,,tls-port=0,shard-id=ee6692a3eb91f083c5e984edbf016af33b7aaf79 master - 0 1795678708000 3 connected 10922-16383
c4b6e2f2b4a1e9c9c84b9a4d5d1a1f7a0c5f1e22 127.0.0.1:31863@31864,,tls-port=0,shard-id=1d4a7f0c9b5a4bdc8f3c0f2c5a9d61c2e7b80a44 master - 0 1795678708000 1 connected 0-10921
vars currentEpoch 4 lastVoteEpoch 0
"
        )
    }

    #[test]
    fn a_replica_is_put_into_the_shard_of_its_primary() {
        let right = file("ee6692a3eb91f083c5e984edbf016af33b7aaf79");
        let wrong = file("1d4a7f0c9b5a4bdc8f3c0f2c5a9d61c2e7b80a44");
        assert_eq!(mended(&wrong), Some(right.clone()));
        assert_eq!(mended(&right), None);
    }

    #[test]
    fn what_names_no_shard_or_nobody_known_is_left_alone() {
        for text in [
            "",
            "vars currentEpoch 4 lastVoteEpoch 0\n",
            "a 127.0.0.1:1@2 myself,slave b 0 0 3 connected\nb 127.0.0.1:3@4 master - 0 0 3 connected\n",
            "a 127.0.0.1:1@2,,shard-id=x myself,slave b 0 0 3 connected\n",
        ] {
            assert_eq!(mended(text), None, "{text}");
        }
    }
}
