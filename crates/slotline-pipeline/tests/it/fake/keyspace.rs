//! Commands of several keys, and those that are about all that a node has.

use std::collections::BTreeMap;

use super::reply::{array, bulk, error, integer, nil, ok};

/// What the node at `port` answers to such a command.
pub(super) fn several(
    data: &mut BTreeMap<String, String>,
    port: u16,
    words: &[&str],
) -> Option<String> {
    let count = |n: usize| integer(n as i64);
    Some(match words {
        ["DEL" | "UNLINK", keys @ ..] => {
            count(keys.iter().filter_map(|key| data.remove(*key)).count())
        }
        ["EXISTS" | "TOUCH", keys @ ..] => {
            count(keys.iter().filter(|key| data.contains_key(**key)).count())
        }
        ["MSET", pairs @ ..] if pairs.len() % 2 == 0 => {
            for pair in pairs.chunks(2) {
                data.insert(pair[0].to_owned(), pair[1].to_owned());
            }
            ok()
        }
        ["DBSIZE"] => count(data.len()),
        ["KEYS", "*"] => array(&data.keys().map(|key| bulk(key)).collect::<Vec<_>>()),
        ["RANDOMKEY"] => data.keys().next().map_or_else(nil, |key| bulk(key)),
        ["FLUSHALL"] => {
            data.clear();
            ok()
        }
        ["CONFIG", "SET", ..] => ok(),
        ["SCRIPT", "LOAD", script] => {
            data.insert(format!("script {script}"), String::new());
            bulk("its sha")
        }
        ["SCRIPT", "EXISTS", scripts @ ..] => {
            let has =
                |script: &&str| count(usize::from(data.contains_key(&format!("script {script}"))));
            array(&scripts.iter().map(has).collect::<Vec<_>>())
        }
        ["SCRIPT", "KILL"] => error("NOTBUSY No scripts in execution right now."),
        ["COMMAND", "INFO", name] => match *name {
            "FETCHIT" => described("+get", "*1\r\n+readonly\r\n:1\r\n:1\r\n:1\r\n"),
            "MOD.READ" => described("+mod.read", "*1\r\n+readonly\r\n:2\r\n:2\r\n:1\r\n"),
            "COUNTALL" => described("+dbsize", "*0\r\n:0\r\n:0\r\n:0\r\n"),
            "CHOOSE" => described("+select", "*0\r\n:0\r\n:0\r\n:0\r\n"),
            _ => "*1\r\n*-1\r\n".to_owned(),
        },
        ["FETCHIT", key] | ["MOD.READ", _, key] => {
            data.get(*key).map_or_else(nil, |value| bulk(value))
        }
        ["COUNTALL"] => count(data.len()),
        ["INFO"] => bulk(&format!("port:{port}")),
        _ => return None,
    })
}

/// An answer to COMMAND INFO, up to version 6.
fn described(name: &str, flags_and_keys: &str) -> String {
    format!("*1\r\n*7\r\n{name}\r\n:-1\r\n{flags_and_keys}*0\r\n")
}
