//! The codec against real servers, in both versions of the protocol, over a plain
//! socket. Whatever a server sends is recorded once and then scanned whole, byte
//! by byte and cut at every position, with equal results.

mod commands;
mod connection;
mod cuts;
mod errors;
mod large;
mod nests;
mod pushes;
mod replies;
mod scripts;
mod transactions;
mod types;
mod values;
