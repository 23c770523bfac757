//! Rows as lines whose columns stand below each other.

use super::text::MAX_TEXT_BYTES;

/// The widest that a column is padded: what is longer pushes its own row only.
const MAX_PADDING: usize = 64;

/// The rows as lines, and how many of them fit into the bound.
pub(crate) fn aligned(rows: &[Vec<String>]) -> (String, usize) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
                .min(MAX_PADDING)
        })
        .collect();
    let mut text = String::new();
    for (shown, row) in rows.iter().enumerate() {
        let line: String =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}   ")).collect();
        let line = line.trim_end();
        if text.len() + line.len() >= MAX_TEXT_BYTES {
            return (text, shown);
        }
        text.push_str(line);
        text.push('\n');
    }
    (text, rows.len())
}
