//! Initialised connections to one Redis or Valkey node
#![forbid(unsafe_code)]
