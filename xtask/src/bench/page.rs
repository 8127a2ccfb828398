//! Pages of which a part is written by a measurement.

use std::fs;

use anyhow::{Context, Result};

use crate::workspace;

const BEGIN: &str = "<!-- measured: begin -->\n";
const END: &str = "<!-- measured: end -->";

/// Puts what was measured between the marks of a page.
///
/// # Errors
/// The page cannot be read or written, or has no marks.
pub(super) fn write(page: &str, measured: &str) -> Result<()> {
    let path = workspace::root().join(page);
    let text = fs::read_to_string(&path).with_context(|| format!("reading {page}"))?;
    let text = replaced(&text, measured)
        .with_context(|| format!("{page} has no place for what was measured"))?;
    fs::write(&path, text).with_context(|| format!("writing {page}"))
}

/// The page with something else between the marks.
fn replaced(page: &str, measured: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!(
        "{before}{BEGIN}\n{}\n\n{END}{after}",
        measured.trim()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let page = format!("a\n{BEGIN}old\n{END}\nb\n");
        let page = replaced(&page, "new\n").unwrap();
        assert_eq!(page, format!("a\n{BEGIN}\nnew\n\n{END}\nb\n"));
        assert_eq!(replaced(&page, "new").unwrap(), page);
        assert_eq!(replaced("no marks", "new"), None);
    }
}
