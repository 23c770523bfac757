//! A record as text: one line of bounded length, whatever stands in a request.

use std::io;

use serde::Serialize as _;
use serde_json::ser::{CharEscape, Formatter};

use super::Record;

/// The longest record. What collects a container's output splits lines at 16 KiB.
pub const MAX_RECORD_BYTES: usize = 15 << 10;

/// How much room one text in a record has, in bytes as they are written. Longer ones are nobody's name, and a log is
/// not a place to store them.
const ROOM: usize = 1024;
/// The same where many texts are long at a time: all of them then fit into [`MAX_RECORD_BYTES`].
const LITTLE_ROOM: usize = 160;

impl Record<'_> {
    /// The record, as JSON. It is visible ASCII and spaces: no value can start a line of its own, in any reader's
    /// idea of a line, or turn the text around on a screen.
    #[must_use]
    pub fn line(&self) -> String {
        let line = self.with_room(ROOM);
        if line.len() <= MAX_RECORD_BYTES { line } else { self.with_room(LITTLE_ROOM) }
    }

    fn with_room(&self, room: usize) -> String {
        let mut line = Vec::with_capacity(1024);
        let mut json = serde_json::Serializer::with_formatter(&mut line, Plain::new(room));
        // Writing to memory does not fail; half a record would be worse than one that is visibly empty.
        if self.serialize(&mut json).is_err() {
            return String::new();
        }
        String::from_utf8(line).unwrap_or_default()
    }
}

/// Compact JSON with everything but visible ASCII escaped, and with texts cut.
struct Plain {
    room: usize,
    /// What is left of it in the text that is being written.
    left: usize,
    is_cut: bool,
}

impl Plain {
    fn new(room: usize) -> Self {
        Self { room, left: usize::MAX, is_cut: false }
    }

    /// Whether a character that takes so many bytes still fits. After the first one that does not, none does.
    fn takes(&mut self, bytes: usize) -> bool {
        match self.left.checked_sub(bytes) {
            Some(left) if !self.is_cut => {
                self.left = left;
                true
            }
            _ => {
                self.is_cut = true;
                false
            }
        }
    }
}

impl Formatter for Plain {
    fn begin_string<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"\"")
    }

    fn end_string<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.is_cut {
            writer.write_all(b"\\u2026")?;
        }
        (self.left, self.is_cut) = (self.room, false);
        writer.write_all(b"\"")
    }

    /// Keys are our own, or the configuration's.
    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.left = usize::MAX;
        if first { Ok(()) } else { writer.write_all(b",") }
    }

    fn end_object_key<W: ?Sized + io::Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.left = self.room;
        Ok(())
    }

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let is_plain = |c: char| matches!(c, ' '..='~');
        if fragment.len() <= self.left && !self.is_cut && fragment.chars().all(is_plain) {
            self.left -= fragment.len();
            return writer.write_all(fragment.as_bytes());
        }
        let mut units = [0; 2];
        for c in fragment.chars() {
            if is_plain(c) {
                if self.takes(1) {
                    writer.write_all(c.encode_utf8(&mut [0; 4]).as_bytes())?;
                }
            } else if self.takes(6 * c.len_utf16()) {
                for unit in c.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            if self.is_cut {
                break;
            }
        }
        Ok(())
    }

    fn write_char_escape<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        char_escape: CharEscape,
    ) -> io::Result<()> {
        let bytes = if matches!(char_escape, CharEscape::AsciiControl(_)) { 6 } else { 2 };
        if self.takes(bytes) { Unlimited.write_char_escape(writer, char_escape) } else { Ok(()) }
    }
}

/// What JSON looks like by default.
struct Unlimited;

impl Formatter for Unlimited {}
