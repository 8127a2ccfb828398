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
        ["INFO"] => bulk(&format!("port:{port}")),
        _ => return None,
    })
}
