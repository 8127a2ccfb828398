//! Any command by its name.

use slotline_resp::{ToArg, ToArgs};

use crate::batch::Batch;
use crate::direct::{Direct, On};
use crate::output::Raw;
use crate::queued::Queued;

/// Any command by its name, in any case. `key` adds an argument that is a key, `arg` any
/// other.
pub fn command(name: &str) -> On<(), Raw> {
    On::unbound(|buffer| {
        buffer.begin_named(name);
    })
}

impl<T> Direct<T> {
    /// Any command by its name, in any case. `key` adds an argument that is a key,
    /// `arg` any other.
    pub fn command(&self, name: &str) -> On<&Direct<T>, Raw> {
        self.on(|buffer| {
            buffer.begin_named(name);
        })
    }
}

impl Batch {
    /// Any command by its name, in any case. `key` adds an argument that is a key,
    /// `arg` any other.
    pub fn command(&mut self, name: &str) -> Queued<'_, Raw> {
        self.queue(|buffer| {
            buffer.begin_named(name);
        })
    }
}

impl<X> On<X, Raw> {
    /// Adds an argument that is no key.
    pub fn arg(mut self, arg: impl ToArg) -> Self {
        self.buffer.arg(&arg);
        self
    }

    /// Adds several arguments that are no keys.
    pub fn args(mut self, args: impl ToArgs) -> Self {
        self.buffer.args(&args);
        self
    }

    /// Adds an argument that is a key: it decides which node the command goes to.
    pub fn key(mut self, key: impl ToArg) -> Self {
        self.buffer.key(&key);
        self
    }

    /// Adds several arguments that are keys.
    pub fn keys(mut self, keys: impl ToArgs) -> Self {
        self.buffer.keys(&keys);
        self
    }
}

impl Queued<'_, Raw> {
    /// Adds an argument that is no key.
    pub fn arg(self, arg: impl ToArg) -> Self {
        self.buffer.arg(&arg);
        self
    }

    /// Adds several arguments that are no keys.
    pub fn args(self, args: impl ToArgs) -> Self {
        self.buffer.args(&args);
        self
    }

    /// Adds an argument that is a key: it decides which node the command goes to.
    pub fn key(self, key: impl ToArg) -> Self {
        self.buffer.key(&key);
        self
    }

    /// Adds several arguments that are keys.
    pub fn keys(self, keys: impl ToArgs) -> Self {
        self.buffer.keys(&keys);
        self
    }
}
