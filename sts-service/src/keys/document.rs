//! An issuer's key set as we pass it on.

use axum::body::Bytes;
use obolus_core::token::{KeySet, KeySetError};
use serde_json::{Map, Value, json};

/// What a public signing key may say of itself (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2). No certificates either: nobody
/// here reads them, and nobody should start to trust them.
const PUBLIC: [&str; 10] = ["kty", "kid", "use", "alg", "key_ops", "crv", "n", "e", "x", "y"];

/// The public members of a key.
pub(super) type PublicKey = Map<String, Value>;

/// Reads a key set, and writes it again without what is not public.
pub(super) fn read(body: &[u8]) -> Result<(KeySet, Bytes), KeySetError> {
    let keys = KeySet::parse(body)?;
    let public = public_keys(body, None)?;
    Ok((keys, write(&public)))
}

/// The public keys of a set, with one more member where there is one that matters.
pub(super) fn public_keys(body: &[u8], more: Option<&str>) -> Result<Vec<PublicKey>, KeySetError> {
    let document: Value = serde_json::from_slice(body).map_err(|_| KeySetError::Malformed)?;
    let keys = document.get("keys").and_then(Value::as_array).into_iter().flatten();
    Ok(keys.filter_map(|key| public_key(key, more)).collect())
}

pub(super) fn write(keys: &[PublicKey]) -> Bytes {
    Bytes::from(json!({ "keys": keys }).to_string())
}

fn public_key(key: &Value, more: Option<&str>) -> Option<PublicKey> {
    let kty = key.get("kty")?.as_str()?;
    let signs = key.get("use").is_none_or(|usage| usage == "sig");
    if !signs || !["RSA", "EC", "OKP"].contains(&kty) {
        return None;
    }
    let members = key.as_object()?.iter().filter(|(name, value)| {
        let of_its_type = if *name == "key_ops" {
            value.as_array().is_some_and(|ops| ops.iter().all(Value::is_string))
        } else {
            value.is_string()
        };
        of_its_type && (PUBLIC.contains(&name.as_str()) || more == Some(name.as_str()))
    });
    Some(members.map(|(name, value)| (name.clone(), value.clone())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_members_of_signing_keys_pass() {
        let body = json!({"keys": [
            {"kty": "RSA", "kid": "a", "use": "sig", "alg": "RS256", "key_ops": ["verify"], "n": "bg", "e": "AQAB",
             "d": "PRIVATE", "p": "PRIVATE", "q": "PRIVATE", "dp": "PRIVATE", "dq": "PRIVATE", "qi": "PRIVATE",
             "oth": [{"r": "PRIVATE"}], "x5c": ["CERTIFICATE"], "x5u": "https://evil", "ext": true},
            {"kty": "EC", "kid": "b", "crv": "P-256", "x": "eA", "y": {"d": "PRIVATE"}, "d": "PRIVATE"},
            {"kty": "oct", "kid": "c", "k": "PRIVATE"},
            {"kty": "RSA", "kid": "d", "use": "enc", "n": "bg", "e": "AQAB"},
            "PRIVATE"
        ], "other": "PRIVATE"});
        let (_, document) = read(body.to_string().as_bytes()).unwrap();
        let document: Value = serde_json::from_slice(&document).unwrap();
        assert_eq!(
            document,
            json!({"keys": [
                {"kty": "RSA", "kid": "a", "use": "sig", "alg": "RS256", "key_ops": ["verify"], "n": "bg", "e": "AQAB"},
                {"kty": "EC", "kid": "b", "crv": "P-256", "x": "eA"},
            ]})
        );
    }

    #[test]
    fn a_withdrawn_set_is_empty_and_a_broken_one_is_none() {
        let (keys, document) = read(br#"{"keys":[]}"#).unwrap();
        assert!(keys.is_empty());
        assert_eq!(&document[..], br#"{"keys":[]}"#);
        assert!(read(b"<html>").is_err());
        assert!(read(br#"{"keys":{}}"#).is_err());
    }
}
