//! JSON that is read where it stands: what matters of a text is looked at, the rest is passed over, and both are
//! told as places of the text, which can be sent on byte for byte.
//!
//! Takes exactly what [`parse`](super::parse) takes, and refuses what it refuses, at every depth, passed over or
//! not; only that it counts no values, because it builds none. Tests hold the two against each other.

use std::borrow::Cow;

use super::{JsonError, MAX_VALUES};
use crate::bytes::before;

/// Levels of nesting: what `serde_json` takes, so that nobody behind us meets more than we do.
const MAX_DEPTH: usize = 127;

/// Objects with more keys than this have them sorted to find one that stands twice.
const FEW_KEYS: usize = 8;

/// A place in a text whose values are read in the order in which they stand.
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// The keys of all objects that are open here.
    keys: Vec<Cow<'a, str>>,
}

// === What a caller reads: one value, then the next ===

impl<'a> Scanner<'a> {
    /// A text of which nothing is read yet.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, JsonError> {
        Ok(Self { text: super::text(bytes)?, at: 0, depth: 0, keys: Vec::new() })
    }

    /// How far the text is read.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// All that is read of the text by now.
    pub(crate) fn read(&self) -> &'a str {
        self.text.get(..self.at).unwrap_or(self.text)
    }

    /// The whole text.
    pub(crate) fn all(&self) -> &'a str {
        self.text
    }

    /// The first byte of the value that comes, or of whatever else does.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let rest = self.rest();
        let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        self.at += blank.count();
        self.byte()
    }

    /// The text of the value that comes.
    pub(crate) fn value(&mut self) -> Result<&'a str, JsonError> {
        let first = self.peek();
        let start = self.at;
        match first {
            Some(b'{') => self.object(|scanner, _| scanner.value().map(drop))?,
            Some(b'[') => self.array(|scanner| scanner.value().map(drop))?,
            Some(b'"') => {
                self.quoted()?;
            }
            Some(b't') => self.literal("true")?,
            Some(b'f') => self.literal("false")?,
            Some(b'n') => self.literal("null")?,
            _ => self.number()?,
        }
        self.since(start)
    }

    /// The string that must come.
    pub(crate) fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.peek();
        let start = self.at;
        match self.quoted()? {
            Quoted::Plain(text) => Ok(Cow::Borrowed(text)),
            Quoted::Escaped => serde_json::from_str(self.since(start)?)
                .map(Cow::Owned)
                .map_err(|_| JsonError::Malformed),
        }
    }

    /// The object that must come: `member` is told each key, and has to read its value.
    pub(crate) fn object<E: From<JsonError>>(
        &mut self,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), E>,
    ) -> Result<(), E> {
        let outer = self.keys.len();
        self.open(b'{')?;
        while self.goes_on(b'}', self.keys.len() == outer)? {
            if self.keys.len() >= MAX_VALUES {
                return Err(JsonError::TooManyValues.into());
            }
            let key = self.string()?;
            self.expect(b':')?;
            member(self, &key)?;
            self.keys.push(key);
        }
        self.depth -= 1;
        let keys = self.keys.get_mut(outer..).unwrap_or_default();
        if has_duplicate(keys) {
            return Err(JsonError::DuplicateKey.into());
        }
        self.keys.truncate(outer);
        Ok(())
    }

    /// The array that must come: `element` has to read each value.
    pub(crate) fn array<E: From<JsonError>>(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.open(b'[')?;
        let mut first = true;
        while self.goes_on(b']', std::mem::take(&mut first))? {
            element(self)?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// Nothing may come any more.
    pub(crate) fn end(&mut self) -> Result<(), JsonError> {
        if self.peek().is_none() { Ok(()) } else { Err(JsonError::Malformed) }
    }

    /// What was read from there to here.
    pub(crate) fn since(&self, start: usize) -> Result<&'a str, JsonError> {
        self.text.get(start..self.at).ok_or(JsonError::Malformed)
    }
}

// === Letter by letter ===

enum Quoted<'a> {
    /// Stands between its quotes as it is.
    Plain(&'a str),
    /// Has escapes, each of them good.
    Escaped,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn expect(&mut self, wanted: u8) -> Result<(), JsonError> {
        if self.peek() != Some(wanted) {
            return Err(JsonError::Malformed);
        }
        self.at += 1;
        Ok(())
    }

    fn open(&mut self, bracket: u8) -> Result<(), JsonError> {
        self.expect(bracket)?;
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(JsonError::Malformed) } else { Ok(()) }
    }

    /// Whether another member comes, at the beginning or behind a comma.
    fn goes_on(&mut self, close: u8, first: bool) -> Result<bool, JsonError> {
        match self.peek() {
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            Some(b',') if !first => {
                self.at += 1;
                // `[1,]`
                if self.peek() == Some(close) { Err(JsonError::Malformed) } else { Ok(true) }
            }
            Some(_) if first => Ok(true),
            _ => Err(JsonError::Malformed),
        }
    }

    fn literal(&mut self, word: &str) -> Result<(), JsonError> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(JsonError::Malformed);
        }
        self.at += word.len();
        Ok(())
    }

    fn quoted(&mut self) -> Result<Quoted<'a>, JsonError> {
        if self.byte() != Some(b'"') {
            return Err(JsonError::Malformed);
        }
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += before(self.rest(), *b"\"\\", 0x20);
            match self.byte() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return Err(JsonError::Malformed),
            }
        }
        let text = self.since(start)?;
        self.at += 1;
        Ok(if escaped { Quoted::Escaped } else { Quoted::Plain(text) })
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        match self.rest().get(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => match self.unit()? {
                // Half of a pair stands for nothing alone.
                0xd800..=0xdbff if matches!(self.unit()?, 0xdc00..=0xdfff) => Ok(()),
                0xd800..=0xdfff => Err(JsonError::Malformed),
                _ => Ok(()),
            },
            _ => Err(JsonError::Malformed),
        }
    }

    /// `\uXXXX`
    fn unit(&mut self) -> Result<u16, JsonError> {
        let digits = self.text.get(self.at..self.at + 6).and_then(|unit| unit.strip_prefix("\\u"));
        // A sign is nothing that Rust minds.
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        self.at += 6;
        digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()).ok_or(JsonError::Malformed)
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        self.skip(b"-");
        match (self.byte(), self.digits()) {
            // Nothing, or a digit behind a leading zero.
            (_, 0) => return Err(JsonError::Malformed),
            (Some(b'0'), digits) if digits > 1 => return Err(JsonError::Malformed),
            _ => {}
        }
        let point = self.skip(b".");
        if point && self.digits() == 0 {
            return Err(JsonError::Malformed);
        }
        let exponent = self.skip(b"eE");
        if exponent {
            self.skip(b"+-");
            if self.digits() == 0 {
                return Err(JsonError::Malformed);
            }
        }
        // Only such can be beyond what readers count to, which some take for infinity and others for an error. Where
        // exactly that begins, readers differ: the other one of ours is asked.
        let number = self.since(start)?;
        if (exponent || number.len() > 300) && serde_json::from_str::<f64>(number).is_err() {
            return Err(JsonError::Malformed);
        }
        Ok(())
    }

    fn skip(&mut self, any: &[u8]) -> bool {
        let is_there = self.byte().is_some_and(|byte| any.contains(&byte));
        self.at += usize::from(is_there);
        is_there
    }

    fn digits(&mut self) -> usize {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }
}

fn has_duplicate(keys: &mut [Cow<'_, str>]) -> bool {
    if keys.len() > FEW_KEYS {
        keys.sort_unstable();
        return !keys.is_sorted_by(|one, next| one < next);
    }
    let mut rest = &*keys;
    while let [key, others @ ..] = rest {
        if others.contains(key) {
            return true;
        }
        rest = others;
    }
    false
}
