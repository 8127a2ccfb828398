//! What there is before each call.

type Line = &'static [&'static str];

const EMPTY: Line = &["FLUSHALL"];

/// The commands that make it.
pub(super) fn of(group: &str) -> Vec<Line> {
    let mut lines = vec![EMPTY];
    if group == "server" {
        // It may have been made a replica.
        lines.insert(0, &["REPLICAOF", "NO", "ONE"]);
    }
    let made: &[Line] = match group {
        "cluster" => &[],
        "hash" => &[
            &["HSET", "key", "field", "1", "n", "1"],
            &["HSET", "key2", "field", "1"],
        ],
        "list" => &[
            &["RPUSH", "key", "element", "pivot", "other"],
            &["RPUSH", "key2", "element"],
        ],
        "set" => &[
            &["SADD", "key", "member", "other"],
            &["SADD", "key2", "member"],
        ],
        "sorted-set" => &[
            &["ZADD", "key", "1", "member", "2", "other"],
            &["ZADD", "key2", "1", "member"],
        ],
        "geo" => &[&[
            "GEOADD", "key", "15.5", "37.5", "member", "15.6", "37.6", "member1", "15.7", "37.7",
            "member2",
        ]],
        "hyperloglog" => &[&["PFADD", "key", "element"], &["PFADD", "key2", "element"]],
        "stream" => &[
            &["XADD", "key", "1-1", "field", "value"],
            &["XADD", "key", "1-2", "field", "value"],
            &["XGROUP", "CREATE", "key", "group", "0"],
            &[
                "XREADGROUP",
                "GROUP",
                "group",
                "consumer",
                "COUNT",
                "1",
                "STREAMS",
                "key",
                ">",
            ],
        ],
        "scripting" => &[
            &["FUNCTION", "FLUSH"],
            &[
                "FUNCTION",
                "LOAD",
                "#!lua name=tested\nredis.register_function{function_name='tested', callback=function() return 1 end, flags={'no-writes'}}",
            ],
        ],
        "vector-set" => &[
            &["VADD", "key", "VALUES", "2", "0", "1", "element"],
            &["VADD", "key", "VALUES", "2", "1", "0", "other"],
        ],
        "server" => &[
            &["ACL", "SETUSER", "username", "reset"],
            &["SET", "key", "1"],
        ],
        _ => &[
            &["SET", "key", "1"],
            &["SET", "key2", "2"],
            &["RPUSH", "list", "2", "1"],
        ],
    };
    lines.extend(made);
    lines
}
