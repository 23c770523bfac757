//! How a text stands in YAML so that every reader takes it for this text: as it is, in quotes, or line by line.

use std::fmt::Write as _;

/// Whether text is written line by line, as it is. Where a reader could take blanks for indentation, or one character for
/// another, it is not.
pub(super) fn is_block(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\t', '\n'])
        && text.chars().all(|c| c == '\n' || c == '\t' || !needs_escape(c))
        && text
            .split('\n')
            .all(|line| line.is_empty() || !line.trim_matches([' ', '\t']).is_empty())
        && !text.split('\n').any(|line| line.starts_with('\t'))
}

/// A scalar on one line: plain if it reads as the same text, else quoted.
pub(super) fn flow_scalar(out: &mut String, text: &str) {
    if text.chars().any(needs_escape) {
        double_quoted(out, text);
    } else if is_plain(text) {
        out.push_str(text);
    } else {
        out.push('\'');
        for (number, part) in text.split('\'').enumerate() {
            if number > 0 {
                out.push_str("''");
            }
            out.push_str(part);
        }
        out.push('\'');
    }
}

fn double_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // All of them are within four digits.
            c if needs_escape(c) => {
                let _infallible = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Whether a character is none that stands in YAML as it is: controls, line breaks of Unicode, a byte-order mark.
fn needs_escape(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Whether text without quotes is read as this text, by readers of YAML 1.1 as well.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    let begins_well = first.is_ascii_alphanumeric()
        || matches!(first, b'/' | b'_' | b'.' | b'(' | b'+')
        || *first >= 0x80;
    let separates = |pair: &[u8]| matches!(pair, b": " | b" #");
    begins_well
        && !matches!(last, b' ' | b':')
        && !bytes.windows(2).any(separates)
        && !is_a_word(text)
        && !could_be_a_number(text)
}

/// Words that stand for something else than themselves.
fn is_a_word(text: &str) -> bool {
    const WORDS: [&str; 11] =
        ["null", "true", "false", "yes", "no", "on", "off", "y", "n", ".nan", ".inf"];
    text.len() <= 5 && WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether some reader takes the text for a number, an hour or a date.
fn could_be_a_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let bytes = unsigned.as_bytes();
    if !bytes.first().is_some_and(|first| first.is_ascii_digit() || *first == b'.') {
        return false;
    }
    let only = |also: &[u8]| bytes.iter().all(|b| b.is_ascii_digit() || also.contains(b));
    let is_date = bytes.get(4) == Some(&b'-')
        && bytes.get(..4).is_some_and(|year| year.iter().all(u8::is_ascii_digit));
    let has_base = matches!(bytes, [b'0', b'x' | b'X' | b'o' | b'O' | b'b' | b'B', ..]);
    only(b"_:")
        || only(b"_.eE+-") && !is_address(bytes)
        || is_date
        || has_base
        || unsigned.eq_ignore_ascii_case(".inf")
}

/// Whether there are too many dots for a number.
fn is_address(bytes: &[u8]) -> bool {
    bytes.iter().filter(|byte| **byte == b'.').count() > 1
}
