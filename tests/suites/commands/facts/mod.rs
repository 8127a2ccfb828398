//! What the table says of commands, held against the servers' own word.

mod calls;
mod flags;
mod keys;
