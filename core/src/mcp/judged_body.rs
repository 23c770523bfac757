//! The body that a message was read from, to be known again.

use std::sync::Arc;

use sha2::{Digest, Sha256};

/// A body that was read, as the bytes themselves or as their SHA-256.
///
/// Comparing bytes is some hundred times cheaper than hashing them, and a megabyte hashed in the VM takes as long
/// as a hundred requests. But a body may be long: what has to wait keeps the digest.
#[derive(Clone, PartialEq, Eq)]
pub struct JudgedBody(Kept);

#[derive(Clone, PartialEq, Eq)]
enum Kept {
    Whole(Arc<[u8]>),
    Digest([u8; 32]),
}

impl JudgedBody {
    /// These bytes.
    #[must_use]
    pub fn of(body: &[u8]) -> Self {
        Self(Kept::Whole(body.into()))
    }

    /// The same body, kept in little room.
    #[must_use]
    pub fn digested(self) -> Self {
        match self.0 {
            Kept::Whole(body) => Self(Kept::Digest(sha256(&body))),
            Kept::Digest(_) => self,
        }
    }

    /// Whether it is this body.
    #[must_use]
    pub fn is(&self, body: &[u8]) -> bool {
        match &self.0 {
            Kept::Whole(whole) => **whole == *body,
            Kept::Digest(digest) => *digest == sha256(body),
        }
    }
}

/// A body is nobody's business in a log.
impl std::fmt::Debug for JudgedBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JudgedBody(…)")
    }
}

fn sha256(body: &[u8]) -> [u8; 32] {
    Sha256::digest(body).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_known_again_in_either_form_and_no_other_is() {
        let whole = JudgedBody::of(b"{\"a\":1}");
        let digested = whole.clone().digested();
        for judged in [&whole, &digested, &digested.clone().digested()] {
            assert!(judged.is(b"{\"a\":1}"));
            for other in [&b""[..], b"{\"a\":2}", b"{\"a\":1} ", b"{\"a\":1"] {
                assert!(!judged.is(other), "{}", String::from_utf8_lossy(other));
            }
        }
        assert!(!format!("{whole:?}{digested:?}").contains('a'));
    }
}
