//! Transactions: all of one runs, or nothing does, whatever happens on the way.

mod cut;
mod forms;
mod redirected;
mod refused;
mod together;
