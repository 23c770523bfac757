//! As much of HTTP/1.1 as a measurement needs: messages with a length or in chunks, on connections that stay.

use std::io::Read;

use anyhow::{Context as _, Result, ensure};

/// A message that came in, in a buffer that is used again.
#[derive(Default)]
pub(crate) struct Message {
    bytes: Vec<u8>,
    head: usize,
}

/// How a message says where it ends.
#[derive(Clone, Copy)]
enum End {
    /// Before this byte.
    At(usize),
    /// With an empty chunk.
    AfterChunks,
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
                Some(End::At(end)) if self.bytes.len() == end => return Ok(true),
                Some(End::At(end)) => {
                    ensure!(self.bytes.len() < end, "more than one message at once");
                }
                Some(End::AfterChunks) if self.join_chunks()? => return Ok(true),
                Some(End::AfterChunks) | None => {}
            }
        }
    }

    /// Puts the chunks together, once the last is there.
    fn join_chunks(&mut self) -> Result<bool> {
        let mut rest = self.body();
        let mut chunks = Vec::new();
        loop {
            let Some(line) = rest.windows(2).position(|two| two == b"\r\n") else {
                return Ok(false);
            };
            let (size, after) = rest.split_at(line);
            let size = size.split(|byte| *byte == b';').next().unwrap_or_default();
            let size = usize::from_str_radix(str::from_utf8(size)?, 16)?;
            let Some((chunk, next)) = after.get(2..).and_then(|from| from.split_at_checked(size))
            else {
                return Ok(false);
            };
            let Some((end, next)) = next.split_at_checked(2) else { return Ok(false) };
            ensure!(end == b"\r\n", "a chunk that does not end where it says");
            if size == 0 {
                ensure!(next.is_empty(), "more than one message at once");
                break;
            }
            chunks.push(chunk);
            rest = next;
        }
        let body = chunks.concat();
        self.bytes.truncate(self.head + 4);
        self.bytes.extend(body);
        Ok(true)
    }

    /// How the message ends, once its head is there.
    fn end_of_head(&mut self) -> Result<Option<End>> {
        let Some(at) = self.bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(None);
        };
        self.head = at;
        if let Some(coding) = self.header("transfer-encoding") {
            ensure!(coding == b"chunked", "a message without a length");
            return Ok(Some(End::AfterChunks));
        }
        let length = match self.header("content-length") {
            Some(value) => str::from_utf8(value)?.parse()?,
            None => 0,
        };
        Ok(Some(End::At(at + 4 + length)))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, as a slow network might.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(into.get_mut(..1).unwrap_or_default())
        }
    }

    #[test]
    fn a_body_is_the_same_with_a_length_and_in_chunks() {
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\none\r\ntwo\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\none\r\n\r\n4;x=y\r\ntwo\n\r\n0\r\n\r\n",
        ] {
            let mut message = Message::default();
            assert!(message.read(&mut Slow(text.as_bytes())).unwrap());
            assert_eq!((message.status().unwrap(), message.body()), (200, &b"one\r\ntwo\n"[..]));
            let mut cut = Message::default();
            assert!(cut.read(&mut Slow(&text.as_bytes()[..text.len() - 1])).is_err());
        }
    }
}
