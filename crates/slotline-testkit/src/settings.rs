//! The options that servers are started with.

use crate::binary::ServerVersion;

/// What every server of the testkit gets unless its test says otherwise, with
/// the version that first knew it.
const DEFAULTS: &[(&str, &str, (u16, u16))] = &[
    ("save", "", (1, 0)),
    ("appendonly", "no", (1, 0)),
    ("daemonize", "no", (1, 0)),
    ("protected-mode", "no", (3, 2)),
    ("enable-debug-command", "yes", (7, 0)),
    ("repl-diskless-sync", "yes", (2, 8)),
    // A replica that joins is served at once rather than after five seconds.
    ("repl-diskless-sync-delay", "0", (2, 8)),
    ("repl-ping-replica-period", "1", (5, 0)),
    ("shutdown-timeout", "0", (7, 0)),
];

const CLUSTER: &[(&str, &str, (u16, u16))] = &[("cluster-node-timeout", "2000", (3, 0))];

/// The defaults that this version knows, with `own` in place of those of the
/// same name and after them.
pub(crate) fn options(
    version: &ServerVersion,
    cluster: bool,
    own: &[(String, String)],
) -> Vec<(String, String)> {
    let cluster = if cluster { CLUSTER } else { &[] };
    let mut options: Vec<(String, String)> = DEFAULTS
        .iter()
        .chain(cluster)
        .filter(|(name, _, (major, minor))| {
            version.is_at_least(*major, *minor)
                && !own.iter().any(|(mine, _)| mine.eq_ignore_ascii_case(name))
        })
        .map(|(name, value, _)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    options.extend_from_slice(own);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_options_replace_defaults_and_unknown_ones_are_left_out() {
        let old = ServerVersion {
            name: "redis".into(),
            major: 6,
            minor: 2,
            patch: 0,
        };
        let own = [("SAVE".to_owned(), "60 1".to_owned())];
        let options = options(&old, true, &own);
        let value = |wanted: &str| {
            let found: Vec<_> = options
                .iter()
                .filter(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .collect();
            assert!(found.len() <= 1);
            found.first().map(|(_, value)| value.as_str())
        };
        assert_eq!(value("save"), Some("60 1"));
        assert_eq!(value("shutdown-timeout"), None);
        assert_eq!(value("cluster-node-timeout"), Some("2000"));
    }
}
