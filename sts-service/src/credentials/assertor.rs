//! A signer, wherever its key is, and the client assertions that it makes (RFC 7523 §2.2, §3).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use obolus_core::UnixSeconds;
use secrecy::SecretString;
use serde::Serialize;

use super::certificate::Certificate;
use super::signer::Signer;
use super::{AssertionRules, AuthenticationError, Reader, Thumbprint};
use crate::guid;

/// See the module.
pub(super) struct Assertor {
    signer: Box<dyn Signer>,
    reader: Reader,
    /// The JOSE header, encoded.
    header: String,
    expires_at: Option<UnixSeconds>,
}

/// RFC 7515 §4.1.
#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(rename = "x5t", skip_serializing_if = "Option::is_none")]
    sha1: Option<String>,
}

/// RFC 7523 §3.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: &'a str,
    iat: UnixSeconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<UnixSeconds>,
    exp: UnixSeconds,
}

impl Reader {
    fn life_seconds(self) -> u64 {
        match self {
            Self::Keycloak => 30,
            Self::Entra => 300,
        }
    }
}

impl Assertor {
    /// With the certificate that names the key, if one does. `None` where a header cannot be written.
    pub(super) fn new(
        signer: Box<dyn Signer>,
        certificate: Option<&Certificate>,
        rules: &AssertionRules,
    ) -> Option<Self> {
        let AssertionRules { reader, key_id, thumbprint, .. } = rules;
        let name = certificate.map(|certificate| certificate.thumbprint(*thumbprint));
        let (sha256, sha1) = match thumbprint {
            Thumbprint::Sha256 => (name, None),
            Thumbprint::Sha1 => (None, name),
        };
        let alg = signer.algorithm().as_str();
        let header = encoded(&Header { alg, typ: "JWT", kid: key_id.as_deref(), sha256, sha1 })?;
        let expires_at = certificate.map(Certificate::expires_at);
        Some(Self { signer, reader: *reader, header, expires_at })
    }

    /// When the certificate ends.
    pub(super) fn expires_at(&self) -> Option<UnixSeconds> {
        self.expires_at
    }

    /// An assertion for one request: `iss` and `sub` are the client, `aud` is one string (Keycloak refuses lists), `jti`
    /// is never used twice.
    pub(super) async fn sign(
        &self,
        client_id: &str,
        audience: &str,
        now: UnixSeconds,
    ) -> Result<SecretString, AuthenticationError> {
        let jti = guid::random().ok_or(AuthenticationError::Unsigned)?;
        let claims = Claims {
            iss: client_id,
            sub: client_id,
            aud: audience,
            jti: &jti,
            iat: now,
            nbf: match self.reader {
                // Nothing but a second clock's drift would make it matter.
                Reader::Keycloak => None,
                Reader::Entra => Some(now),
            },
            exp: now.saturating_add(self.reader.life_seconds()),
        };
        let claims = encoded(&claims).ok_or(AuthenticationError::Unsigned)?;
        let input = format!("{}.{claims}", self.header);
        let signature = self.signer.sign(input.as_bytes()).await;
        let signature = signature.map_err(|_| AuthenticationError::Unsigned)?;
        Ok(SecretString::from(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}

/// A part of a compact JWS.
fn encoded(part: &impl Serialize) -> Option<String> {
    serde_json::to_vec(part).ok().map(|json| URL_SAFE_NO_PAD.encode(json))
}

#[cfg(test)]
mod tests {
    use jwt_simple::prelude::{ECDSAP256PublicKeyLike as _, ES256PublicKey, VerificationOptions};
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::credentials::file_signer::FileSigner;
    use crate::credentials::{AssertionAlgorithm, Signing, Unsigned};

    /// As a token or a key service would be: elsewhere, and not always there.
    #[derive(Debug)]
    struct Elsewhere {
        key: std::sync::Arc<FileSigner>,
        is_there: bool,
    }

    impl Signer for Elsewhere {
        fn algorithm(&self) -> AssertionAlgorithm {
            self.key.algorithm()
        }

        fn public_key(&self) -> &[u8] {
            self.key.public_key()
        }

        fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a> {
            Box::pin(async move {
                if !self.is_there {
                    return Err(Unsigned);
                }
                let (key, message) = (std::sync::Arc::clone(&self.key), message.to_vec());
                tokio::spawn(async move { key.sign(&message).await }).await.map_err(|_| Unsigned)?
            })
        }
    }

    #[tokio::test]
    async fn a_key_that_is_no_file_signs_as_well_and_one_that_is_away_is_our_own_failure() {
        let pem = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let algorithm = AssertionAlgorithm::ES256;
        let key = std::sync::Arc::new(FileSigner::from_pem(algorithm, pem.as_bytes()).unwrap());
        let public = ES256PublicKey::from_der(key.public_key()).unwrap();
        let (reader, thumbprint) = (Reader::Keycloak, Thumbprint::Sha256);
        let rules =
            AssertionRules { reader, algorithm, key_id: Some("hsm-1".to_owned()), thumbprint };
        let sign = async |is_there| {
            let signer = Box::new(Elsewhere { key: std::sync::Arc::clone(&key), is_there });
            let assertor = Assertor::new(signer, None, &rules).unwrap();
            assertor.sign("sts", "https://issuer", crate::clock::now()).await
        };
        let assertion = sign(true).await.unwrap();
        let options = VerificationOptions {
            required_key_id: Some("hsm-1".to_owned()),
            ..VerificationOptions::default()
        };
        let claims = public
            .verify_token::<serde_json::Value>(assertion.expose_secret(), Some(options))
            .unwrap();
        assert_eq!(claims.issuer.as_deref(), Some("sts"));
        assert!(matches!(sign(false).await, Err(AuthenticationError::Unsigned)));
    }
}
