//! What clients keep in memory.

use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::super::figures::number;
use super::super::program;
use super::super::table::Table;
use super::Section;
use crate::workspace;

pub(super) fn all(program: &Path) -> Result<Vec<Section>> {
    let printed = workspace::output(Command::new(program).arg("memory"))?;
    let lines = program::lines(&printed)?;
    Ok(vec![Section {
        title: "bytes of heap".to_owned(),
        table: table(&lines)?,
    }])
}

fn table(lines: &[Value]) -> Result<Table> {
    let row = |line: &Value| -> Option<Vec<String>> {
        let what = line["what"].as_str()?.to_owned();
        Some(vec![what, number(line["bytes"].as_f64()?)])
    };
    let rows = lines.iter().map(row).collect::<Option<_>>();
    Ok(Table {
        heading: ["", "bytes"].map(str::to_owned).into(),
        rows: rows.context("a line without figures")?,
        words: 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_is_a_row() {
        let rows = table(&[json!({"what": "w", "bytes": 76_408.7})])
            .unwrap()
            .rows;
        assert_eq!(rows, [["w", "76,409"]]);
        assert!(table(&[json!({"what": "w"})]).is_err());
    }
}
