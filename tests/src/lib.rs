//! What the suites share.
#![forbid(unsafe_code)]
