//! An issuer's public keys (RFC 7517).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::prelude::{ES256PublicKey, ES384PublicKey, Ed25519PublicKey, RS256PublicKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Principal, Provider};
use crate::json;

/// The signature algorithms that we accept (RFC 7518 §3.1, RFC 8037). Neither `none` nor any HMAC is among
/// them, so no configuration can allow one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// RSASSA-PSS with SHA-384.
    PS384,
    /// RSASSA-PSS with SHA-512.
    PS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// Ed25519.
    EdDSA,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
    ];

    /// The name in a JOSE header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
        }
    }

    /// The algorithm of this name, exactly as RFC 7518 spells it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    fn family(self) -> Family {
        match self {
            Self::RS256 | Self::RS384 | Self::RS512 | Self::PS256 | Self::PS384 | Self::PS512 => {
                Family::Rsa
            }
            Self::ES256 => Family::P256,
            Self::ES384 => Family::P384,
            Self::EdDSA => Family::Ed25519,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// One public key that may verify tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationKey {
    key_id: String,
    family: Family,
    only: Option<Algorithm>,
    issuer: Option<String>,
    spki_der: Vec<u8>,
}

impl VerificationKey {
    /// `kid`.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// SubjectPublicKeyInfo (RFC 5280 §4.1.2.7), for RSA and EC keys; the DER of RFC 8410 for Ed25519.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki_der
    }

    /// Key confusion ends here: the key's type decides, and the header's `alg` has to fit it.
    fn serves(&self, algorithm: Algorithm) -> bool {
        self.family == algorithm.family() && self.only.is_none_or(|only| only == algorithm)
    }

    /// Entra ID's tenants share a service, and a key may say for whose tokens it is (`issuer`). To others it does
    /// not exist.
    fn may_sign_for(&self, principal: &Principal) -> bool {
        match (&self.issuer, &principal.rules().provider, principal.tenant()) {
            (Some(issuer), Provider::Entra(tenants), Some(tenant)) => {
                tenants.may_sign(issuer, tenant)
            }
            _ => true,
        }
    }
}

/// The document is no JWK set at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Not `{"keys": [...]}`.
    #[error("not a JWK set (RFC 7517 §5)")]
    Malformed,
    /// More than [`KeySet::MAX_KEYS`].
    #[error("more than {} keys", KeySet::MAX_KEYS)]
    TooManyKeys,
}

/// An issuer's key set. Keys that we cannot use (encryption, unknown types, too weak) are left out, as RFC
/// 7517 §5 asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySet {
    keys: Vec<VerificationKey>,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    /// Entra ID's own member.
    issuer: Option<String>,
}

impl KeySet {
    /// More keys than any issuer has, also one of many tenants; a bound on memory.
    pub const MAX_KEYS: usize = 256;

    /// Reads a JWK set. One without a key that we can use is a set all the same: an issuer that has withdrawn its
    /// keys must not be taken for one that is down, whose keys are kept.
    ///
    /// # Errors
    /// [`KeySetError`], when the document as a whole is of no use.
    pub fn parse(text: &[u8]) -> Result<Self, KeySetError> {
        let document: Document = json::object(text).ok_or(KeySetError::Malformed)?;
        let keys: Vec<_> =
            document.keys.into_iter().filter(Value::is_object).filter_map(usable_key).collect();
        if keys.len() > Self::MAX_KEYS {
            return Err(KeySetError::TooManyKeys);
        }
        Ok(Self { keys })
    }

    /// The key with this `kid` that may be used with `algorithm`.
    #[must_use]
    pub fn find(&self, key_id: &str, algorithm: Algorithm) -> Option<&VerificationKey> {
        self.keys.iter().find(|key| key.key_id == key_id && key.serves(algorithm))
    }

    /// The key with this `kid` that may be used with `algorithm` for a token of this principal.
    pub(super) fn find_for(
        &self,
        key_id: &str,
        algorithm: Algorithm,
        principal: &Principal,
    ) -> Option<&VerificationKey> {
        let fits = |key: &&VerificationKey| key.key_id == key_id && key.serves(algorithm);
        self.keys.iter().filter(fits).find(|key| key.may_sign_for(principal))
    }

    /// Whether a key of `older` is gone or changed here: then tokens that were verified with it must be
    /// verified anew.
    #[must_use]
    pub fn has_lost_any_of(&self, older: &Self) -> bool {
        older.keys.iter().any(|key| !self.keys.contains(key))
    }

    /// How many keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

fn usable_key(value: Value) -> Option<VerificationKey> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let signs = jwk.usage.as_deref().is_none_or(|usage| usage == "sig")
        && jwk.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
    if !signs {
        return None;
    }
    let only = match &jwk.alg {
        None => None,
        Some(name) => Some(Algorithm::from_name(name)?),
    };
    let (family, spki_der) = public_key(&jwk)?;
    if only.is_some_and(|only| only.family() != family) {
        return None;
    }
    Some(VerificationKey { key_id: jwk.kid?, family, only, issuer: jwk.issuer, spki_der })
}

/// jwt-simple refuses RSA moduli under 2048 and over 4096 bits, bad exponents, and points off the curve.
fn public_key(jwk: &Jwk) -> Option<(Family, Vec<u8>)> {
    let bytes = |member: &Option<String>| {
        member.as_ref().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
    };
    let point = |size: usize| {
        let (x, y) = (bytes(&jwk.x)?, bytes(&jwk.y)?);
        (x.len() == size && y.len() == size).then(|| [&[4u8][..], &x, &y].concat())
    };
    match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => {
            let key = RS256PublicKey::from_components(&bytes(&jwk.n)?, &bytes(&jwk.e)?).ok()?;
            Some((Family::Rsa, key.to_der().ok()?))
        }
        ("EC", Some("P-256")) => {
            let key = ES256PublicKey::from_bytes(&point(32)?).ok()?;
            Some((Family::P256, key.to_der().ok()?))
        }
        ("EC", Some("P-384")) => {
            let key = ES384PublicKey::from_bytes(&point(48)?).ok()?;
            Some((Family::P384, key.to_der().ok()?))
        }
        ("OKP", Some("Ed25519")) => {
            let key = Ed25519PublicKey::from_bytes(&bytes(&jwk.x)?).ok()?;
            Some((Family::Ed25519, key.to_der()))
        }
        _ => None,
    }
}
