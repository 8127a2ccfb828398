//! Commands on their way over a lease, and how those that block are ended.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use slotline_resp::{CommandBuffer, Commands, Replies};
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::handle::Lease;
use super::tender::Job;
use crate::error::{Error, Waiting};
use crate::exchange::{Answer, Exchange, answer};
use crate::protocol::{Loss, Outcome, WhileAway, Written};

/// How long a command that was told to end has until it is told again: the server
/// may not have begun it then, or begun another one that blocks.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

const GIVEN_UP: &str = "closed together with a command that was given up";

/// Commands that were given to a [`Lease`]; a future that resolves to their
/// [`Answer`]. See [`Lease::call`].
///
/// # Commands that block
/// If it is dropped, or its deadline passes, while a command that may block has no
/// answer, the connection is closed: once the server has seen that, the command
/// takes nothing any more. What it had taken before then is lost, as its answer
/// was on its way to nobody. Where that must not be, end it by
/// [`cancel`](Self::cancel), or say with [`rescue`](Self::rescue) who is to get it.
///
/// # Cancel safety
/// It can be dropped at any point. Commands of which no byte was written never will
/// be, and those that have been, and cannot block, keep their places: their replies
/// are read and dropped (R2). Amid a write, the connection is closed.
#[must_use = "nothing is sent before it is polled"]
pub struct Call<'a> {
    lease: Holder<'a>,
    commands: Commands,
    replies: Replies,
    deadline: Instant,
    /// `None` if nothing is waited for, or if it was begun where there is no runtime.
    sleep: Option<Pin<Box<Sleep>>>,
    stage: Stage,
    with: Option<With>,
    /// The server has been asked to unblock it, and has not answered yet: whatever
    /// blocks on this connection later might be hit.
    is_unblocking: bool,
}

enum Stage {
    Under,
    /// Known from the start.
    Settled(Answer),
    Over,
}

enum Holder<'a> {
    Borrowed(&'a mut Lease),
    Own(Box<Lease>),
}

/// Who gets what comes after the caller has gone.
type With = Box<dyn FnOnce(Answer) + Send>;

impl Holder<'_> {
    fn get(&mut self) -> &mut Lease {
        match self {
            Holder::Borrowed(lease) => lease,
            Holder::Own(lease) => lease,
        }
    }
}

impl<'a> Call<'a> {
    pub(super) fn new(lease: &'a mut Lease, commands: Commands, deadline: Instant) -> Call<'a> {
        let stage = match begin(lease, &commands, deadline) {
            Ok(()) if commands.is_empty() => Stage::Settled(Answer::of_nothing()),
            Ok(()) => Stage::Under,
            Err(error) => Stage::Settled(Answer::unsent(error)),
        };
        // Here there is a runtime; where it will be polled, nobody knows.
        let waits = matches!(stage, Stage::Under);
        Call {
            lease: Holder::Borrowed(lease),
            commands,
            replies: Replies::new(),
            deadline,
            sleep: waits.then(|| Box::pin(sleep_until(deadline))),
            stage,
            with: None,
            is_unblocking: false,
        }
    }

    /// What to do with the answer if nobody waits for it any more: if a command that
    /// may block is given up, by being dropped or by its deadline, it is cancelled in
    /// the background as [`cancel`](Self::cancel) does it, and `with` gets all there
    /// is, an element that had been taken among it.
    ///
    /// It is not called if nothing was sent. If the pool is closed before it could
    /// be, or the runtime ends, the connection is closed as without it.
    pub fn rescue(mut self, with: impl FnOnce(Answer) + Send + 'static) -> Self {
        self.with = Some(Box::new(with));
        self
    }

    /// Ends what blocks, as if its time had run out, and waits for all answers: nil
    /// if it has taken nothing, and the element if it had. Nothing is taken once this
    /// has returned, and the lease can be used on.
    ///
    /// The server is asked by
    /// [`CLIENT UNBLOCK`](https://redis.io/docs/latest/commands/client-unblock/), which
    /// goes over the pool's shared connections. If that cannot be done, or not within
    /// the pool's response timeout or the call's own deadline, the connection is
    /// closed, and the answer has a failure. Of what had not been sent nothing will be
    /// ([`Error::is_cancelled`]). Commands that do not block are waited for.
    ///
    /// # Cancel safety
    /// If it is dropped, the call is.
    pub async fn cancel(mut self) -> Answer {
        self.unblock().await
    }

    async fn unblock(&mut self) -> Answer {
        let untouched = |it: &mut Lease| it.connection().is_some_and(|it| it.is_untouched());
        if matches!(self.stage, Stage::Under) && untouched(self.lease.get()) {
            return self.take_back(Error::cancelled);
        }
        let limit = Instant::now() + self.lease.get().store().config.response_timeout;
        if limit < self.deadline {
            self.deadline = limit;
            if let Some(sleep) = &mut self.sleep {
                sleep.as_mut().reset(limit);
            }
        }
        // It may be here already.
        let own = poll_fn(|cx| Poll::Ready(Pin::new(&mut *self).poll(cx))).await;
        if let Poll::Ready(answer) = own {
            return answer;
        }
        let mut pause = FIRST_PAUSE;
        loop {
            let connection = self.lease.get().connection();
            let Some(connection) = connection.filter(|it| it.may_block()) else {
                return self.await;
            };
            match (connection.id(), connection.is_asking_for_id()) {
                (Some(id), _) => {
                    if let Some(answer) = self.ask(id).await {
                        return answer;
                    }
                }
                (None, true) => {}
                (None, false) => return self.fail(self.stuck(None)),
            }
            match timeout(pause, &mut *self).await {
                Ok(answer) => return answer,
                Err(_) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
        }
    }

    /// Has the server unblock this connection once, if it is blocked. The answer, if
    /// it has come meanwhile.
    async fn ask(&mut self, id: u64) -> Option<Answer> {
        let Some(mut exchange) = self.unblocking(id) else {
            let closed = Error::closed(self.address());
            return Some(self.fail(closed));
        };
        self.is_unblocking = true;
        let mut own = None;
        let said = poll_fn(|cx| {
            if own.is_none()
                && let Poll::Ready(answer) = Pin::new(&mut *self).poll(cx)
            {
                own = Some(answer);
            }
            Pin::new(&mut exchange).poll(cx)
        })
        .await;
        self.is_unblocking = false;
        let trouble = match (said.failure, said.replies.decode::<i64>(0)) {
            (Some(failure), _) => self.stuck(Some(failure.error.into())),
            (None, Some(Err(error))) => self.stuck(Some(error.into())),
            (None, _) => return own,
        };
        // Whether it will still be unblocked nobody knows.
        match own {
            Some(answer) => {
                self.lease.get().lose(trouble);
                Some(answer)
            }
            None => Some(self.fail(trouble)),
        }
    }

    fn unblocking(&mut self, id: u64) -> Option<Exchange> {
        let mut buffer = CommandBuffer::new();
        buffer.begin_named("CLIENT UNBLOCK").arg(&id);
        let owner = self.lease.get().store().owner.upgrade()?;
        Some(owner.send(buffer.freeze(), self.deadline, WhileAway::Wait))
    }

    fn stuck(&self, source: Option<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::lost(
            self.address(),
            "what blocked could not be unblocked",
            source,
        )
    }

    fn address(&self) -> &crate::Address {
        let lease = match &self.lease {
            Holder::Borrowed(lease) => lease,
            Holder::Own(lease) => &**lease,
        };
        &lease.store().config.address
    }

    /// Nothing has been written, and nothing will be.
    fn take_back(&mut self, why: impl FnOnce(&crate::Address) -> Error) -> Answer {
        if let Some(connection) = self.lease.get().connection() {
            connection.take_back();
        }
        let error = why(self.address());
        self.end(error, Written::Nothing)
    }

    /// The connection is of no more use.
    fn fail(&mut self, error: Error) -> Answer {
        let connection = self.lease.get().connection();
        let written = connection.map_or(0, |connection| connection.written());
        self.lease.get().lose(error.clone());
        self.end(error, Written::Bytes(written))
    }

    /// Its deadline has passed.
    fn late(&mut self) -> Answer {
        let late =
            |waiting| move |address: &crate::Address| Error::deadline(address, waiting, None);
        match self.lease.get().connection() {
            Some(connection) if connection.is_untouched() => {
                self.take_back(late(Waiting::Connection))
            }
            Some(connection) => {
                let written = connection.written();
                let error = late(Waiting::Reply)(self.address());
                self.give_up(&error);
                self.end(error, Written::Bytes(written))
            }
            None => {
                let error = self.lease.get().gone();
                self.fail(error)
            }
        }
    }

    fn end(&mut self, error: Error, written: Written) -> Answer {
        self.stage = Stage::Over;
        let outcome = Outcome {
            replies: std::mem::take(&mut self.replies),
            loss: Some(Loss { error, written }),
        };
        answer(outcome, &self.commands)
    }

    /// Nobody waits any more for what has been written. Unless that can do no harm,
    /// the connection is closed, or cancelling goes on without us.
    fn give_up(&mut self, error: &Error) {
        let Some(connection) = self.lease.get().connection() else {
            return;
        };
        if !(self.is_unblocking || connection.may_block() || connection.is_amid_batch()) {
            connection.abandon();
            return;
        }
        let rescued = self.with.take().and_then(|with| {
            let lease = self.lease.get().split(error.clone())?;
            Some(self.go_on(lease, with))
        });
        match rescued {
            Some(rescue) => rescue.hand_over(),
            None => self.lease.get().lose(error.clone()),
        }
    }

    fn go_on(&self, lease: Lease, with: With) -> Rescue {
        let config = &lease.store().config;
        let call = Call {
            deadline: Instant::now() + config.response_timeout,
            lease: Holder::Own(Box::new(lease)),
            commands: self.commands.clone(),
            replies: self.replies.clone(),
            sleep: None,
            stage: Stage::Under,
            with: None,
            is_unblocking: false,
        };
        Rescue {
            call,
            with,
            is_doubtful: self.is_unblocking,
        }
    }
}

/// Gives the commands their place on the connection.
fn begin(lease: &mut Lease, commands: &Commands, deadline: Instant) -> Result<(), Error> {
    let address = lease.store().config.address.clone();
    if lease.connection().is_some_and(|it| it.is_amid_call()) {
        lease.lose(Error::lost(&address, "a call on it was leaked", None));
    }
    let connection = lease.usable()?;
    if commands.is_empty() {
        return Ok(());
    }
    if Handle::try_current().is_err() {
        return Err(Error::stopped(&address, "there is no tokio runtime here"));
    }
    if deadline <= Instant::now() {
        return Err(Error::deadline(&address, Waiting::Connection, None));
    }
    connection.begin(commands)
}

impl Future for Call<'_> {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let this = self.get_mut();
        if !matches!(this.stage, Stage::Under) {
            return match std::mem::replace(&mut this.stage, Stage::Over) {
                Stage::Settled(answer) => Poll::Ready(answer),
                // Polled after it was ready: as any future, it may then do
                // anything but panic here.
                Stage::Under | Stage::Over => Poll::Pending,
            };
        }
        let lease = this.lease.get();
        if let Poll::Ready(error) = lease.poll_closed(cx) {
            return Poll::Ready(this.fail(error));
        }
        let polled = match lease.connection() {
            Some(connection) => connection.poll_answers(cx, &mut this.replies),
            None => Poll::Ready(Err(lease.gone())),
        };
        match polled {
            Poll::Ready(Ok(())) => {
                this.stage = Stage::Over;
                Poll::Ready(Answer {
                    replies: std::mem::take(&mut this.replies),
                    failure: None,
                })
            }
            Poll::Ready(Err(error)) => Poll::Ready(this.fail(error)),
            Poll::Pending => {
                let deadline = this.deadline;
                let sleep = this
                    .sleep
                    .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
                match sleep.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(this.late()),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let given_up = Error::lost(self.address(), GIVEN_UP, None);
        let is_under = matches!(self.stage, Stage::Under);
        match self.lease.get().connection() {
            Some(connection) if is_under && connection.is_untouched() => connection.take_back(),
            Some(_) if is_under => self.give_up(&given_up),
            Some(_) if self.is_unblocking => self.lease.get().lose(given_up),
            _ => {}
        }
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("commands", &self.commands)
            .finish_non_exhaustive()
    }
}

/// A call that is being cancelled for somebody who has gone.
pub(super) struct Rescue {
    call: Call<'static>,
    with: With,
    /// Whether an attempt to unblock it may still be under way.
    is_doubtful: bool,
}

impl Rescue {
    fn hand_over(self) {
        let mut this = Box::new(self);
        let store = Arc::clone(this.call.lease.get().store());
        let job = Job::Rescue(this);
        // What nobody can see to is dropped, which closes its connection.
        let left = store.with(|state| {
            if state.is_closed || !state.is_tended {
                return Some(job);
            }
            state.jobs.push(job);
            state.rouse();
            None
        });
        drop(left);
    }

    pub(super) async fn carry_out(mut self: Box<Self>) {
        let answer = self.call.unblock().await;
        let Rescue {
            mut call,
            with,
            is_doubtful,
        } = *self;
        if is_doubtful {
            call.lease.get().lose_as(|counts| counts.discarded += 1);
        }
        // First, so that whoever is told finds the connection back.
        drop(call);
        with(answer);
    }
}
