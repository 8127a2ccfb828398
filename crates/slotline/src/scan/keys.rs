//! The keys of all nodes, as a stream.

use std::collections::{HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use slotline_resp::{FromReplyOwned, Reply, known};
use slotline_topology::{Endpoint, Role, Slot, SlotSet, slot_of};
use tokio::time::{Instant, Sleep, sleep};

use super::cursor::ScanCursor;
use super::options::Scan;
use super::page::{Width, items};
use super::plan::{Pass, Plan, Whom};
use super::standing::Standing;
use super::step::{Setback, Step, is_primary, page, stand, stand_alone, watched};
use crate::client::{Client, Node};
use crate::error::{Error, Result};

/// A node that was of no use is asked again after this, then twice as long, and so on.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const MOST_PAUSE: Duration = Duration::from_secs(1);

/// How often a node is looked at while its keys are gone through, and so much more seldom
/// for each other node that it has to tell of.
const LOOK_EVERY: Duration = Duration::from_millis(30);
const LOOK_LATER: Duration = Duration::from_micros(100);
/// No slot comes back so soon to the node that it has left.
const SOON: Duration = Duration::from_millis(250);

/// The keys of a server or of a whole cluster: see [`Client::scan_stream`].
///
/// It is a [`Stream`], and can be used without that trait by
/// [`next`](ScanStream::next) and [`try_next`](ScanStream::try_next). Nothing goes on
/// while it is not polled, but for what a node was asked already; dropping it ends
/// everything.
#[must_use = "a stream does nothing unless it is polled"]
pub struct ScanStream<K> {
    client: Client,
    scan: Scan,
    plan: Plan,
    visits: Vec<Visit>,
    /// Whether somebody else may have to be visited.
    is_due: bool,
    /// Until nodes are looked for again, when there is nobody to visit.
    pause: Option<Pin<Box<Sleep>>>,
    /// How often in a row each node was of no use.
    setbacks: HashMap<Endpoint, u32>,
    /// Since when nothing has come, and the last reason for that.
    stuck: Option<(Instant, Option<Error>)>,
    queue: VecDeque<Entry<K>>,
    /// Where it is, for all that was handed out.
    cursor: ScanCursor,
}

/// What is handed out, and what is true once all before it was.
enum Entry<K> {
    Item(Result<K>),
    Come(Pass),
    Finished(String, SlotSet),
}

/// A node that is asked.
struct Visit {
    endpoint: Endpoint,
    node: Node,
    /// Whether the map has it as a primary.
    is_known: bool,
    began: Instant,
    /// When it was asked what it is being asked, and when how it stood last.
    asked: Instant,
    looked: Instant,
    look_every: Duration,
    /// What is gone through; `None` until the node has said how it stands.
    pass: Option<Pass>,
    step: Asked,
}

enum Asked {
    Stand(Step<Standing>),
    Page(Step<(Reply, Option<Standing>)>),
}

enum Answer {
    Stands(Result<Standing, Setback>),
    Page(Result<(Reply, Option<Standing>), Setback>),
}

impl<K: FromReplyOwned> ScanStream<K> {
    pub(super) fn new(client: Client, scan: Scan) -> ScanStream<K> {
        ScanStream {
            plan: scan.resume.plan(),
            cursor: scan.resume.clone(),
            client,
            scan,
            visits: Vec::new(),
            is_due: true,
            pause: None,
            setbacks: HashMap::new(),
            stuck: None,
            queue: VecDeque::new(),
        }
    }

    /// The next key; `None` at the end. After an error it goes on.
    ///
    /// # Errors
    /// A node could not be asked within the client's [`timeout`], or does not let this
    /// user ask; or this key is no `K`. The next call tries again, or goes to the next
    /// key.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    ///
    /// [`timeout`]: crate::ClientBuilder::timeout
    pub async fn next(&mut self) -> Option<Result<K>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// The same the other way round, for `while let Some(key) = keys.try_next().await?`.
    ///
    /// # Errors
    /// As of [`next`](ScanStream::next).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn try_next(&mut self) -> Result<Option<K>> {
        self.next().await.transpose()
    }

    /// Where it is: a scan that is [resumed](Scan::resume) there brings all keys that this
    /// one has not handed out, and at most some of the last that it has.
    #[must_use]
    pub fn cursor(&self) -> &ScanCursor {
        &self.cursor
    }

    /// Asks nodes for as long as they answer at once and there is room for what they say.
    fn drive(&mut self, cx: &mut Context<'_>) {
        let ahead = self.scan.page.ahead();
        loop {
            self.visit_more(cx);
            let mut has_moved = false;
            let mut at = 0;
            while at < self.visits.len() && self.queue.len() < ahead {
                let answer = self.visits.get_mut(at).map(|visit| visit.poll(cx));
                let Some(Poll::Ready(answer)) = answer else {
                    at += 1;
                    continue;
                };
                has_moved = true;
                let visit = self.visits.swap_remove(at);
                if let Some(visit) = self.take(visit, answer) {
                    self.visits.push(visit);
                }
            }
            if !has_moved || self.queue.len() >= ahead {
                return;
            }
        }
    }

    /// Begins to visit those that have something to tell, as many as may be asked at once.
    fn visit_more(&mut self, cx: &mut Context<'_>) {
        if let Some(pause) = &mut self.pause {
            if pause.as_mut().poll(cx).is_pending() {
                return;
            }
            self.pause = None;
        }
        if !self.is_due || self.visits.len() >= self.scan.concurrency {
            return;
        }
        self.is_due = false;
        for (endpoint, is_known) in self.worth_a_visit() {
            if self.visits.len() >= self.scan.concurrency {
                self.is_due = true;
                return;
            }
            if !self.visits.iter().any(|visit| visit.endpoint == endpoint) {
                let visit = self.visit(endpoint, is_known);
                self.visits.push(visit);
            }
        }
        if self.visits.is_empty() && !self.plan.is_complete() {
            // Nobody is known for what is left.
            self.is_due = true;
            self.set_back(Instant::now(), None);
            let mut pause = Box::pin(sleep(FIRST_PAUSE * 5));
            let _registered = pause.as_mut().poll(cx);
            self.pause = Some(pause);
        }
    }

    /// The nodes that have keys which are left, and whether the map has them as primaries.
    fn worth_a_visit(&self) -> Vec<(Endpoint, bool)> {
        let topology = self.client.topology();
        let mut nodes: Vec<(Endpoint, bool)> = Vec::new();
        for (slot, whom) in self.plan.left() {
            let known = match whom {
                Whom::Owner => topology.primary_of(slot),
                Whom::Target(id, _) => topology.find_id(id),
            };
            let endpoint = match (known.and_then(|index| topology.endpoint(index)), whom) {
                (Some(endpoint), _) => endpoint.clone(),
                // A node that has no slot yet is in no map.
                (None, Whom::Target(_, Some(at))) => {
                    self.client.cluster().addresses().translate(at)
                }
                (None, _) => continue,
            };
            if !nodes.iter().any(|(known, _)| *known == endpoint) {
                let is_known = is_primary(&self.client, &endpoint);
                nodes.push((endpoint, is_known));
            }
        }
        nodes
    }

    fn visit(&self, endpoint: Endpoint, is_known: bool) -> Visit {
        let node = self.client.node_at(endpoint.clone(), Role::Primary);
        let pause = match self.setbacks.get(&endpoint) {
            Some(times) => FIRST_PAUSE * 2_u32.saturating_pow((*times).min(16)),
            None => Duration::ZERO,
        };
        let mut visit = Visit {
            endpoint,
            is_known,
            began: Instant::now(),
            asked: Instant::now(),
            looked: Instant::now(),
            look_every: LOOK_EVERY,
            pass: None,
            step: Asked::Stand(Box::pin(std::future::pending())),
            node,
        };
        visit.ask_how_it_stands(&self.client, pause.min(MOST_PAUSE));
        visit
    }

    /// Takes in what a node has answered; `None` when the visit is over.
    fn take(&mut self, visit: Visit, answer: Answer) -> Option<Visit> {
        match answer {
            Answer::Stands(Ok(standing)) => self.stands(visit, &standing),
            Answer::Page(Ok((reply, seen))) => self.page(visit, &reply, seen.as_ref()),
            Answer::Stands(Err(setback)) | Answer::Page(Err(setback)) => {
                self.broken_off(visit, setback);
                None
            }
        }
    }

    fn stands(&mut self, mut visit: Visit, standing: &Standing) -> Option<Visit> {
        if visit.pass.is_none() {
            visit.pass = self.plan.begin(standing);
            visit.looked = visit.asked;
            let peers = u32::try_from(standing.peers.len()).unwrap_or(u32::MAX);
            visit.look_every = LOOK_EVERY + LOOK_LATER.saturating_mul(peers);
        }
        let Some(pass) = visit.pass.take() else {
            self.broken_off(visit, Setback::Passing(None));
            return None;
        };
        if let Some(cursor) = pass.cursor {
            visit.pass = Some(pass);
            visit.ask_for_page(&self.client, &self.scan, cursor);
            return Some(visit);
        }
        let who = pass.who.clone();
        let done = self
            .plan
            .end(pass, standing, visit.looked.elapsed() <= SOON);
        self.queue.push_back(Entry::Finished(who, done.clone()));
        self.is_due = true;
        if done.is_empty() {
            self.broken_off(visit, Setback::Passing(None));
        } else {
            self.setbacks.remove(&visit.endpoint);
            self.stuck = None;
        }
        None
    }

    fn page(&mut self, mut visit: Visit, reply: &Reply, seen: Option<&Standing>) -> Option<Visit> {
        let is_single = self.client.topology().is_single_node();
        let pass = visit.pass.as_mut()?;
        let is_wanted = |key: &[u8]| is_single || pass.covers(slot_of(key));
        let (cursor, items) = match items(reply, Width::One, is_wanted) {
            Ok(page) => page,
            Err(error) => {
                let error = Error::reply(error, &known::SCAN).of_command("SCAN");
                self.broken_off(visit, Setback::Lasting(error));
                return None;
            }
        };
        self.stuck = None;
        visit.began = Instant::now();
        let items = items.into_iter().map(|item| {
            let item = item.map_err(|error| Error::reply(error, &known::SCAN).of_command("SCAN"));
            Entry::Item(item)
        });
        self.queue.extend(items);
        pass.cursor = Some(cursor).filter(|cursor| *cursor != 0);
        if let Some(standing) = seen {
            if pass.who != standing.who {
                visit.pass = None;
                self.broken_off(visit, Setback::Passing(None));
                return None;
            }
            pass.look(standing, visit.looked.elapsed() <= SOON);
            visit.looked = visit.asked;
        }
        self.queue.push_back(Entry::Come(pass.clone()));
        match pass.cursor {
            Some(cursor) => visit.ask_for_page(&self.client, &self.scan, cursor),
            None => visit.ask_how_it_stands(&self.client, Duration::ZERO),
        }
        Some(visit)
    }

    /// A visit is over that has not come to its end: another follows, after a pause.
    fn broken_off(&mut self, visit: Visit, setback: Setback) {
        if let Some(pass) = visit.pass {
            self.plan.keep(pass);
        }
        self.is_due = true;
        let times = self.setbacks.entry(visit.endpoint).or_default();
        *times = times.saturating_add(1);
        match setback {
            Setback::Passing(error) => self.set_back(visit.began, error),
            Setback::Lasting(error) => self.queue.push_back(Entry::Item(Err(error))),
        }
    }

    /// Nothing has come since then: an error, if that is too long.
    fn set_back(&mut self, since: Instant, error: Option<Error>) {
        self.client.cluster().want_refresh();
        let (began, last) = self.stuck.get_or_insert((since, None));
        if error.is_some() {
            *last = error;
        }
        if began.elapsed() < self.client.runner().settings.timeout {
            return;
        }
        let last = last.take();
        self.stuck = None;
        let nobody = || {
            let left = usize::from(Slot::COUNT) - self.plan.done.len();
            Error::mode(format!(
                "no node was found for {left} slots that are left to scan"
            ))
            .of_command("SCAN")
        };
        let error = last.unwrap_or_else(nobody);
        self.queue.push_back(Entry::Item(Err(error)));
    }

    /// What is next in the queue, and what is true then.
    fn pop(&mut self) -> Option<Result<K>> {
        let mut item = None;
        loop {
            match self.queue.pop_front() {
                Some(Entry::Item(next)) if item.is_none() => item = Some(next),
                Some(Entry::Item(next)) => {
                    self.queue.push_front(Entry::Item(next));
                    return item;
                }
                Some(Entry::Come(pass)) => self.cursor.has_come(&pass),
                Some(Entry::Finished(who, done)) => self.cursor.finished(&who, &done),
                None => return item,
            }
        }
    }
}

impl Visit {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Answer> {
        match &mut self.step {
            Asked::Stand(step) => step.as_mut().poll(cx).map(Answer::Stands),
            Asked::Page(step) => step.as_mut().poll(cx).map(Answer::Page),
        }
    }

    fn ask_how_it_stands(&mut self, client: &Client, pause: Duration) {
        let (node, is_single) = (self.node.clone(), client.topology().is_single_node());
        self.asked = Instant::now();
        let question = async move {
            match is_single {
                true => stand_alone(node).await,
                false => stand(node).await,
            }
        };
        self.step = Asked::Stand(self.watched(client, pause, question));
    }

    fn ask_for_page(&mut self, client: &Client, scan: &Scan, cursor: u64) {
        let is_single = client.topology().is_single_node();
        let looks = !is_single && self.looked.elapsed() >= self.look_every;
        self.asked = Instant::now();
        let question = page(self.node.clone(), scan.command(cursor), looks);
        self.step = Asked::Page(self.watched(client, Duration::ZERO, question));
    }

    fn watched<T: Send + 'static>(
        &self,
        client: &Client,
        pause: Duration,
        question: impl Future<Output = Result<T, Setback>> + Send + 'static,
    ) -> Step<T> {
        let (client, endpoint) = (client.clone(), self.endpoint.clone());
        Box::pin(watched(client, endpoint, self.is_known, pause, question))
    }
}

impl<K> Unpin for ScanStream<K> {}

impl<K: FromReplyOwned> Stream for ScanStream<K> {
    type Item = Result<K>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<K>>> {
        loop {
            if let Some(item) = self.pop() {
                return Poll::Ready(Some(item));
            }
            if self.plan.is_complete() && self.visits.is_empty() {
                return Poll::Ready(None);
            }
            self.drive(cx);
            if self.queue.is_empty() && !(self.plan.is_complete() && self.visits.is_empty()) {
                return Poll::Pending;
            }
        }
    }
}

impl<K> std::fmt::Debug for ScanStream<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScanStream")
            .field("done", &self.plan.done.len())
            .field("visits", &self.visits.len())
            .finish_non_exhaustive()
    }
}
