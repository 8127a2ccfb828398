//! One topology out of what several nodes say.

mod slotless;

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::slot::Slot;
use crate::slot_set::SlotSet;
use crate::topology::{Builder, Details, NodeIndex, Shard, Topology};
use crate::view::{Entry, Member, SILENT, View};

/// What several nodes agree on: see [`merge`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Merged {
    /// The map from slots to nodes.
    pub topology: Topology,
    /// The slots that a node which was asked is moving away.
    pub unsettled: SlotSet,
    /// The nodes whose own CLUSTER NODES was read, without repetition.
    pub asked: Vec<NodeIndex>,
}

impl Merged {
    /// Whether a slot is known not to be on the move: its owner was asked, and
    /// is not moving it. Before that, a replica may lack keys that its primary
    /// has given away already.
    pub fn is_settled(&self, slot: Slot) -> bool {
        !self.unsettled.contains(slot)
            && self
                .topology
                .primary_of(slot)
                .is_some_and(|owner| self.asked.contains(&owner))
    }
}

/// Makes one topology of the views of several nodes, slot by slot:
///
/// 1. If any view knows the config epoch of the owner that it names, the
///    highest epoch wins, as it does among the servers (cluster specification,
///    "Hash slots configuration propagation"). Views without epochs then have
///    no say.
/// 2. Otherwise the owner that most views name, and among equals the one that
///    was named first.
/// 3. The replicas are those that any view lists which names the winner (under
///    the winning epoch).
/// 4. One node's word does not undo what is known. If only one view names an
///    owner, under a lower epoch than `current` knows the slot's owner by, that
///    one stays. If no view names an owner, the one of `current` stays, unless
///    two or more views were merged and so agree that there is none.
/// 5. A node that serves no slot by all this is [kept beside the
///    map](Topology::slotless) if most of the nodes that serve some, and told of
///    `CLUSTER NODES`, see it in the same role: in the cluster, linked to it and not
///    failing. Where as many do as do not, it stays as it was in `current`.
///
/// A MOVED that was received while the views were fetched outranks them: apply
/// it to the result with [`Topology::patched_all`].
///
/// # Errors
///
/// No view names an owner of any slot ([`Error::is_empty`]), however many there
/// are: the current topology should then be kept.
pub fn merge(views: &[View], current: Option<&Topology>) -> Result<Merged, Error> {
    if views.iter().all(|view| view.entries.is_empty()) {
        return Err(Error::empty());
    }
    let mut book = Book::default();
    let views: Vec<Told<'_>> = views
        .iter()
        .map(|view| Told::new(view, &mut book))
        .collect();
    let current = current.filter(|current| !current.is_single_node());
    let mut builder = Builder::default();
    // Few questions are asked, however fragmented the slots are.
    let mut answers: FxHashMap<Question, Option<u16>> = FxHashMap::default();
    let mut question = Question::default();
    let mut last: Option<(Question, Option<u16>)> = None;
    for slot in Slot::all() {
        question.ask(&views, current, slot);
        let known = match &last {
            // Neighbouring slots mostly have the same.
            Some((asked, answer)) if *asked == question => Some(answer),
            _ => answers.get(&question),
        };
        let shard = match known {
            Some(answer) => *answer,
            None => {
                let known = current.and_then(|now| now.shard_of(slot));
                let winner = decide(&views, &question, known);
                let answer =
                    winner.and_then(|winner| winner.build(&mut book, current, &mut builder));
                answers.insert(question.clone(), answer);
                last = Some((question.clone(), answer));
                answer
            }
        };
        builder.assign(slot.get()..=slot.get(), shard);
    }
    slotless::add(&views, &book, current, &mut builder);
    let topology = builder.build(false);
    Ok(summary(topology, &views))
}

fn summary(topology: Topology, views: &[Told<'_>]) -> Merged {
    let mut unsettled = SlotSet::new();
    let mut asked = Vec::new();
    for Told { view, .. } in views {
        unsettled.union(&view.migrating);
        if let Some(id) = view.myself() {
            let place = topology.find_id(id).or_else(|| topology.find(&view.asked));
            asked.extend(place);
        }
    }
    asked.sort_unstable();
    asked.dedup();
    Merged {
        topology,
        unsettled,
        asked,
    }
}

/// The nodes that any view names, each once: by id, or by endpoint if it has
/// none, since one node may be known under several endpoints.
#[derive(Default)]
struct Book {
    members: Vec<Member>,
    by_id: FxHashMap<Arc<str>, usize>,
    by_endpoint: FxHashMap<Endpoint, usize>,
}

impl Book {
    fn place(&mut self, member: &Member) -> usize {
        let known = match &member.id {
            Some(id) => self.by_id.get(id),
            None => self.by_endpoint.get(&member.endpoint),
        };
        if let Some(&place) = known {
            if let Some(known) = self.members.get_mut(place) {
                known.details = Details::joined(&known.details, &member.details);
                // An endpoint that was announced is better than one assumed.
                if known.assumed && !member.assumed {
                    known.endpoint = member.endpoint.clone();
                    known.assumed = false;
                }
            }
            return place;
        }
        let place = self.members.len();
        self.members.push(member.clone());
        if let Some(id) = &member.id {
            self.by_id.insert(Arc::clone(id), place);
        }
        self.by_endpoint
            .entry(member.endpoint.clone())
            .or_insert(place);
        place
    }

    fn node(
        &self,
        place: usize,
        current: Option<&Topology>,
        builder: &mut Builder,
    ) -> Option<NodeIndex> {
        let member = self.members.get(place)?;
        let mut details = member.details.clone();
        let has_zone = details.as_ref().is_some_and(|known| known.zone.is_some());
        if let (Some(current), false) = (current, has_zone)
            && let Some(before) = current.find(&member.endpoint)
            && let Some(before) = current.node(before).filter(|node| node.id == member.id)
            && let Some(zone) = before.zone()
        {
            // A node never moves from one zone to another, and seldom tells.
            let zone = Details {
                zone: Some(zone.into()),
                ..Details::default()
            };
            details = Details::joined(&details, &Some(Arc::new(zone)));
        }
        builder.node(member.id.clone(), member.endpoint.clone(), details)
    }
}

/// A view, its nodes by their place in the book.
struct Told<'v> {
    view: &'v View,
    places: Vec<usize>,
}

impl<'v> Told<'v> {
    fn new(view: &'v View, book: &mut Book) -> Self {
        let members = view.members.iter();
        Self {
            view,
            places: members.map(|member| book.place(member)).collect(),
        }
    }

    fn entry(&self, index: u16) -> Option<&'v Entry> {
        // No entry has the index that stands for silence.
        self.view.entries.get(usize::from(index))
    }

    fn place(&self, member: usize) -> Option<usize> {
        self.places.get(member).copied()
    }
}

/// All that the answer for a slot depends on.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Question {
    /// Of each view the entry that speaks of the slot.
    entries: Vec<u16>,
    /// The current owner and replicas.
    current: u16,
}

impl Question {
    fn ask(&mut self, views: &[Told<'_>], current: Option<&Topology>, slot: Slot) {
        self.entries.clear();
        self.entries
            .extend(views.iter().map(|told| told.view.place(slot)));
        self.current = current.map_or(SILENT, |current| current.shard_index(slot));
    }
}

/// The answer for a slot.
enum Winner<'c> {
    Told {
        primary: usize,
        replicas: Vec<usize>,
        epoch: Option<u64>,
    },
    Kept(&'c Shard),
}

/// A view's word on a slot.
struct Word {
    view: usize,
    entry: u16,
    primary: usize,
    epoch: Option<u64>,
}

fn decide<'c>(
    views: &[Told<'_>],
    question: &Question,
    current: Option<&'c Shard>,
) -> Option<Winner<'c>> {
    let mut words: Vec<Word> = Vec::with_capacity(views.len());
    for ((told, &entry), view) in views.iter().zip(&question.entries).zip(0..) {
        let Some(range) = told.entry(entry) else {
            continue;
        };
        words.push(Word {
            view,
            entry,
            primary: told.place(range.primary)?,
            epoch: told.view.epoch(range),
        });
    }
    let best = words.iter().filter_map(|word| word.epoch).max();
    if words.is_empty() {
        return current.filter(|_| views.len() < 2).map(Winner::Kept);
    }
    if words.len() == 1
        && let Some(shard) = current
        && shard
            .epoch
            .is_some_and(|known| best.is_some_and(|told| told < known))
    {
        return Some(Winner::Kept(shard));
    }
    words.retain(|word| word.epoch == best);
    let primary = most_named(&words)?;
    let mut replicas = Vec::new();
    for word in words.iter().filter(|word| word.primary == primary) {
        let told = views.get(word.view)?;
        let listed = told.entry(word.entry)?.replicas.iter();
        replicas.extend(listed.filter_map(|&member| told.place(member)));
    }
    Some(Winner::Told {
        primary,
        replicas,
        epoch: best,
    })
}

/// Two owners under one epoch are as undecided as two without any.
fn most_named(words: &[Word]) -> Option<usize> {
    let votes = |primary| words.iter().filter(|word| word.primary == primary).count();
    words
        .iter()
        .map(|word| word.primary)
        // Of several maxima `max_by_key` takes the last; the first is wanted.
        .rev()
        .max_by_key(|&primary| votes(primary))
}

impl Winner<'_> {
    fn build(
        self,
        book: &mut Book,
        current: Option<&Topology>,
        builder: &mut Builder,
    ) -> Option<u16> {
        let (primary, replicas, epoch) = match self {
            Self::Told {
                primary,
                replicas,
                epoch,
            } => (primary, replicas, epoch),
            Self::Kept(shard) => {
                let mut place = |index| {
                    let node = current?.node(index)?;
                    Some(book.place(&Member {
                        id: node.id.clone(),
                        endpoint: node.endpoint.clone(),
                        assumed: false,
                        details: node.details.clone(),
                    }))
                };
                let primary = place(shard.primary)?;
                let replicas = shard.replicas.iter().filter_map(|&node| place(node));
                (primary, replicas.collect(), shard.epoch)
            }
        };
        let primary = book.node(primary, current, builder)?;
        let replicas = replicas
            .into_iter()
            .filter_map(|replica| book.node(replica, current, builder))
            .collect();
        builder.shard(primary, replicas, epoch)
    }
}
