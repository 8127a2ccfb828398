//! The user's own steps on every new connection.

use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use slotline_resp::{CommandBuffer, Commands, FromReplyOwned, Replies, ToArgs, Value};
use tokio::sync::{Mutex, Notify};

use crate::address::Address;
use crate::config::Intent;
use crate::dial::{Break, Greeting, HalfOpen};
use crate::error::{Error, Nature};

/// A boxed future, as [`InitHook::run`] returns it.
pub type HookFuture = Pin<Box<dyn Future<Output = Result<(), HookError>> + Send>>;

/// Runs on every new connection, reconnects included, before anyone can use it
/// (S1, S3).
///
/// Implemented for closures that take a [`Setup`] and return a future; [`hook`]
/// gives such a closure a name.
pub trait InitHook: Send + Sync + 'static {
    /// What errors call it.
    fn name(&self) -> &str;

    /// Runs. If it fails, the connection is closed, and nobody has used it. It
    /// may be dropped at any point when the connect timeout passes.
    fn run(&self, setup: Setup) -> HookFuture;
}

impl<F, R> InitHook for F
where
    F: Fn(Setup) -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), HookError>> + Send + 'static,
{
    fn name(&self) -> &str {
        std::any::type_name::<F>()
    }

    fn run(&self, setup: Setup) -> HookFuture {
        Box::pin(self(setup))
    }
}

struct Named<F> {
    name: Box<str>,
    run: F,
}

impl<F: InitHook> InitHook for Named<F> {
    fn name(&self) -> &str {
        &self.name
    }

    fn run(&self, setup: Setup) -> HookFuture {
        self.run.run(setup)
    }
}

/// A hook with a name of its own.
///
/// ```
/// use slotline_pool::{HookError, Setup, hook};
///
/// let no_eviction = hook("no eviction", |setup: Setup| async move {
///     setup.command("CLIENT NO-EVICT").arg("ON").await?;
///     Ok(())
/// });
/// # let _ = no_eviction;
/// ```
pub fn hook<F, R>(name: impl Into<Box<str>>, run: F) -> impl InitHook
where
    F: Fn(Setup) -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), HookError>> + Send + 'static,
{
    let name = name.into();
    Named { name, run }
}

/// Why a hook does not want its connection to be used: any error, or a text.
pub struct HookError(Box<dyn std::error::Error + Send + Sync>);

impl HookError {
    /// A reason in words.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> HookError {
        HookError(reason.into().into())
    }

    pub(crate) fn into_source(self) -> Box<dyn std::error::Error + Send + Sync> {
        self.0
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for HookError {
    fn from(error: E) -> HookError {
        HookError(Box::new(error))
    }
}

impl fmt::Debug for HookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HookError({})", self.0)
    }
}

/// What a hook is told.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) address: Address,
    pub(crate) intent: Intent,
    pub(crate) attempt: u32,
    pub(crate) greeting: Greeting,
}

struct Lent {
    facts: Facts,
    half: Mutex<Option<HalfOpen>>,
    is_over: AtomicBool,
    over: Notify,
}

/// A hook's handle on a connection that is still being set up.
///
/// It ends with its hook: one that is kept longer gets an error from every
/// command. It can send anything, also what a shared connection would refuse.
#[derive(Clone)]
pub struct Setup(Arc<Lent>);

impl Setup {
    /// The node.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.0.facts.address
    }

    /// What the connection is to be used for.
    #[must_use]
    pub fn intent(&self) -> Intent {
        self.0.facts.intent
    }

    /// How many dials before this one have failed in a row.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.0.facts.attempt
    }

    /// What the server said of itself.
    #[must_use]
    pub fn greeting(&self) -> &Greeting {
        &self.0.facts.greeting
    }

    /// A command to send on this connection, by its name.
    pub fn command(&self, name: &str) -> SetupCommand {
        let mut buffer = CommandBuffer::new();
        buffer.begin_named(name);
        SetupCommand {
            setup: self.clone(),
            buffer,
        }
    }

    /// Sends commands and waits for all their replies, errors among them.
    ///
    /// # Errors
    /// The connection broke, or the hook is over.
    ///
    /// # Cancel safety
    /// What was begun is ended and its replies dropped before anything else
    /// happens on the connection.
    pub async fn run(&self, commands: Commands) -> Result<Replies, Error> {
        let lent = &*self.0;
        let mut over = pin!(lent.over.notified());
        over.as_mut().enable();
        let mut call = pin!(self.call(&commands));
        poll_fn(|cx| {
            let is_over = lent.is_over.load(Ordering::SeqCst);
            if is_over || over.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(Error::setup_over(&lent.facts.address)));
            }
            call.as_mut().poll(cx)
        })
        .await
    }

    async fn call(&self, commands: &Commands) -> Result<Replies, Error> {
        let address = &self.0.facts.address;
        let mut lent = self.0.half.lock().await;
        let half = lent.as_mut().ok_or_else(|| Error::setup_over(address))?;
        let mut replies = Replies::with_capacity(commands.len());
        let broken = |error| Error::dial(address, "init hook", Nature::Network, error);
        if half.is_broken {
            return Err(broken(Break::Closed));
        }
        half.call(commands, &mut replies).await.map_err(broken)?;
        Ok(replies)
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Setup").field(&self.0.facts).finish()
    }
}

/// A command of a hook: add its arguments, then await it.
#[derive(Debug)]
#[must_use = "a command does nothing until it is awaited"]
pub struct SetupCommand {
    setup: Setup,
    buffer: CommandBuffer,
}

impl SetupCommand {
    /// Adds an argument, or several: a string, a number, bytes, a slice, a map.
    pub fn arg(mut self, arg: impl ToArgs) -> Self {
        self.buffer.args(&arg);
        self
    }

    /// Sends the command and decodes its reply.
    ///
    /// # Errors
    /// The server's error, a reply that is no `T`, a broken connection, or the
    /// hook is over.
    pub async fn returning<T: FromReplyOwned>(self) -> Result<T, HookError> {
        let replies = self.setup.run(self.buffer.freeze()).await?;
        let missing = || HookError::new("there is no reply");
        Ok(replies.decode::<T>(0).ok_or_else(missing)??)
    }
}

impl IntoFuture for SetupCommand {
    type Output = Result<Value, HookError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.returning())
    }
}

/// The other end of a [`Setup`]: whoever has it gets the connection back, and if
/// it is dropped the connection is closed, whoever still has a handle.
pub(crate) struct Loan(Arc<Lent>);

pub(crate) fn lend(facts: Facts, half: HalfOpen) -> (Loan, Setup) {
    let lent = Arc::new(Lent {
        facts,
        half: Mutex::new(Some(half)),
        is_over: AtomicBool::new(false),
        over: Notify::new(),
    });
    (Loan(Arc::clone(&lent)), Setup(lent))
}

impl Loan {
    /// Ends the handles. A call that is under way elsewhere gives the connection
    /// up first; what it had begun is for the connection to settle.
    pub(crate) async fn take_back(self) -> Option<HalfOpen> {
        self.end();
        self.0.half.lock().await.take()
    }

    fn end(&self) {
        self.0.is_over.store(true, Ordering::SeqCst);
        self.0.over.notify_waiters();
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.end();
        if let Ok(mut half) = self.0.half.try_lock() {
            drop(half.take());
        }
    }
}
