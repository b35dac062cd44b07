//! What commands print: plain tables, and text on standard output.
//!
//! There are no colours, because people and other programs read it.

use std::fmt::Write as _;
use std::io::Write as _;

/// Prints `text` and flushes it, for readers that wait for it. A closed reader is no error.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        tracing::debug!(%error, "the output could not be written");
    }
}

/// Rows of equally many cells, printed in aligned columns with two spaces between them.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<usize>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Aligns these columns to the right, for numbers.
    pub(crate) fn align_right(mut self, columns: &[usize]) -> Self {
        self.right = columns.to_vec();
        self
    }

    pub(crate) fn row<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) -> &mut Self {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
    }

    /// The lines.
    pub(crate) fn render(&self) -> String {
        self.lines("")
    }

    /// The lines, each indented by two spaces.
    pub(crate) fn render_indented(&self) -> String {
        self.lines("  ")
    }

    fn lines(&self, indent: &str) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = indent.to_owned();
            for (column, cell) in row.iter().enumerate() {
                let width = widths[column];
                // Writing to a string does not fail.
                let _ = if self.right.contains(&column) {
                    write!(line, "{cell:>width$}  ")
                } else {
                    write!(line, "{cell:<width$}  ")
                };
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new().align_right(&[1]);
        table.row(["a", "1"]).row(["bcd", "200"]);
        assert_eq!(table.render_indented(), "  a      1\n  bcd  200\n");
    }
}
