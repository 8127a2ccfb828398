//! Options that follow a command, in both places where it can be said.

use std::time::Duration;

use slotline_resp::{ToArg, ToArgs};

use super::encode;
use super::kinds::Set;
use crate::direct::On;
use crate::output::{Free, Given, Raw};
use crate::queued::Queued;

impl<X, Ttl: Free, If> On<X, Set<Ttl, If>> {
    /// The key lives this long; what is shorter than a millisecond counts as one.
    pub fn ex(mut self, after: Duration) -> On<X, Set<Given, If>> {
        encode::time_to_live(&mut self.buffer, after);
        self.cast()
    }

    /// The key keeps the time to live that it has.
    pub fn keep_ttl(mut self) -> On<X, Set<Given, If>> {
        self.buffer.arg("KEEPTTL");
        self.cast()
    }
}

impl<X, Ttl, If: Free> On<X, Set<Ttl, If>> {
    /// Only if the key does not exist; the result says whether it was set.
    pub fn nx(mut self) -> On<X, Set<Ttl, Given>> {
        self.buffer.arg("NX");
        self.cast()
    }

    /// Only if the key exists; the result says whether it was set.
    pub fn xx(mut self) -> On<X, Set<Ttl, Given>> {
        self.buffer.arg("XX");
        self.cast()
    }
}

impl<'p, Ttl: Free, If> Queued<'p, Set<Ttl, If>> {
    /// The key lives this long; what is shorter than a millisecond counts as one.
    pub fn ex(self, after: Duration) -> Queued<'p, Set<Given, If>> {
        encode::time_to_live(self.buffer, after);
        self.cast()
    }

    /// The key keeps the time to live that it has.
    pub fn keep_ttl(self) -> Queued<'p, Set<Given, If>> {
        self.buffer.arg("KEEPTTL");
        self.cast()
    }
}

impl<'p, Ttl, If: Free> Queued<'p, Set<Ttl, If>> {
    /// Only if the key does not exist; the result says whether it was set.
    pub fn nx(self) -> Queued<'p, Set<Ttl, Given>> {
        self.buffer.arg("NX");
        self.cast()
    }

    /// Only if the key exists; the result says whether it was set.
    pub fn xx(self) -> Queued<'p, Set<Ttl, Given>> {
        self.buffer.arg("XX");
        self.cast()
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
