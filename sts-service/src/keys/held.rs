//! The keys that one issuer's tokens are verified with: one set, or for Entra ID the sets of its tenants in one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use obolus_core::token::{EntraTenants, KeySet, KeySetError, TenantId};
use serde_json::Value;
use tokio::time::Instant;

use super::document::{self, PublicKey};

/// The member by which a key says for whom it may sign. Entra's own, and only Entra's keys are read so.
pub(super) const ISSUER: &str = "issuer";
/// What stands in it for any tenant.
const PLACEHOLDER: &str = "{tenantid}";

/// What was fetched.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) keys: KeySet,
    /// The set as it is passed on.
    pub(crate) document: Bytes,
    fetched: Instant,
    tenants: Option<Arc<EntraTenants>>,
    parts: Vec<Arc<Part>>,
}

/// One tenant's keys.
#[derive(Debug)]
pub(super) struct Part {
    tenant: TenantId,
    /// Each with an `issuer`: the tenant's own, or the one that stands for all.
    keys: Vec<PublicKey>,
    fetched: Instant,
}

impl Held {
    /// The set of an issuer that has one.
    pub(super) fn whole(keys: KeySet, document: Bytes) -> Self {
        Self { keys, document, fetched: Instant::now(), tenants: None, parts: Vec::new() }
    }

    /// The sets of tenants in one, without those that nobody has confirmed for too long; `None` if none is left.
    pub(super) fn merged(
        parts: Vec<Arc<Part>>,
        tenants: &EntraTenants,
        max_age: Duration,
    ) -> Result<Option<Self>, KeySetError> {
        let parts: Vec<_> = parts.into_iter().filter(|part| part.age() <= max_age).collect();
        let Some(fetched) = parts.iter().map(|part| part.fetched).min() else { return Ok(None) };
        let document = document::write(&merge(&parts, tenants));
        // Verified with what is passed on, so that the filter and we cannot disagree.
        let keys = KeySet::parse(&document)?;
        let tenants = Some(Arc::new(tenants.clone()));
        Ok(Some(Self { keys, document, fetched, tenants, parts }))
    }

    /// The same without the tenants that nobody has confirmed for too long; `None` if nothing is left.
    pub(super) fn without_older_than(&self, max_age: Duration) -> Option<Self> {
        let tenants = self.tenants.as_deref()?;
        Self::merged(self.parts.clone(), tenants, max_age).ok().flatten()
    }

    pub(super) fn parts(&self) -> &[Arc<Part>] {
        &self.parts
    }

    /// For how long the keys have not been confirmed; the longest of all tenants.
    pub(crate) fn age(&self) -> Duration {
        self.fetched.elapsed()
    }

    /// Whether the keys of whoever says `issuer` in its tokens are among these. If not, an unknown key is no sign of a
    /// bad token.
    pub(crate) fn speaks_for(&self, issuer: &str) -> bool {
        let Some(tenants) = &self.tenants else { return true };
        self.parts.iter().any(|part| {
            issuer == tenants.issuer_v2(&part.tenant) || issuer == tenants.issuer_v1(&part.tenant)
        })
    }
}

impl Part {
    /// Reads a tenant's key set, for which it was `asked` then. A key that says that it is another tenant's is left out: this tenant cannot speak for
    /// it.
    pub(super) fn read(
        body: &[u8],
        tenant: &TenantId,
        tenants: &EntraTenants,
        asked: Instant,
    ) -> Result<Self, KeySetError> {
        // Strictly, and within bounds.
        KeySet::parse(body)?;
        let own = tenants.issuer_v2(tenant);
        let keys = document::public_keys(body, Some(ISSUER))?.into_iter().filter_map(|mut key| {
            let issuer = match key.get(ISSUER).and_then(Value::as_str) {
                None => own.clone(),
                Some(named) => {
                    let filled = named.replace(PLACEHOLDER, tenant.as_str());
                    if filled != own && filled != tenants.issuer_v1(tenant) {
                        return None;
                    }
                    if named.contains(PLACEHOLDER) { any_tenant(tenants) } else { own.clone() }
                }
            };
            key.insert(ISSUER.to_owned(), issuer.into());
            Some(key)
        });
        Ok(Self { tenant: tenant.clone(), keys: keys.collect(), fetched: asked })
    }

    pub(super) fn is_of(&self, tenant: &TenantId) -> bool {
        self.tenant == *tenant
    }

    pub(super) fn replaces(&self, older: &Self) -> bool {
        self.tenant == older.tenant
    }

    pub(super) fn age(&self) -> Duration {
        self.fetched.elapsed()
    }
}

fn any_tenant(tenants: &EntraTenants) -> String {
    format!("{}/{PLACEHOLDER}/v2.0", tenants.authority_host())
}

/// Each key once for each tenant that it may sign for; and once for all if all of them publish it, as Entra's tenants
/// commonly do: else a few tenants would be more keys than a set may have.
fn merge(parts: &[Arc<Part>], tenants: &EntraTenants) -> Vec<PublicKey> {
    let any = any_tenant(tenants);
    let mut keys: Vec<(PublicKey, BTreeSet<String>)> = Vec::new();
    for key in parts.iter().flat_map(|part| &part.keys) {
        let mut bare = key.clone();
        let Some(Value::String(issuer)) = bare.remove(ISSUER) else { continue };
        match keys.iter_mut().find(|(known, _)| *known == bare) {
            Some((_, issuers)) => _ = issuers.insert(issuer),
            None => keys.push((bare, BTreeSet::from([issuer]))),
        }
    }
    let listed = tenants.list().len();
    let mut merged = Vec::new();
    for (bare, issuers) in keys {
        let of_all = issuers.contains(&any) || (listed > 1 && issuers.len() == listed);
        let issuers = if of_all { BTreeSet::from([any.clone()]) } else { issuers };
        for issuer in issuers {
            let mut key = bare.clone();
            key.insert(ISSUER.to_owned(), issuer.into());
            merged.push(key);
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use std::slice;

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;

    const HOST: &str = "https://login.microsoftonline.com";
    const A: &str = "aaaaaaaa-0000-4000-8000-000000000001";
    const B: &str = "bbbbbbbb-0000-4000-8000-000000000002";

    fn tenants() -> EntraTenants {
        let list = [A, B].map(|id| TenantId::parse(id).unwrap());
        EntraTenants::new(HOST.to_owned(), list.to_vec())
    }

    /// Of 2048 bits, and odd.
    fn modulus(seed: &str) -> String {
        let mut bytes = [0xc1; 256];
        bytes[1..=seed.len()].copy_from_slice(seed.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn key(kid: &str, issuer: Option<&str>) -> Value {
        let mut key =
            json!({"kty": "RSA", "kid": kid, "n": modulus(kid), "e": "AQAB", "x5c": ["x"]});
        if let Some(issuer) = issuer {
            key[ISSUER] = issuer.into();
        }
        key
    }

    fn part(tenant: &str, keys: &[Value]) -> Arc<Part> {
        aged(tenant, keys, 0)
    }

    /// As it is so many seconds after it was asked for.
    fn aged(tenant: &str, keys: &[Value], seconds: u64) -> Arc<Part> {
        let body = json!({ "keys": keys }).to_string();
        let tenant = TenantId::parse(tenant).unwrap();
        let asked = Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
        Arc::new(Part::read(body.as_bytes(), &tenant, &tenants(), asked).unwrap())
    }

    fn issuers(parts: Vec<Arc<Part>>) -> Vec<(String, String)> {
        let held = Held::merged(parts, &tenants(), Duration::from_secs(60)).unwrap().unwrap();
        let document: Value = serde_json::from_slice(&held.document).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let keys = document["keys"].as_array().unwrap();
        keys.iter().map(|key| (text(&key["kid"]), text(&key[ISSUER]))).collect()
    }

    fn own(tenant: &str) -> String {
        format!("{HOST}/{tenant}/v2.0")
    }

    #[test]
    fn every_key_says_whose_tokens_it_may_sign_and_nobody_speaks_for_another_tenant() {
        let v1 = format!("https://sts.windows.net/{A}/");
        let (a, b, any) = (own(A), own(B), own(PLACEHOLDER));
        let personal = own("9188040d-6c67-4c5b-b112-36a304b66dad");
        let of_a = part(
            A,
            &[
                key("bare", None),
                key("own", Some(&a)),
                key("v1", Some(&v1)),
                key("any", Some(&any)),
                key("foreign", Some(&b)),
                key("personal", Some(&personal)),
                key("elsewhere", Some(&a.replace("login", "evil"))),
                key("two", Some(&format!("{HOST}/{PLACEHOLDER}/{PLACEHOLDER}/v2.0"))),
            ],
        );
        let expected = [("bare", &a), ("own", &a), ("v1", &a), ("any", &any)];
        let expected = expected.map(|(kid, issuer)| (kid.to_owned(), issuer.clone()));
        assert_eq!(issuers(vec![of_a]), expected);
    }

    #[test]
    fn a_key_of_all_tenants_stands_once_and_a_key_of_one_for_that_one() {
        let (shared, only) = (key("shared", None), key("only-a", None));
        let parts =
            || vec![part(A, &[shared.clone(), only.clone()]), part(B, slice::from_ref(&shared))];
        let expected = [("shared", own(PLACEHOLDER)), ("only-a", own(A))];
        let expected = expected.map(|(kid, issuer)| (kid.to_owned(), issuer));
        assert_eq!(issuers(parts()), expected);
        // While B has not said so, it is not B's.
        let alone = [("shared", own(A)), ("only-a", own(A))];
        let alone = alone.map(|(kid, issuer)| (kid.to_owned(), issuer));
        assert_eq!(issuers(parts()[..1].to_vec()), alone);
        // One name, two keys: each is its tenant's.
        let mut other = shared.clone();
        other["n"] = modulus("other").into();
        let two = issuers(vec![part(A, &[shared]), part(B, &[other])]);
        assert_eq!(two, [("shared".to_owned(), own(A)), ("shared".to_owned(), own(B))]);
    }

    #[test]
    fn a_tenant_that_nobody_confirms_loses_its_keys_and_the_others_do_not() {
        let max = Duration::from_secs(60);
        let v1 = format!("https://sts.windows.net/{A}/");
        let of =
            |a: u64, b: u64| vec![aged(A, &[key("a", None)], a), aged(B, &[key("b", None)], b)];
        let held = Held::merged(of(50, 0), &tenants(), max).unwrap().unwrap();
        assert!(held.speaks_for(&own(A)) && held.speaks_for(&v1) && held.speaks_for(&own(B)));
        assert_eq!((held.keys.len(), held.age().as_secs()), (2, 50));
        let rest = held.without_older_than(Duration::from_secs(40)).unwrap();
        assert!(!rest.speaks_for(&own(A)) && !rest.speaks_for(&v1) && rest.speaks_for(&own(B)));
        assert_eq!((rest.keys.len(), rest.age().as_secs()), (1, 0));
        let rest = Held::merged(of(61, 11), &tenants(), max).unwrap().unwrap();
        assert_eq!((rest.keys.len(), rest.age().as_secs()), (1, 11));
        assert!(Held::merged(of(61, 61), &tenants(), max).unwrap().is_none());
        assert!(Held::whole(KeySet::default(), Bytes::new()).without_older_than(max).is_none());
    }

    #[test]
    fn more_keys_than_a_set_may_have_are_refused() {
        let body = |count: usize| {
            let keys: Vec<_> = (0..count).map(|n| key(&format!("k{n}"), None)).collect();
            keys
        };
        let limit = KeySet::MAX_KEYS;
        assert_eq!(issuers(vec![part(A, &body(limit))]).len(), limit);
        let one_more = vec![part(A, &body(limit)), part(B, &[key("b", None)])];
        let held = Held::merged(one_more, &tenants(), Duration::from_secs(60));
        assert_eq!(held.err(), Some(KeySetError::TooManyKeys));
    }
}
