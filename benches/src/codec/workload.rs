//! What there is to do.

/// The workloads, each about one thing that codecs are good or bad at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// 10,000 replies to pipelined GETs, bulks of 64 B, in 16 KiB pieces.
    Replies,
    /// One array of 1,000 bulks of 64 B, whole.
    Array,
    /// One RESP3 map of ten maps with 1,000 pairs of strings in all, whole. Its
    /// elements are its keys and its strings.
    Map,
    /// One bulk of 16 MiB, in 16 KiB pieces.
    Bulk,
    /// One array of 100,000 integers, in 1 KiB pieces.
    Integers,
    /// 1,000 GETs, each in a buffer of its own.
    Get,
    /// 1,000 SETs of 64 B, each in a buffer of its own.
    Set,
    /// 1,000 SETs of 64 B in one buffer.
    Pipeline,
}

/// What is done with a workload's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Finding where each frame ends.
    Scan,
    /// Finding that and decoding it: into the natural Rust type, or into the
    /// codec's own tree where it has no other.
    Decode,
    /// Commands to bytes.
    Encode,
}

impl Workload {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 8] = [
        Self::Replies,
        Self::Array,
        Self::Map,
        Self::Bulk,
        Self::Integers,
        Self::Get,
        Self::Set,
        Self::Pipeline,
    ];

    /// What it is called in the table.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Replies => "(a) 10,000 bulks of 64 B, pipelined",
            Self::Array => "(b) array of 1,000 bulks of 64 B",
            Self::Map => "(c) nested RESP3 map of 1,000 entries",
            Self::Bulk => "(d) 16 MiB bulk in 16 KiB pieces",
            Self::Integers => "(e) 100,000 integers in 1 KiB pieces",
            Self::Get => "(f) GET",
            Self::Set => "(f) SET of 64 B",
            Self::Pipeline => "(f) pipeline of 1,000 SETs of 64 B",
        }
    }

    /// What its figures are per.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Replies => "reply",
            Self::Array | Self::Map | Self::Integers => "element",
            Self::Bulk => "byte",
            Self::Get | Self::Set | Self::Pipeline => "command",
        }
    }

    /// What can be done with it.
    #[must_use]
    pub fn tasks(self) -> &'static [Task] {
        match self {
            Self::Get | Self::Set | Self::Pipeline => &[Task::Encode],
            _ => &[Task::Scan, Task::Decode],
        }
    }
}

impl Task {
    /// What it is called in the table.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Decode => "decode",
            Self::Encode => "encode",
        }
    }
}
