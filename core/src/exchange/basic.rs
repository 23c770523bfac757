//! HTTP Basic client authentication as OAuth has it (RFC 6749 §2.3.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::byte_serialize;
use secrecy::{ExposeSecret as _, SecretString};

/// The value of the `Authorization` header: id and secret are form-encoded before they are joined, so that a
/// colon or a non-ASCII character in either survives.
#[must_use]
pub fn basic_authorization(id: &str, secret: &SecretString) -> SecretString {
    let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let joined = format!("{}:{}", encode(id), encode(secret.expose_secret()));
    SecretString::from(format!("Basic {}", STANDARD.encode(joined)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_are_form_encoded() {
        let value = basic_authorization("a:b", &SecretString::from("p+ä %"));
        let encoded = value.expose_secret().strip_prefix("Basic ").unwrap();
        assert_eq!(STANDARD.decode(encoded).unwrap(), b"a%3Ab:p%2B%C3%A4+%25");
    }
}
