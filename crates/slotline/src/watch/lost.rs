//! Which errors say that a watch counts no more, and that nothing has run.

use slotline_resp::Delivery;

use crate::error::{Error, Says};

/// The error of a command on a watched connection: that the watch is lost, if it says so.
/// `only_reads` says that it does no harm if the command has run.
pub(super) fn unless_lost(error: Error, only_reads: bool) -> Error {
    let delivery = error.delivery();
    let elsewhere = || {
        let refused = error.refused().iter().map(|refused| refused.code());
        let mut codes = error.code().into_iter().chain(refused);
        codes.any(|code| Says::Elsewhere.is_said_by(code))
    };
    let is_lost = match delivery {
        Delivery::Rejected => error.is_server() && elsewhere(),
        // A node that is slow is no better the next time.
        Delivery::NotSent => is_of_connection(&error),
        Delivery::Ambiguous => only_reads && is_of_connection(&error),
        _ => false,
    };
    match is_lost {
        true => Error::watch_lost(error),
        false => error,
    }
}

fn is_of_connection(error: &Error) -> bool {
    (error.is_network() || error.is_displaced()) && !error.is_timeout()
}
