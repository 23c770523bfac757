//! Sessions of servers that have them: what a client holds is good in the hands of the person who was given it.
//!
//! A session's id as the server writes it is a bearer secret that anybody could present who has seen it, and MCP says
//! that it is no proof of who sends it. So the client gets it sealed for one person and one resource, with a key that
//! all Envoys of an installation share; nothing is remembered. Sealing is AES-256-GCM-SIV (RFC 8452) under a nonce that
//! never changes, which that mode allows: all that it tells is that two values are the same session of the same person.
//! That is meant, since clients take the header of every answer for their session and must not see it change; and an
//! Envoy needs no source of randomness that could fail, and shares no counter with others.
//!
//! Trusted: the key. Not trusted: the server's id, until it has the form that MCP gives it; the client's value, at all.

use aes_gcm_siv::aead::{Aead as _, Payload};
use aes_gcm_siv::{Aes256GcmSiv, KeyInit as _, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretBox};

use crate::Reason;
use crate::token::Identity;

/// The header, in lower case.
pub const SESSION_HEADER: &str = "mcp-session-id";

const KEY_BYTES: usize = 32;
/// The longest id of a server's. The specification names UUIDs, hashes and JWTs.
const MAX_ID_BYTES: usize = 1024;
/// What the mode adds.
const TAG_BYTES: usize = 16;
/// The longest value that a client can have been given: base64 without padding.
const MAX_WRAPPED_BYTES: usize = ((MAX_ID_BYTES + TAG_BYTES) * 4).div_ceil(3);
/// Tells what is sealed here from all else that might ever be sealed with the same key.
const PURPOSE: &[u8] = b"obolus mcp session 1";

/// A key under which sessions are sealed.
pub struct SessionKey(SecretBox<[u8; KEY_BYTES]>);

/// What is wrong with a key. Says nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionKeyError {
    /// It is not the text of so many bytes.
    #[error(
        "is not a key: write 32 random bytes in hex or base64, such as `openssl rand -hex 32` prints"
    )]
    Malformed,
    /// Nobody gets such a key by chance.
    #[error("is the same byte 32 times: write random bytes, such as `openssl rand -hex 32` prints")]
    NotRandom,
}

impl SessionKey {
    /// Reads a key: 32 bytes in hex, or in base64 of either alphabet.
    ///
    /// # Errors
    /// [`SessionKeyError`].
    pub fn parse(text: &str) -> Result<Self, SessionKeyError> {
        let text = text.trim();
        let bytes = if text.len() == 2 * KEY_BYTES {
            from_hex(text)
        } else {
            [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD]
                .iter()
                .find_map(|engine| engine.decode(text).ok())
        };
        let key: [u8; KEY_BYTES] =
            bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(SessionKeyError::Malformed)?;
        if key.iter().all(|byte| Some(byte) == key.first()) {
            return Err(SessionKeyError::NotRandom);
        }
        Ok(Self(SecretBox::new(Box::new(key))))
    }

    fn cipher(&self) -> Aes256GcmSiv {
        Aes256GcmSiv::new(self.0.expose_secret().into())
    }
}

impl std::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionKey(…)")
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    if rest.is_empty() { bytes.collect() } else { None }
}

/// The keys of a resource: sealed is with the first, opened with either.
#[derive(Debug)]
pub struct SessionKeys {
    current: SessionKey,
    previous: Option<SessionKey>,
}

/// Whose a session is, and where.
#[derive(Debug, Clone, Copy)]
pub struct SessionHolder<'a> {
    /// The person.
    pub identity: &'a Identity,
    /// The resource's name.
    pub resource: &'a str,
}

impl SessionHolder<'_> {
    /// What a sealed id is bound to, in a form that has one reading.
    fn bound(&self) -> Vec<u8> {
        let mut bound = PURPOSE.to_vec();
        for part in [&self.identity.issuer, &self.identity.subject, self.resource] {
            bound.extend((part.len() as u64).to_be_bytes());
            bound.extend(part.as_bytes());
        }
        bound
    }
}

impl SessionKeys {
    /// A key, and the one before it while clients still hold sessions of its time.
    #[must_use]
    pub fn new(current: SessionKey, previous: Option<SessionKey>) -> Self {
        Self { current, previous }
    }

    /// What the holder is given in place of an id of the server's: URL-safe base64.
    ///
    /// # Errors
    /// [`Reason::AnswerSessionMalformed`] for what is no id of a session: MCP has visible ASCII.
    pub fn wrap(&self, id: &[u8], holder: SessionHolder<'_>) -> Result<String, Reason> {
        if !is_id(id) {
            return Err(Reason::AnswerSessionMalformed);
        }
        let payload = Payload { msg: id, aad: &holder.bound() };
        let sealed = self.current.cipher().encrypt(&Nonce::default(), payload);
        Ok(URL_SAFE_NO_PAD.encode(sealed.map_err(|_| Reason::Internal)?))
    }

    /// The server's id in what a client sent.
    ///
    /// # Errors
    /// [`Reason::SessionUnknown`] for everything that was not given to this holder.
    pub fn unwrap(&self, value: &[u8], holder: SessionHolder<'_>) -> Result<String, Reason> {
        let sealed = Some(value)
            .filter(|value| value.len() <= MAX_WRAPPED_BYTES)
            .and_then(|value| URL_SAFE_NO_PAD.decode(value).ok())
            .ok_or(Reason::SessionUnknown)?;
        let bound = holder.bound();
        let open = |key: &SessionKey| {
            key.cipher().decrypt(&Nonce::default(), Payload { msg: &sealed, aad: &bound }).ok()
        };
        [Some(&self.current), self.previous.as_ref()]
            .into_iter()
            .flatten()
            .find_map(open)
            .and_then(|id| String::from_utf8(id).ok())
            .ok_or(Reason::SessionUnknown)
    }
}

fn is_id(id: &[u8]) -> bool {
    (1..=MAX_ID_BYTES).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}
