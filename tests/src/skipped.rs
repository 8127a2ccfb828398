use std::io::{Write, stderr};

use slotline_testkit::Error;

/// Says that a test has shown nothing, and why. It is seen although the test
/// passes: what a test prints with `println!` is not.
///
/// # Panics
/// `SLOTLINE_NO_SKIPS` is set, as `cargo xtask ci` does: no test may be skipped.
pub fn skipped(why: &str) {
    assert!(
        std::env::var_os("SLOTLINE_NO_SKIPS").is_none(),
        "it would be skipped: {why}"
    );
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let _ = writeln!(stderr(), "skipped: {test}: {why}");
}

/// Says so of a test whose server did not start because its program was built
/// without TLS.
///
/// # Panics
/// It did not start for another reason.
pub fn skipped_without_tls(error: &Error) {
    let text = error.to_string();
    assert!(
        text.contains("Bad directive") && text.contains("'tls-port "),
        "{text}"
    );
    skipped("this server was built without TLS");
}
