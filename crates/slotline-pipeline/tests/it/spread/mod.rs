//! Commands that one node cannot answer.

mod each;
mod failing;
mod keys;
mod model;
mod slotless;
mod watched;
