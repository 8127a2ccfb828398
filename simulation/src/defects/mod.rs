//! Defects, each against one rule, planted around the client: between it and the
//! cluster, or above it. They show that the checks see what they are to see.

mod late;
mod meddler;
mod wire;

use std::sync::Arc;

use slotline::{Address, ClientBuilder};
use slotline_testkit::FakeCluster;

use late::LateLayer;
use wire::open;

/// What is wrong with the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// Two replies change places.
    SwappedReplies,
    /// A reply is dropped, as with its caller, and all behind it move up.
    DroppedReply,
    /// A redirect sends the commands before it again too.
    BatchReplayed,
    /// Something gets between ASKING and its command.
    AskingApart,
    /// READONLY is never sent.
    ReadonlyLeftOut,
    /// A write whose answer was lost with its connection is sent again.
    WriteRepeated,
    /// Two commands for one key change places.
    OrderBroken,
    /// An ASK is taken for a MOVED.
    AskPatchesMap,
    /// A pipeline waits longer than its deadline.
    DeadlineIgnored,
    /// Some pipelines never have an outcome.
    OutcomeLost,
    /// A write is said to have succeeded that nobody sent.
    MadeUpReply,
    /// A write that ran is said to have been rejected.
    RejectedThoughRun,
    /// A write is sent again that was answered.
    RetriedThoughRun,
    /// In a mixed pipeline each command is routed by what it alone does.
    IntentOfEachCommand,
    /// Connections stay open when the client has gone.
    ConnectionLeaked,
    /// The topology is asked for again and again.
    RefreshStorm,
    /// A read is answered with what was read before.
    OldRead,
    /// An error shows the password.
    SecretShown,
    /// A transaction goes in two halves.
    TransactionTorn,
    /// A transaction is sent again that ran.
    TransactionRepeated,
    /// A command is said to have been rejected some parts of which have run.
    PartsForgotten,
    /// What one part of a command counted is left out of the sum.
    PartNotCounted,
}

impl Defect {
    /// All there are.
    pub const ALL: [Defect; 22] = [
        Defect::SwappedReplies,
        Defect::DroppedReply,
        Defect::BatchReplayed,
        Defect::AskingApart,
        Defect::ReadonlyLeftOut,
        Defect::WriteRepeated,
        Defect::OrderBroken,
        Defect::AskPatchesMap,
        Defect::DeadlineIgnored,
        Defect::OutcomeLost,
        Defect::MadeUpReply,
        Defect::RejectedThoughRun,
        Defect::RetriedThoughRun,
        Defect::IntentOfEachCommand,
        Defect::ConnectionLeaked,
        Defect::RefreshStorm,
        Defect::OldRead,
        Defect::SecretShown,
        Defect::TransactionTorn,
        Defect::TransactionRepeated,
        Defect::PartsForgotten,
        Defect::PartNotCounted,
    ];

    /// The rules by which it may be found out.
    #[must_use]
    pub fn rules(self) -> &'static [&'static str] {
        match self {
            Defect::SwappedReplies | Defect::DroppedReply | Defect::PartNotCounted => &["1"],
            Defect::BatchReplayed
            | Defect::WriteRepeated
            | Defect::MadeUpReply
            | Defect::RejectedThoughRun
            | Defect::RetriedThoughRun => &["2"],
            Defect::OrderBroken | Defect::IntentOfEachCommand => &["5"],
            Defect::AskingApart => &["R4"],
            Defect::ReadonlyLeftOut => &["S1"],
            Defect::AskPatchesMap => &["T2"],
            Defect::DeadlineIgnored | Defect::OutcomeLost => &["7"],
            Defect::ConnectionLeaked => &["8"],
            Defect::RefreshStorm => &["11"],
            Defect::OldRead => &["4"],
            Defect::SecretShown => &["13"],
            Defect::TransactionTorn => &["6"],
            Defect::TransactionRepeated | Defect::PartsForgotten => &["2"],
        }
    }
}

/// A builder whose client reaches the cluster, and has the defect.
pub(crate) fn plant(
    builder: ClientBuilder,
    cluster: &FakeCluster,
    defect: Option<Defect>,
) -> ClientBuilder {
    let cluster = Arc::new(cluster.clone());
    let builder = match defect {
        Some(defect @ (Defect::DeadlineIgnored | Defect::OutcomeLost)) => {
            builder.layer(LateLayer::new(defect == Defect::OutcomeLost))
        }
        _ => builder,
    };
    match defect {
        None
        | Some(
            Defect::DeadlineIgnored
            | Defect::OutcomeLost
            | Defect::IntentOfEachCommand
            | Defect::PartsForgotten,
        ) => builder.connector(move |address: Address, _| {
            let cluster = Arc::clone(&cluster);
            async move { cluster.connect(address.port().unwrap_or_default()) }
        }),
        Some(defect) => builder.connector(move |address: Address, _| {
            let cluster = Arc::clone(&cluster);
            async move { open(&cluster, address.port().unwrap_or_default(), defect) }
        }),
    }
}
