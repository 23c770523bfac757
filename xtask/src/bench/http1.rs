//! As much of HTTP/1.1 as a measurement needs: messages with a length, on connections that stay.

use std::io::Read;

use anyhow::{Context as _, Result, ensure};

/// A message that came in, in a buffer that is used again.
#[derive(Default)]
pub(crate) struct Message {
    bytes: Vec<u8>,
    head: usize,
}

impl Message {
    /// Reads the next message; false when the other side has closed instead.
    ///
    /// Nobody here sends a second message before the first was answered, so nothing may follow it.
    pub(crate) fn read(&mut self, from: &mut impl Read) -> Result<bool> {
        self.bytes.clear();
        let mut end = None;
        loop {
            let filled = self.bytes.len();
            self.bytes.resize(filled + 8192, 0);
            let read = from.read(self.bytes.get_mut(filled..).unwrap_or_default());
            self.bytes.truncate(filled + *read.as_ref().unwrap_or(&0));
            if read? == 0 {
                ensure!(filled == 0, "the connection was closed within a message");
                return Ok(false);
            }
            if end.is_none() {
                end = self.end_of_head()?;
            }
            match end {
                Some(end) if self.bytes.len() == end => return Ok(true),
                Some(end) => ensure!(self.bytes.len() < end, "more than one message at once"),
                None => {}
            }
        }
    }

    /// Where the message ends, once its head is there.
    fn end_of_head(&mut self) -> Result<Option<usize>> {
        let Some(at) = self.bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(None);
        };
        self.head = at;
        let length = match self.header("content-length") {
            Some(value) => str::from_utf8(value)?.parse()?,
            None => 0,
        };
        ensure!(self.header("transfer-encoding").is_none(), "a message without a length");
        Ok(Some(at + 4 + length))
    }

    fn head(&self) -> &[u8] {
        self.bytes.get(..self.head).unwrap_or_default()
    }

    /// The value of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        self.head().split(|byte| *byte == b'\n').skip(1).find_map(|line| {
            let (found, value) = line.split_at_checked(name.len())?;
            let value = value.strip_prefix(b":")?;
            found.eq_ignore_ascii_case(name.as_bytes()).then(|| value.trim_ascii())
        })
    }

    /// The status of a message that is an answer.
    pub(crate) fn status(&self) -> Result<u16> {
        let status = self.head().get(9..12).context("no status")?;
        Ok(str::from_utf8(status)?.parse()?)
    }

    /// What comes after the head.
    pub(crate) fn body(&self) -> &[u8] {
        self.bytes.get(self.head + 4..).unwrap_or_default()
    }

    /// The whole message as text, for error messages.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}
