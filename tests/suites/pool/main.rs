//! The pool alone, one server behind it, in both versions of the protocol: each reply
//! goes to its request, each connection is what its recipe makes it, whatever befalls
//! the network and the server.

mod health;
mod leases;
mod matching;
mod setting;
mod transports;
