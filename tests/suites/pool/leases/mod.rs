//! Leased connections against real servers, over the pool alone.

mod blocking;
mod lending;
mod moving;
mod pushes;
mod setting;
mod states;
mod transactions;
