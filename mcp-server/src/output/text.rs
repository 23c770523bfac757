//! Text that stays within bounds.

/// The longest text of one answer. About fifty thousand tokens, which is more than a model should get of anything.
const MAX_TEXT_BYTES: usize = 192 * 1024;

/// `text`, cut at a character with a note that says so if it is too long.
pub(crate) fn bounded(mut text: String) -> String {
    if text.len() <= MAX_TEXT_BYTES {
        return text;
    }
    let bytes = text.len();
    let end =
        (0..=MAX_TEXT_BYTES).rev().find(|&index| text.is_char_boundary(index)).unwrap_or_default();
    text.truncate(end);
    text.push_str(&format!("\n[cut: the first {end} of {bytes} bytes are shown]\n"));
    text
}

/// One line of printable text: a cell must not be able to start a new row or to move a cursor.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_between_characters_and_says_so() {
        assert_eq!(bounded("short".to_owned()), "short");
        let cut = bounded("é".repeat(MAX_TEXT_BYTES));
        assert!(cut.len() < MAX_TEXT_BYTES + 100);
        assert!(
            cut.contains("[cut: the first 196608 of 393216 bytes are shown]"),
            "{}",
            &cut[cut.len() - 80..]
        );
    }

    #[test]
    fn a_cell_stays_on_its_line() {
        assert_eq!(one_line("a\nb\r\u{1b}[31mc\td"), "a b  [31mc d");
    }
}
