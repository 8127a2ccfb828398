//! A table of text, for a terminal or for a README.

/// Rows of cells under a heading; the first columns are words, the others
/// figures.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) heading: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    /// How many columns are words.
    pub(super) words: usize,
}

impl Table {
    /// In Markdown or for a terminal.
    pub(super) fn show(&self, markdown: bool) -> String {
        if markdown {
            self.markdown()
        } else {
            self.text()
        }
    }

    /// In columns that line up.
    fn text(&self) -> String {
        let lines = || std::iter::once(&self.heading).chain(&self.rows);
        let width = |column: usize| {
            let cells = lines().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.heading.len()).map(width).collect();
        let mut text = String::new();
        for line in lines() {
            let mut row = String::new();
            for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
                row.push_str(&if column < self.words {
                    format!("{cell:<width$}  ")
                } else {
                    format!("{cell:>width$}  ")
                });
            }
            text.push_str(row.trim_end());
            text.push('\n');
        }
        text
    }

    /// In Markdown.
    fn markdown(&self) -> String {
        let row = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rule: Vec<String> = (0..self.heading.len())
            .map(|column| if column < self.words { "---" } else { "--:" }.to_owned())
            .collect();
        let mut text = row(&self.heading) + &row(&rule);
        for cells in &self.rows {
            text.push_str(&row(cells));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let line = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        Table {
            heading: line(["", "é"]),
            rows: vec![line(["(a) x", "1,000"]), line(["(b)", "–"])],
            words: 1,
        }
    }

    #[test]
    fn figures_line_up_on_the_right() {
        assert_eq!(table().text(), "           é\n(a) x  1,000\n(b)        –\n");
    }

    #[test]
    fn markdown_says_which_side_a_column_leans_to() {
        assert_eq!(
            table().markdown(),
            "|  | é |\n| --- | --: |\n| (a) x | 1,000 |\n| (b) | – |\n"
        );
    }
}
