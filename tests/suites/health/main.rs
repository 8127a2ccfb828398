//! Pools and what befalls their servers: states in which they refuse, no room for
//! clients, passwords that change, connections that end.

mod ends;
mod recipes;
mod rotation;
mod setting;
mod states;
mod stopped;
mod storms;
