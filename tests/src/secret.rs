//! Secrets that are worth nothing after the test.

use std::io::Read as _;

use anyhow::Result;

/// 128 random bits in hexadecimal.
pub fn random() -> Result<String> {
    let mut bytes = [0; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether a JWT stands in a text: a word that begins as JSON in base64 does, and has parts. Three letters alone could be
/// within any random id.
pub fn holds_jwt(text: &str) -> bool {
    let is_of_one = |byte: char| byte.is_ascii_alphanumeric() || "-_.".contains(byte);
    let mut words = text.split(|byte| !is_of_one(byte));
    words.any(|word| {
        word.find("eyJ").is_some_and(|at| word.get(at..).is_some_and(|it| it.contains('.')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jwt_is_told_from_an_id_that_looks_like_its_beginning() {
        for text in ["eyJhbGciOi.eyJzdWIi.c2ln", "Bearer eyJhbGciOi.eyJzdWIi.", "\"t=eyJh.x\""] {
            assert!(holds_jwt(text), "{text}");
        }
        for text in ["", "uti\":\"AeyJ5x-0\"", "1.2.3 eyJhbGciOi", "a.b eyJ"] {
            assert!(!holds_jwt(text), "{text}");
        }
    }
}
