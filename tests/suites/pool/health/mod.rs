//! Pools and what befalls their servers: states in which they refuse, no room for
//! clients, passwords that change, connections that end.

mod ends;
mod limits;
mod load;
mod recipes;
mod rotation;
mod starved;
mod states;
mod storms;
