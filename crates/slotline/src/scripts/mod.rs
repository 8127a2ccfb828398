//! Scripts and functions: what is run in the server, sent by its name and loaded where it
//! is not known.

mod invocation;
mod library;
mod run;
mod script;

pub use invocation::Invocation;
pub use library::FunctionLibrary;
pub use script::Script;
