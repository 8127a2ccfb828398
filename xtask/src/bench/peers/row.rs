//! What is measured: a workload, and where.

use std::fmt;

use anyhow::{Result, bail};
use slotline_bench_driver::Workload;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Standalone,
    Cluster,
}

impl Place {
    pub(super) const ALL: [Self; 2] = [Self::Standalone, Self::Cluster];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Standalone => "standalone",
            Self::Cluster => "cluster",
        }
    }
}

/// A row of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) workload: Workload,
    pub(super) place: Place,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.workload.name(), self.place.name())
    }
}

fn all() -> impl Iterator<Item = Row> {
    let of = |place| Workload::ALL.map(|workload| Row { workload, place });
    let rows = Place::ALL.into_iter().flat_map(of);
    rows.filter(|row| row.place == Place::Cluster || !row.workload.needs_cluster())
}

/// Those that are asked for: workloads with commas, each with `-standalone` or
/// `-cluster` if it is to be there only.
pub(super) fn choose(names: Option<&str>) -> Result<Vec<Row>> {
    let Some(names) = names else {
        return Ok(all().collect());
    };
    let mut wanted = Vec::new();
    for name in names.split(',').map(str::trim) {
        let (workload, place) = name
            .split_once('-')
            .map_or((name, None), |(workload, place)| (workload, Some(place)));
        let workload: Workload = workload.parse().map_err(anyhow::Error::msg)?;
        let of = |row: &Row| {
            row.workload == workload && place.is_none_or(|place| row.place.name() == place)
        };
        if !all().any(|row| of(&row)) {
            bail!("there is no {name}: a workload is measured standalone or on a cluster");
        }
        wanted.extend(all().filter(of));
    }
    Ok(all().filter(|row| wanted.contains(row)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_chosen_by_workload_and_place() {
        let chosen = |names: Option<&str>| {
            let rows = choose(names).unwrap();
            rows.iter().map(Row::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            chosen(Some("w2,W1-cluster")),
            ["W2 standalone", "W1 cluster", "W2 cluster"]
        );
        assert_eq!(chosen(Some("W10")), ["W10 cluster"]);
        assert_eq!(chosen(None).len(), 19);
        for wrong in ["W11", "W10-standalone", "W2-moon"] {
            assert!(choose(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
