//! `bench topology`: slots of keys, lookups, and views made into maps.

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use super::figures::{median, number, spread};
use super::program;
use super::table::Table;

/// Measures slotline-topology: time and heap allocations.
#[derive(Args)]
pub(crate) struct Topology {
    /// Fewer and shorter rounds: for a first look, not for a README.
    #[arg(long)]
    quick: bool,
    /// Prints the table in Markdown.
    #[arg(long)]
    markdown: bool,
}

impl Topology {
    pub(crate) fn run(self) -> Result<()> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let quick: &[&str] = if self.quick { &["--quick"] } else { &[] };
        let allocations = program::run("topology_allocations", &path, &[])?;
        let time = program::run("topology_time", &path, quick)?;
        print!("{}", table(&time, &allocations)?.show(self.markdown));
        Ok(())
    }
}

fn table(time: &[Value], allocations: &[Value]) -> Result<Table> {
    let mut table = Table {
        heading: ["", "per", "time", "allocations", "most memory at once"]
            .map(str::to_owned)
            .into(),
        rows: Vec::new(),
        words: 2,
    };
    for (time, allocated) in time.iter().zip(allocations) {
        let row = row(time, allocated);
        table
            .rows
            .push(row.with_context(|| format!("no figures in {time} and {allocated}"))?);
    }
    Ok(table)
}

fn row(time: &Value, allocated: &Value) -> Option<Vec<String>> {
    let units = time["units"].as_f64()?;
    let rounds = time["ns"].as_array()?.iter();
    let [middle, least, most] = median(rounds.filter_map(Value::as_f64).collect())?;
    let (name, scale) = match middle / units {
        ..1e3 => ("ns", 1.0),
        ..1e6 => ("µs", 1e3),
        _ => ("ms", 1e6),
    };
    let [middle, least, most] = [middle, least, most].map(|figure| figure / units / scale);
    Some(vec![
        time["title"].as_str()?.to_owned(),
        time["unit"].as_str()?.to_owned(),
        format!("{} {name}", spread(middle, least, most)),
        number(allocated["count"].as_f64()? / units),
        format!("{} KiB", number(allocated["peak"].as_f64()? / 1024.0)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_is_per_unit_and_in_a_unit_of_time_that_reads_well() {
        let time = |ns: [f64; 3]| json!({"title": "t", "unit": "u", "units": 10, "ns": ns});
        let allocated = json!({"count": 20, "peak": 2048});
        let table = table(
            &[time([30.0, 20.0, 40.0]), time([3e7, 2e7, 4e7])],
            &[allocated.clone(), allocated],
        );
        let rows = table.unwrap().rows;
        assert_eq!(
            rows[0],
            ["t", "u", "3.00 (2.00–4.00) ns", "2.00", "2.00 KiB"]
        );
        assert_eq!(rows[1][2], "3.00 (2.00–4.00) ms");
    }
}
