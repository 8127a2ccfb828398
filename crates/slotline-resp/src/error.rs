//! Placeholder until the decoder lands.
/// An error of this crate.
#[derive(Debug)]
pub struct Error;
/// The result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
