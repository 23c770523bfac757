//! Text that stays within bounds.

/// The longest text of one answer. About fifty thousand tokens, which is more than a model should get of anything.
pub(super) const MAX_TEXT_BYTES: usize = 192 * 1024;

/// A place to write text to that takes no more than the bound, and then fails so that the writer stops.
#[derive(Debug, Default)]
pub(super) struct BoundedText(Vec<u8>);

impl std::io::Write for BoundedText {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let room = MAX_TEXT_BYTES.saturating_sub(self.0.len());
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.0.extend_from_slice(taken);
        // 0 of some is how a writer is told that there is no more room.
        Ok(taken.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl BoundedText {
    /// The text, with a note if it is not whole.
    pub(super) fn finish(self, is_cut: bool) -> String {
        let whole = self.0.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        if !is_cut {
            return whole.to_owned();
        }
        format!("{whole}\n[cut: only the first {} bytes are shown]\n", whole.len())
    }
}

/// Text that is cut at the bound, with a note then.
pub(crate) fn bounded(text: String) -> String {
    if text.len() <= MAX_TEXT_BYTES {
        return text;
    }
    let mut cut = BoundedText::default();
    // It is longer than the bound, so that writing it ends early.
    let is_cut = std::io::Write::write_all(&mut cut, text.as_bytes()).is_err();
    cut.finish(is_cut)
}

/// The longest cell, in characters: the longest name that Kubernetes has, and room for nobody's essay.
pub(super) const MAX_CELL_CHARS: usize = 256;

/// What moves a cursor, begins a line, turns the reading direction, or is there and not seen: people could be shown
/// something else than models read.
pub(crate) fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// One line of printable text that is not too long: a cell must not be able to start a new row, to move a cursor, or
/// to push everything else out.
pub(crate) fn one_line(text: &str) -> String {
    let mut chars = text.chars().map(|c| if is_unseen(c) { ' ' } else { c });
    let mut line: String = chars.by_ref().take(MAX_CELL_CHARS).collect();
    if chars.next().is_some() {
        line.pop();
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn long_text_is_cut_between_characters_and_says_so() {
        let mut text = BoundedText::default();
        text.write_all(b"short").unwrap();
        assert_eq!(text.finish(false), "short");
        let mut text = BoundedText::default();
        assert!(text.write_all(format!("x{}", "é".repeat(MAX_TEXT_BYTES)).as_bytes()).is_err());
        let cut = text.finish(true);
        assert!(cut.ends_with(
            "é
[cut: only the first 196607 bytes are shown]
"
        ));
    }

    #[test]
    fn a_cell_stays_on_its_line() {
        assert_eq!(one_line("a\nb\r\u{1b}[31mc\td"), "a b  [31mc d");
        assert_eq!(one_line("a\u{2028}b\u{85}c\u{202e}d\u{e0041}e"), "a b c d e");
        assert_eq!(one_line("é ن 日本 👍🏽"), "é ن 日本 👍🏽", "what is seen stays");
        assert_eq!(one_line(&"é".repeat(MAX_CELL_CHARS)), "é".repeat(MAX_CELL_CHARS));
        let cut = one_line(&"é".repeat(MAX_CELL_CHARS + 1));
        assert_eq!(cut, "é".repeat(MAX_CELL_CHARS - 1) + "…");
    }
}
