//! Sending a part of a request again: what Redirect and Retry have in common.
//! They differ in what they decide about an outcome.

mod future;

use std::time::Duration;

use rustc_hash::FxHashSet;
use slotline_resp::{CommandInfo, Commands, Delivery};
use slotline_topology::Endpoint;
use tokio::time::Instant;
use tower::Service;

use crate::attempt::Attempt;
use crate::error::Error;
use crate::observe::What;
use crate::order::{self, Waves};
use crate::request::{Request, Target, Targets};
use crate::response::{Response, Trouble};

pub(crate) use future::Resending;

/// Decides which commands go again.
pub(crate) trait Decide {
    /// What is remembered of the commands of one request. Nothing is, as long as
    /// there is nothing to decide.
    type Memory: Default;

    /// Looks at the outcomes that a call just brought.
    fn decide<S: Clone>(&self, memory: &mut Self::Memory, resend: &Resend<S>) -> Again;
}

/// What is to go again.
#[derive(Debug, Default)]
pub(crate) struct Again {
    /// The commands' indexes, ascending, and where each goes.
    pub(crate) commands: Vec<(u32, Target)>,
    /// How long to wait before that.
    pub(crate) wait: Duration,
    /// Nodes that reads had better pass over from now on.
    pub(crate) avoid: Vec<Endpoint>,
}

/// A request some of whose commands may have to go again, and the outcomes so
/// far.
#[derive(Debug)]
pub(crate) struct Resend<S> {
    service: S,
    pub(crate) request: Request,
    response: Response,
    /// Which commands are under way, if not all of them, and where they go.
    under_way: Option<Vec<(u32, Target)>>,
    /// What waits until a command for the same key has its outcome (O1).
    held: Vec<(u32, Target)>,
    /// When the call under way began.
    began: Instant,
}

impl<S: Clone> Resend<S> {
    /// Of a request whose first call has come to something.
    pub(crate) fn new(service: S, request: Request) -> Resend<S> {
        Resend {
            service,
            response: Response::default(),
            under_way: None,
            held: Vec::new(),
            began: request.began,
            request,
        }
    }

    pub(crate) fn commands(&self) -> &Commands {
        &self.request.commands
    }

    /// Takes in what the call under way came to.
    pub(crate) fn merge(&mut self, outcome: Result<Response, Error>) {
        match &self.under_way {
            None => self.response = Response::of_call(outcome, self.request.len()),
            Some(sent) => {
                let part = Response::of_call(outcome, sent.len());
                for (at, (index, _)) in sent.iter().enumerate() {
                    let index = *index as usize;
                    if !self.is_less_sure(index, &part, at) {
                        self.response.take_over(index, &part, at);
                    }
                }
            }
        }
        self.note_unresolved();
    }

    /// Pieces that are routed from here on do not pass what may go again.
    fn note_unresolved(&self) {
        let track = self.request.rare().track.as_deref();
        let Some((track, (ledger, _))) =
            track.and_then(|track| Some((track, track.piece.as_ref()?)))
        else {
            return;
        };
        let troubles = self.response.troubles().map(|(index, _)| index);
        let open = troubles.filter(|index| {
            let delivery = self.response.delivery(*index, self.info(*index));
            delivery != Some(Delivery::Answered)
        });
        ledger.unresolved(open.map(|index| track.index(index as u32)));
    }

    /// Whether the command is another's to send again.
    fn is_handed(&self, index: u32) -> bool {
        let track = self.request.rare().track.as_deref();
        track.is_some_and(|track| track.is_handed(index))
    }

    /// Of the commands that just had an outcome, those in trouble: their index,
    /// where they were sent, and the trouble.
    pub(crate) fn troubles(&self) -> Vec<(u32, Target, Trouble<'_>)> {
        match &self.under_way {
            None => self
                .response
                .troubles()
                .filter(|(index, _)| !self.is_handed(*index as u32))
                .map(|(index, trouble)| {
                    let target = self.request.target(index).clone();
                    (index as u32, target, trouble)
                })
                .collect(),
            Some(sent) => sent
                .iter()
                .filter(|(index, _)| !self.is_handed(*index))
                .filter_map(|(index, target)| {
                    let trouble = self.response.trouble(*index as usize)?;
                    Some((*index, target.clone(), trouble))
                })
                .collect(),
        }
    }

    /// What goes again if a transaction does: all of it.
    pub(crate) fn whole(&self, target: &Target) -> Vec<(u32, Target)> {
        let all = 0..self.request.len() as u32;
        all.map(|index| (index, target.clone())).collect()
    }

    /// Plans what goes again now: those of `again` whose order allows it, and what
    /// was held back for them. What order forbids surfaces, and so does what
    /// could not be answered in time. Returns the wait before it, or `None` if
    /// there is nothing to send.
    pub(crate) fn plan(&mut self, again: Again) -> Option<Duration> {
        let Again {
            commands: mut again,
            wait,
            avoid,
        } = again;
        for node in avoid {
            if !self.request.rare().avoid.contains(&node) {
                self.request.rare_mut().avoid.push(node);
            }
        }
        again.append(&mut self.held);
        again.sort_unstable_by_key(|(index, _)| *index);
        let mut indexes: Vec<u32> = again.iter().map(|(index, _)| *index).collect();
        if let Some(track) = self.request.rare().track.as_deref() {
            let handed = track.hand_over(&indexes);
            again.retain(|(index, _)| !handed.contains(index));
            indexes.retain(|index| !handed.contains(index));
            track.explain(handed, || What::StayedBehind);
        }
        // The commands of a transaction have run all or none.
        let forbidden = if self.request.rare().is_transaction {
            FxHashSet::default()
        } else {
            order::forbidden(&self.request.commands, &indexes, |index| {
                self.may_have_run(index)
            })
        };
        again.retain(|(index, _)| !forbidden.contains(index));
        for index in forbidden {
            let index = index as usize;
            self.request.note([index as u32], || What::Forbidden);
            self.response.forbid(index, self.info(index));
        }
        let Waves { now, later } = order::together(&self.request.commands, again);
        self.held = later;
        let goes = !now.is_empty() && wait < self.time_left();
        if goes && !wait.is_zero() {
            let indexes = now.iter().map(|(index, _)| *index);
            self.request.note(indexes, || What::Waits { wait });
        }
        self.under_way = Some(now);
        goes.then_some(wait)
    }

    /// How long the call took that just brought its outcomes: so old may the first
    /// of them be.
    pub(crate) fn took(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn time_left(&self) -> Duration {
        let deadline = self.request.deadline;
        deadline.saturating_duration_since(Instant::now())
    }

    /// Whether the outcome so far says that the command may have run, and the new
    /// one only that it has not run this time.
    fn is_less_sure(&self, index: usize, part: &Response, at: usize) -> bool {
        let info = self.info(index);
        !info.is_readonly()
            && self.response.delivery(index, info) == Some(Delivery::Ambiguous)
            && !part.may_have_run(at, info)
    }

    fn may_have_run(&self, index: usize) -> bool {
        self.response.may_have_run(index, self.info(index))
    }

    fn info(&self, index: usize) -> &'static CommandInfo {
        let command = self.request.commands.get(index);
        command.map_or(&CommandInfo::UNKNOWN, |command| command.info())
    }

    /// All outcomes, at the end. What should have gone again still, there was no time
    /// for.
    pub(crate) fn take_response(&mut self) -> Response {
        let planned = self.under_way.take().unwrap_or_default();
        for (index, _) in planned.into_iter().chain(std::mem::take(&mut self.held)) {
            let index = index as usize;
            self.response.late(index, self.info(index));
        }
        std::mem::take(&mut self.response)
    }

    /// The call that sends what was planned.
    pub(crate) fn attempt(&mut self) -> Attempt<S, Request>
    where
        S: Service<Request>,
    {
        self.began = Instant::now();
        let sent = self.under_way.as_deref().unwrap_or_default();
        let indexes: Vec<u32> = sent.iter().map(|(index, _)| *index).collect();
        let targets: Vec<Target> = sent.iter().map(|(_, target)| target.clone()).collect();
        let mut part = self.request.pick(&indexes, Targets::Each(targets.into()));
        part.began = self.began;
        part.blocks_on();
        Attempt::new(self.service.clone(), part, self.request.deadline)
    }
}
