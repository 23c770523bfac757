//! An issuer's key set as we pass it on.

use axum::body::Bytes;
use obolus_core::token::{EntraTenants, KeySet, KeySetError, TenantId};
use serde_json::{Map, Value, json};

/// What a public signing key may say of itself (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2). No certificates either: nobody
/// here reads them, and nobody should start to trust them.
const PUBLIC: [&str; 10] = ["kty", "kid", "use", "alg", "key_ops", "crv", "n", "e", "x", "y"];
/// The member by which a key of Entra ID says for whom it may sign. Only there it is read so.
const ISSUER: &str = "issuer";
/// What stands in it for any tenant.
const PLACEHOLDER: &str = "{tenantid}";

/// The public members of a key.
type PublicKey = Map<String, Value>;

/// Reads a key set, and writes it again without what is not public.
pub(super) fn read(body: &[u8]) -> Result<(KeySet, Bytes), KeySetError> {
    let keys = KeySet::parse(body)?;
    Ok((keys, write(&public_keys(body, None)?)))
}

/// The same for the key set that a tenant of Entra ID publishes: without the keys that say that they are another's,
/// for which it cannot speak, and with the tenant's name on all others.
pub(super) fn read_of_tenant(
    body: &[u8],
    tenants: &EntraTenants,
    tenant: &TenantId,
) -> Result<(KeySet, Bytes), KeySetError> {
    // Strictly, and within bounds.
    KeySet::parse(body)?;
    let (own, own_v1) = (tenants.issuer_v2(tenant), tenants.issuer_v1(tenant));
    let mut keys = public_keys(body, Some(ISSUER))?;
    keys.retain_mut(|key| {
        let named = key.get(ISSUER).and_then(Value::as_str);
        let named = named.map(|named| named.replace(PLACEHOLDER, tenant.as_str()));
        let is_own = named.is_none_or(|named| named == own || named == own_v1);
        key.insert(ISSUER.to_owned(), own.clone().into());
        is_own
    });
    let document = write(&keys);
    // Verified with what is passed on, so that the filter and we cannot disagree.
    Ok((KeySet::parse(&document)?, document))
}

/// The public keys of a set, with one more member where there is one that matters.
fn public_keys(body: &[u8], more: Option<&str>) -> Result<Vec<PublicKey>, KeySetError> {
    let document: Value = serde_json::from_slice(body).map_err(|_| KeySetError::Malformed)?;
    let keys = document.get("keys").and_then(Value::as_array).into_iter().flatten();
    Ok(keys.filter_map(|key| public_key(key, more)).collect())
}

fn write(keys: &[PublicKey]) -> Bytes {
    Bytes::from(json!({ "keys": keys }).to_string())
}

fn public_key(key: &Value, more: Option<&str>) -> Option<PublicKey> {
    let kty = key.get("kty")?.as_str()?;
    let signs = key.get("use").is_none_or(|usage| usage == "sig");
    if !signs || !["RSA", "EC", "OKP"].contains(&kty) {
        return None;
    }
    // One that says something else there than whose it is, says nothing that we understand.
    if more.and_then(|more| key.get(more)).is_some_and(|value| !value.is_string()) {
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

    #[test]
    fn a_tenant_speaks_for_itself_and_every_key_says_so() {
        const HOST: &str = "https://login.microsoftonline.com";
        let [a, b] = ["a", "b"].map(|digit| {
            let id = "xxxxxxxx-0000-4000-8000-000000000001".replace('x', digit);
            TenantId::parse(&id).unwrap()
        });
        let tenants = EntraTenants::new(HOST.to_owned(), vec![a.clone(), b.clone()]);
        let key = |kid: &str, issuer: Value| json!({"kty": "RSA", "kid": kid, "n": "bg", "e": "AQAB", "issuer": issuer, "x5c": ["x"]});
        let [own, of_b, any] =
            [a.as_str(), b.as_str(), PLACEHOLDER].map(|tenant| format!("{HOST}/{tenant}/v2.0"));
        let mut bare = key("bare", json!(null));
        bare.as_object_mut().unwrap().remove(ISSUER);
        let body = json!({"keys": [
            bare,
            key("own", json!(own)),
            key("v1", json!(tenants.issuer_v1(&a))),
            key("any", json!(any)),
            key("b", json!(of_b)),
            key("personal", json!(format!("{HOST}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"))),
            key("elsewhere", json!(own.replace("login", "evil"))),
            key("two", json!(format!("{HOST}/{PLACEHOLDER}/{PLACEHOLDER}/v2.0"))),
            key("none", json!(null)),
            key("list", json!([own])),
        ]});
        let (_, document) = read_of_tenant(body.to_string().as_bytes(), &tenants, &a).unwrap();
        let document: Value = serde_json::from_slice(&document).unwrap();
        let expected = ["bare", "own", "v1", "any"]
            .map(|kid| json!({"kty": "RSA", "kid": kid, "n": "bg", "e": "AQAB", "issuer": own}));
        assert_eq!(document, json!({ "keys": expected }));
        // The set of an issuer that is no tenant says nothing of the kind.
        let (_, document) = read(body.to_string().as_bytes()).unwrap();
        assert!(!String::from_utf8_lossy(&document).contains(ISSUER));
    }
}
