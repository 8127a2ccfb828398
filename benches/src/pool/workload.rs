//! What there is to do.

/// The workloads, each about one thing that a shared connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// 256 tasks, each with one GET at a time.
    Many,
    /// One task, GET after GET.
    Lone,
    /// 8 tasks, each with a batch of 100 GETs at a time.
    Batches,
    /// 4 tasks, each with a GET of 1 MiB at a time.
    ReadLarge,
    /// 4 tasks, each with a SET of 1 MiB at a time.
    WriteLarge,
}

impl Workload {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 5] = [
        Self::Many,
        Self::Lone,
        Self::Batches,
        Self::ReadLarge,
        Self::WriteLarge,
    ];

    /// What it is called in the table.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Many => "256 tasks, a GET each",
            Self::Lone => "one task, GET after GET",
            Self::Batches => "8 tasks, batches of 100 GETs",
            Self::ReadLarge => "4 tasks, GET of 1 MiB",
            Self::WriteLarge => "4 tasks, SET of 1 MiB",
        }
    }

    /// How many tasks there are.
    #[must_use]
    pub fn tasks(self) -> usize {
        match self {
            Self::Many => 256,
            Self::Lone => 1,
            Self::Batches => 8,
            Self::ReadLarge | Self::WriteLarge => 4,
        }
    }

    /// How many commands an operation has.
    #[must_use]
    pub fn commands(self) -> usize {
        match self {
            Self::Batches => 100,
            _ => 1,
        }
    }

    /// How many operations take about a second.
    #[must_use]
    pub fn operations(self) -> usize {
        match self {
            Self::Many => 400_000,
            Self::Lone => 20_000,
            Self::Batches => 12_000,
            Self::ReadLarge | Self::WriteLarge => 2_000,
        }
    }

    /// After how many operations buffers have the size that they keep.
    pub(super) fn warm_up(self) -> usize {
        match self {
            Self::Many => 10_000,
            Self::Lone => 1_000,
            Self::Batches => 200,
            Self::ReadLarge | Self::WriteLarge => 40,
        }
    }

    /// Each how-many-th operation of a task is timed, if any: so few that
    /// looking at the clock does not show in what the others cost.
    #[must_use]
    pub fn sampled(self) -> Option<usize> {
        match self {
            Self::Many => Some(16),
            Self::Lone => Some(1),
            _ => None,
        }
    }
}
