//! What there is to do.

use std::str::FromStr;

/// The workloads, each about one thing that a client is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Workload {
    /// One task, GET after GET.
    W1,
    /// 256 tasks, each with one GET at a time.
    W2,
    /// 8 tasks, each with a pipeline of 100 GETs over all slots.
    W3,
    /// 4 tasks, each with a pipeline of 1,000 SETs over all slots.
    W4,
    /// 4 tasks, each with a GET of 1 MiB at a time.
    W5,
    /// 64 tasks, each with an HGETALL of 100 fields at a time.
    W6,
    /// 16 tasks, each with a pipeline of 100 HGETALLs of ten fields, on a cluster
    /// from replicas.
    W7,
    /// [`W2`](Self::W2) through TLS.
    W8,
    /// 1,024 tasks on four threads: of ten operations seven are GETs, two SETs and
    /// one an HGETALL of ten fields.
    W9,
    /// 240 tasks with a GET each, every third of keys of one shard, which is paused
    /// half-way: what becomes of the others. On a cluster only.
    W10,
}

/// What a task does in one turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Get,
    GetAll(usize),
    SetAll(usize),
    GetLarge,
    Map,
    MapAll(usize),
    Mixed,
}

impl Workload {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 10] = [
        Self::W1,
        Self::W2,
        Self::W3,
        Self::W4,
        Self::W5,
        Self::W6,
        Self::W7,
        Self::W8,
        Self::W9,
        Self::W10,
    ];

    /// `W1` to `W10`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::W1 => "W1",
            Self::W2 => "W2",
            Self::W3 => "W3",
            Self::W4 => "W4",
            Self::W5 => "W5",
            Self::W6 => "W6",
            Self::W7 => "W7",
            Self::W8 => "W8",
            Self::W9 => "W9",
            Self::W10 => "W10",
        }
    }

    /// What it is, in a few words.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::W1 => "one task, GET after GET",
            Self::W2 => "256 tasks, a GET each",
            Self::W3 => "8 tasks, pipelines of 100 GETs",
            Self::W4 => "4 tasks, pipelines of 1,000 SETs",
            Self::W5 => "4 tasks, GET of 1 MiB",
            Self::W6 => "64 tasks, HGETALL of 100 fields",
            Self::W7 => "16 tasks, pipelines of 100 HGETALLs",
            Self::W8 => "256 tasks, a GET each, TLS",
            Self::W9 => "1,024 tasks on four threads, mixed",
            Self::W10 => "240 tasks, a GET each, one shard paused",
        }
    }

    /// How many tasks there are.
    #[must_use]
    pub fn tasks(self) -> usize {
        match self {
            Self::W1 => 1,
            Self::W2 | Self::W8 => 256,
            Self::W3 => 8,
            Self::W4 | Self::W5 => 4,
            Self::W6 => 64,
            Self::W7 => 16,
            Self::W9 => 1_024,
            Self::W10 => 240,
        }
    }

    /// How many threads the client's runtime has.
    #[must_use]
    pub fn threads(self) -> usize {
        if self == Self::W9 { 4 } else { 1 }
    }

    /// Whether it goes through TLS.
    #[must_use]
    pub fn tls(self) -> bool {
        self == Self::W8
    }

    /// Whether it reads from replicas where there are any.
    #[must_use]
    pub fn reads_replicas(self) -> bool {
        self == Self::W7
    }

    /// Whether it needs a cluster.
    #[must_use]
    pub fn needs_cluster(self) -> bool {
        self == Self::W10
    }

    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::W1 | Self::W2 | Self::W8 | Self::W10 => Kind::Get,
            Self::W3 => Kind::GetAll(100),
            Self::W4 => Kind::SetAll(1_000),
            Self::W5 => Kind::GetLarge,
            Self::W6 => Kind::Map,
            Self::W7 => Kind::MapAll(100),
            Self::W9 => Kind::Mixed,
        }
    }

    /// How many commands an operation has.
    #[must_use]
    pub fn commands(self) -> usize {
        match self.kind() {
            Kind::GetAll(count) | Kind::SetAll(count) | Kind::MapAll(count) => count,
            Kind::Get | Kind::GetLarge | Kind::Map | Kind::Mixed => 1,
        }
    }

    /// How many operations a run has that only counts.
    #[must_use]
    pub fn counted_operations(self) -> u64 {
        match self {
            Self::W1 => 4_000,
            Self::W2 | Self::W8 | Self::W9 | Self::W10 => 50_000,
            Self::W3 => 800,
            Self::W4 => 80,
            Self::W5 => 160,
            Self::W6 => 3_000,
            Self::W7 => 240,
        }
    }

    /// Each how-many-th operation of a task is timed: of short ones so few that
    /// looking at the clock does not show.
    pub(crate) fn sampled(self) -> u64 {
        match self {
            Self::W2 | Self::W8 | Self::W9 | Self::W10 => 16,
            _ => 1,
        }
    }
}

impl FromStr for Workload {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        let found = all.find(|it| it.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| format!("no workload is called {name:?}; there are W1 to W10"))
    }
}
