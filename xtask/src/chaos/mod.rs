//! `chaos`: a real cluster under all that can happen to it, and a record of every
//! answer that is checked afterwards.

mod checks;
mod history;
