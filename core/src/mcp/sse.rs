//! `text/event-stream`, read as the WHATWG has it (HTML §9.2.6), in whatever pieces it comes.
//!
//! An event is told when its blank line is there, and written anew: what a client reads is then what was read
//! here, whatever it makes of a byte order mark, a lone CR, a NUL in an id or a field that is none. Comments are
//! told without their text, which nobody reads and which could hold anything.

use crate::bytes::before;

/// What has come of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A line that says only that the connection lives.
    Comment,
    /// An event, or what the stream says about itself.
    Event(Event),
}

/// One block of fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// `event`
    pub name: Option<String>,
    /// `id`: from here on a client may ask again.
    pub id: Option<String>,
    /// `retry`: milliseconds, in digits.
    pub retry: Option<String>,
    /// `data`, its lines joined by line feeds. Without it nobody is told of an event.
    pub data: Option<String>,
}

/// Why a stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// An event that is longer than the limit.
    #[error("an event is over the limit")]
    TooLarge,
    /// Not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
}

/// A stream as far as it has come.
#[derive(Debug)]
pub struct Events {
    limit: usize,
    /// The line that has begun; of a comment its colon.
    line: Vec<u8>,
    /// The event that has begun.
    event: Event,
    is_first_line: bool,
    /// A line feed that comes now belongs to the line that has ended.
    after_return: bool,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Events {
    /// A stream of which nothing has come. `limit` is in bytes of one event.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            event: Event::default(),
            is_first_line: true,
            after_return: false,
        }
    }

    /// The next piece that is complete, if one is; what it is made of is taken from `input`, and `None` takes the
    /// rest.
    ///
    /// # Errors
    /// [`StreamError`]: where the next event begins is not known any more.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Piece>, StreamError> {
        loop {
            if self.after_return && !input.is_empty() {
                self.after_return = false;
                *input = input.strip_prefix(b"\n").unwrap_or(input);
            }
            let (line, rest) = input.split_at(before(input, *b"\r\n", 0));
            self.line_grows(line)?;
            let [ending, rest @ ..] = rest else {
                *input = rest;
                return Ok(None);
            };
            *input = rest;
            self.after_return = *ending == b'\r';
            if let Some(piece) = self.line_ends()? {
                return Ok(Some(piece));
            }
        }
    }

    fn line_grows(&mut self, part: &[u8]) -> Result<(), StreamError> {
        let mark = if self.is_first_line { BYTE_ORDER_MARK } else { b"" };
        let is_comment =
            |line: &[u8]| line.strip_prefix(mark).unwrap_or(line).first() == Some(&b':');
        if is_comment(&self.line) {
            return Ok(());
        }
        self.line.extend_from_slice(part);
        if is_comment(&self.line) {
            self.line = vec![b':'];
        }
        let Event { name, id, retry, data } = &self.event;
        let fields = [name, id, retry, data].into_iter().flatten().map(String::len);
        if self.line.len() + fields.sum::<usize>() > self.limit {
            return Err(StreamError::TooLarge);
        }
        Ok(())
    }

    fn line_ends(&mut self) -> Result<Option<Piece>, StreamError> {
        let line = std::mem::take(&mut self.line);
        let mark = if std::mem::take(&mut self.is_first_line) { BYTE_ORDER_MARK } else { b"" };
        let line = str::from_utf8(line.strip_prefix(mark).unwrap_or(&line))
            .map_err(|_| StreamError::NotUtf8)?;
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            let says = event.data.is_some() || event.id.is_some() || event.retry.is_some();
            return Ok(says.then_some(Piece::Event(event)));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => return Ok(Some(Piece::Comment)),
            "data" => match &mut self.event.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.event.data = Some(value.to_owned()),
            },
            "event" => self.event.name = Some(value.to_owned()),
            "id" if !value.contains('\0') => self.event.id = Some(value.to_owned()),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.event.retry = Some(value.to_owned());
            }
            _ => {}
        }
        Ok(None)
    }
}

impl Piece {
    /// Writes the piece as a stream has it.
    pub fn write(&self, out: &mut String) {
        match self {
            Self::Comment => out.push_str(":\n"),
            Self::Event(Event { name, id, retry, data }) => {
                let lines = data.iter().flat_map(|data| data.split('\n'));
                let fields = [("event", name), ("id", id), ("retry", retry)]
                    .into_iter()
                    .filter_map(|(field, value)| Some((field, value.as_deref()?)))
                    .chain(lines.map(|line| ("data", line)));
                for (field, value) in fields {
                    for part in [field, ": ", value, "\n"] {
                        out.push_str(part);
                    }
                }
                out.push('\n');
            }
        }
    }
}
