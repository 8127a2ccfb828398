//! Commands that are run one by one.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;

use slotline_resp::{CommandBuffer, Commands, FromReplyOwned};

use crate::output::{Output, Returning};

/// Runs commands.
pub trait Run {
    /// Why a command has no result.
    type Error;

    /// Follows what becomes of a command, for whoever wants to know.
    type Explain;

    /// A command on its way. Its reply becomes what `C` says. Whoever implements this says
    /// what dropping it does; users count on its being safe at any time.
    type Running<'a, C: Output>: Future<Output = Result<C::T, Self::Error>>
    where
        Self: 'a;

    /// Sends one command, whose record is to be kept in `explain`.
    ///
    /// # Errors
    /// The future's: why there is no reply, the server's error, or a reply that does not
    /// fit what `C` says.
    fn run<C: Output>(
        &self,
        command: Commands,
        explain: Option<&Self::Explain>,
    ) -> Self::Running<'_, C>;
}

/// What can be asked one command at a time: a method for each command. Each does nothing
/// until it is awaited.
#[derive(Clone)]
pub struct Direct<T> {
    runs: T,
}

impl<T> Direct<T> {
    /// Commands that `runs` runs.
    pub fn new(runs: T) -> Direct<T> {
        Direct { runs }
    }

    /// What runs them.
    pub fn get_ref(&self) -> &T {
        &self.runs
    }

    /// Runs a command that is a value.
    pub fn run<C>(&self, command: On<(), C>) -> On<&Direct<T>, C> {
        On {
            to: self,
            buffer: command.buffer,
            kind: PhantomData,
        }
    }

    pub(crate) fn on<C>(&self, encode: impl FnOnce(&mut CommandBuffer)) -> On<&Direct<T>, C> {
        On::new(self, encode)
    }
}

impl<T: fmt::Debug> fmt::Debug for Direct<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.runs.fmt(f)
    }
}

/// A command that is bound to where it will run, or to nothing yet: then it is a value
/// ([`cmd`](crate::cmd)), and [`Direct::run`] binds it.
///
/// It does nothing until it is awaited; awaiting it sends it. It borrows its client, so a
/// task of its own is given an `async move` block that owns a clone.
///
/// # Errors
/// Those of [`Run::run`].
///
/// # Cancel safety
/// Dropped before it is awaited, it was never sent; from then on it is the
/// [`Running`](Run::Running) of whoever runs it.
#[must_use = "a command does nothing until it is awaited"]
pub struct On<X, C> {
    to: X,
    pub(crate) buffer: CommandBuffer,
    kind: PhantomData<fn() -> C>,
}

impl<X, C> On<X, C> {
    pub(crate) fn new(to: X, encode: impl FnOnce(&mut CommandBuffer)) -> On<X, C> {
        let mut buffer = CommandBuffer::new();
        encode(&mut buffer);
        On {
            to,
            buffer,
            kind: PhantomData,
        }
    }

    /// The same command with another result.
    pub(crate) fn cast<D>(self) -> On<X, D> {
        On {
            to: self.to,
            buffer: self.buffer,
            kind: PhantomData,
        }
    }

    /// The command as it is sent.
    #[must_use]
    pub fn freeze(self) -> Commands {
        self.buffer.freeze()
    }

    /// The same command, its reply decoded as `R`.
    pub fn returning<R: FromReplyOwned>(self) -> On<X, Returning<R>> {
        self.cast()
    }
}

impl<C> On<(), C> {
    /// A command that is bound to nothing.
    pub(crate) fn unbound(encode: impl FnOnce(&mut CommandBuffer)) -> On<(), C> {
        On::new((), encode)
    }
}

impl<'a, T: Run, C> On<&'a Direct<T>, C> {
    /// Has `explain` record what becomes of the command: which node it went to and why,
    /// every redirect, every wait, every retry, with times. Its place in the record is 0.
    pub fn explain(self, explain: &'a T::Explain) -> Explained<'a, T, C> {
        Explained { on: self, explain }
    }
}

impl<'a, T: Run, C: Output> IntoFuture for On<&'a Direct<T>, C> {
    type Output = Result<C::T, T::Error>;
    type IntoFuture = T::Running<'a, C>;

    #[inline]
    fn into_future(self) -> T::Running<'a, C> {
        self.to.runs.run(self.buffer.freeze(), None)
    }
}

/// A command that is watched: see [`On::explain`].
#[must_use = "a command does nothing until it is awaited"]
pub struct Explained<'a, T: Run, C> {
    on: On<&'a Direct<T>, C>,
    explain: &'a T::Explain,
}

impl<'a, T: Run, C: Output> IntoFuture for Explained<'a, T, C> {
    type Output = Result<C::T, T::Error>;
    type IntoFuture = T::Running<'a, C>;

    fn into_future(self) -> T::Running<'a, C> {
        let Explained { on, explain } = self;
        on.to.runs.run(on.buffer.freeze(), Some(explain))
    }
}
