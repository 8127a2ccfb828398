//! Tables of what holds name tests; each must exist.

use std::collections::HashSet;

/// Where the tables stand: of invariants, and of ways to fail.
pub(super) const TABLES: [&str; 2] = ["docs/architecture.md", "docs/failures.md"];

/// The functions that a source text defines.
pub(super) fn functions(source: &str) -> impl Iterator<Item = &str> {
    source.lines().filter_map(|line| {
        let (before, rest) = line.split_once("fn ")?;
        let is_item = before.trim().is_empty() || before.trim() == "async";
        let end = rest.find(['(', '<'])?;
        is_item.then(|| rest.get(..end)).flatten()
    })
}

/// What the table of that name promises and no source keeps. A row begins with a
/// number such as `S1`; its last column has the tests in backticks.
pub(super) fn check(name: &str, table: &str, functions: &HashSet<String>) -> Vec<String> {
    let mut problems = Vec::new();
    for row in table.lines().filter(|line| is_row(line)) {
        let columns: Vec<&str> = row.trim_end_matches('|').split('|').collect();
        let number = columns.get(1).map_or("", |number| number.trim());
        let tests = columns.last().copied().unwrap_or_default();
        let named = tests.split('`').skip(1).step_by(2);
        let named: Vec<&str> = named.filter(|name| !name.contains(' ')).collect();
        if named.is_empty() {
            problems.push(format!("{name}: {number} names no test"));
        }
        for test in named.into_iter().filter(|name| !functions.contains(*name)) {
            problems.push(format!(
                "{name}: {number} names a test that is not there: {test}"
            ));
        }
    }
    problems
}

fn is_row(line: &str) -> bool {
    let mut letters = line.chars();
    letters.next() == Some('|')
        && letters.next() == Some(' ')
        && letters
            .next()
            .is_some_and(|letter| letter.is_ascii_uppercase())
        && letters.next().is_some_and(|digit| digit.is_ascii_digit())
        && letters.next() == Some(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_not_there_is_told() {
        let source = "#[test]\nfn kept() {}\n    async fn also_kept<T>() {}\n// a fn in words (";
        let functions: HashSet<String> = functions(source).map(str::to_owned).collect();
        assert!(functions.contains("kept") && functions.contains("also_kept"));
        let table = "| | what | tests |\n| S1 | a | `kept`, `also_kept`; `cargo xtask tidy` |\n\
                     | S2 | b | `lost` |\n| S3 | `kept` | none |\n";
        let problems = check("a table", table, &functions);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].contains("S2") && problems[0].contains("lost"));
        assert!(problems[1].contains("S3"));
    }
}
