//! Which node of a Redis or Valkey cluster serves a slot, as an immutable value
#![forbid(unsafe_code)]
