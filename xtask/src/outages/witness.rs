//! Who is told what came of the commands of a probe.

use std::time::Duration;

use slotline::Error;

pub(crate) trait Witness: Send + Sync {
    /// The time since the start of the run.
    fn now(&self) -> Duration;
    /// So many commands were answered as they should be.
    fn count_operations(&self, count: u64);
    /// A reply that cannot be the command's own.
    fn count_wrong(&self, what: String);
    /// A command that failed.
    fn count_error(&self, error: &Error);
}

/// One word for what sort of error it is.
pub(crate) fn kind_of(error: &Error) -> String {
    let known = [
        (error.is_order(), "order"),
        (error.is_timeout(), "timeout"),
        (error.is_network(), "network"),
        (error.is_refused(), "refused"),
    ];
    if let Some((_, name)) = known.iter().find(|(is, _)| *is) {
        return (*name).to_owned();
    }
    match error.code() {
        Some(code) => code.to_owned(),
        None if error.is_cluster() => "cluster".to_owned(),
        None => "other".to_owned(),
    }
}
