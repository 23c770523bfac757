//! Logs, a line at a time: of whatever length they are, what is held of them is bounded.

use std::collections::VecDeque;

use schemars::JsonSchema;
use serde::Serialize;

/// What is kept of one line.
pub(crate) const MAX_LINE_BYTES: usize = 16 * 1024;
/// What is kept of a log. About thirty thousand tokens.
pub(crate) const MAX_LOG_BYTES: usize = 128 * 1024;

/// A line without its end, and how many bytes of it were too many to keep.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) text: &'a [u8],
    pub(crate) over: u64,
}

/// Bytes on their way to lines. It holds the line that has begun, up to the bound.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    line: Vec<u8>,
    over: u64,
}

impl Lines {
    /// Takes what has come, and hands on the lines that are complete.
    pub(crate) fn push(&mut self, mut bytes: &[u8], mut each: impl FnMut(Line<'_>)) {
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            self.begin(line);
            bytes = rest.get(1..).unwrap_or_default();
            self.end(&mut each);
        }
        self.begin(bytes);
    }

    /// Hands on the last line, which need not have an end.
    pub(crate) fn finish(mut self, mut each: impl FnMut(Line<'_>)) {
        if !self.line.is_empty() {
            self.end(&mut each);
        }
    }

    fn begin(&mut self, part: &[u8]) {
        let room = MAX_LINE_BYTES.saturating_sub(self.line.len()).min(part.len());
        let (kept, over) = part.split_at(room);
        self.line.extend_from_slice(kept);
        self.over = self.over.saturating_add(over.len() as u64);
    }

    fn end(&mut self, each: &mut impl FnMut(Line<'_>)) {
        let text = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        each(Line { text, over: self.over });
        self.line.clear();
        self.over = 0;
    }
}

/// A line that is kept, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) text: String,
    pub(crate) over: u64,
}

impl Kept {
    /// What `line` says, with a note where it goes on; behind the container's name, where there are several.
    pub(crate) fn of(container: Option<&str>, line: &Line<'_>) -> Self {
        let mut text = container.map(|name| format!("[{name}] ")).unwrap_or_default();
        text.push_str(&String::from_utf8_lossy(line.text));
        if line.over > 0 {
            text.push_str(&format!("… [{} more bytes of this line are left out]", line.over));
        }
        Self { text, over: line.over }
    }
}

/// What was left out of a log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cut {
    /// Lines before the first that is shown, which were asked for
    pub(crate) lines: u64,
    /// Bytes of those lines
    pub(crate) bytes: u64,
    /// Lines that are shown in part
    pub(crate) long_lines: u64,
    /// Bytes of those lines that are not shown
    pub(crate) long_line_bytes: u64,
}

impl Cut {
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// A line about the lines that are left out, if there are any.
    pub(crate) fn of_older_lines(&self) -> String {
        match self {
            Self { lines: 0, .. } => String::new(),
            Self { lines, bytes, .. } => {
                format!("[cut: {lines} older lines of {bytes} bytes are left out]\n")
            }
        }
    }
}

/// The end of a log: its last lines, as many as are wanted and as fit.
#[derive(Debug)]
pub(crate) struct LogEnd {
    wanted: usize,
    lines: VecDeque<Kept>,
    bytes: usize,
    cut: Cut,
    /// Lines that came and were not wanted any more.
    older: u64,
}

impl LogEnd {
    /// Of at most `wanted` lines.
    pub(crate) fn new(wanted: usize) -> Self {
        Self { wanted, lines: VecDeque::new(), bytes: 0, cut: Cut::default(), older: 0 }
    }

    pub(crate) fn push(&mut self, line: Kept) {
        self.bytes = self.bytes.saturating_add(line.text.len() + 1);
        self.lines.push_back(line);
        while self.lines.len() > self.wanted {
            self.older += u64::from(self.drop_first().is_some());
        }
        while self.bytes > MAX_LOG_BYTES {
            let Some(first) = self.drop_first() else { break };
            self.cut.lines += 1;
            self.cut.bytes = self.cut.bytes.saturating_add(first.text.len() as u64 + 1);
        }
    }

    fn drop_first(&mut self) -> Option<Kept> {
        let first = self.lines.pop_front()?;
        self.bytes = self.bytes.saturating_sub(first.text.len() + 1);
        Some(first)
    }

    /// How many lines came before those that were wanted.
    pub(crate) fn older(&self) -> u64 {
        self.older
    }

    /// The lines, each with its end, and what was left out of them.
    pub(crate) fn finish(self) -> (String, Cut) {
        let Self { lines, bytes, mut cut, .. } = self;
        let mut text = String::with_capacity(bytes);
        for line in lines {
            if line.over > 0 {
                cut.long_lines += 1;
                cut.long_line_bytes = cut.long_line_bytes.saturating_add(line.over);
            }
            text.push_str(&line.text);
            text.push('\n');
        }
        (text, cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(parts: &[&[u8]]) -> Vec<(String, u64)> {
        let mut seen = Vec::new();
        let mut lines = Lines::default();
        let text = |line: Line<'_>| (String::from_utf8_lossy(line.text).into_owned(), line.over);
        for part in parts {
            lines.push(part, |line| seen.push(text(line)));
        }
        lines.finish(|line| seen.push(text(line)));
        seen
    }

    #[test]
    fn lines_are_the_same_in_whatever_pieces_they_come() {
        let whole = "one\ntwo é\r\n\nlast".as_bytes();
        let told = lines(&[whole]);
        let texts: Vec<_> = told.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(texts, ["one", "two é", "", "last"]);
        for at in 0..whole.len() {
            let (a, b) = whole.split_at(at);
            assert_eq!(lines(&[a, b]), told, "cut at {at}");
        }
        assert!(lines(&[]).is_empty() && lines(&[b""]).is_empty());
    }

    #[test]
    fn of_a_line_without_end_so_much_is_held_and_the_rest_is_counted() {
        let mut lines = Lines::default();
        let part = vec![b'x'; 1024 * 1024];
        for _ in 0..50 {
            lines.push(&part, |_| panic!("no line has ended"));
        }
        assert!(lines.line.capacity() <= 2 * MAX_LINE_BYTES);
        let mut seen = Vec::new();
        lines.push(b"\nnext\n", |line| seen.push((line.text.len(), line.over)));
        assert_eq!(seen, [(MAX_LINE_BYTES, 50 * 1024 * 1024 - MAX_LINE_BYTES as u64), (4, 0)]);
    }

    #[test]
    fn the_newest_lines_are_kept_and_what_is_left_out_is_counted() {
        let line = |text: &str| Kept { text: text.to_owned(), over: 0 };
        let mut log = LogEnd::new(2);
        for text in ["a", "b", "c"] {
            log.push(line(text));
        }
        assert_eq!(log.older(), 1);
        assert_eq!(log.finish(), ("b\nc\n".to_owned(), Cut::default()));

        let mut log = LogEnd::new(usize::MAX);
        for number in 0..20 {
            log.push(line(&format!("{number:02}{}", "x".repeat(16 * 1024 - 3))));
        }
        let (text, cut) = log.finish();
        assert!(text.starts_with("12x") && text.len() == MAX_LOG_BYTES, "{}", text.len());
        assert_eq!(cut, Cut { lines: 12, bytes: 12 * 16 * 1024, ..Cut::default() });

        let mut log = LogEnd::new(5);
        log.push(Kept::of(Some("web"), &Line { text: b"x\xff", over: 7 }));
        let (text, cut) = log.finish();
        assert_eq!(text, "[web] x\u{fffd}… [7 more bytes of this line are left out]\n");
        assert_eq!(cut, Cut { long_lines: 1, long_line_bytes: 7, ..Cut::default() });
        assert_eq!(LogEnd::new(0).finish().0, "");
    }
}
