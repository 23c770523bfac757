//! How we prove to an identity provider's token endpoint which client we are (RFC 6749 §2.3, RFC 7523 §2.2).

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use obolus_core::UnixSeconds;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::{AssertionKey, AuthenticationError, CredentialError, Generation, TokenFile, files};
use crate::material::{Content, Material, Watched};

/// `client_assertion_type` (RFC 7523 §2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client, and what proves it.
#[derive(Debug)]
pub enum ClientCredential {
    /// `client_secret_basic`.
    Basic {
        /// The client id.
        id: String,
        /// Its secret.
        secret: ClientSecret,
    },
    /// `client_secret_post`.
    Post {
        /// The client id.
        id: String,
        /// Its secret.
        secret: ClientSecret,
    },
    /// `private_key_jwt`.
    Assertion {
        /// The client id.
        id: String,
        /// What signs.
        key: AssertionKey,
    },
    /// `jwt_file`: an assertion that somebody else signs.
    Federated {
        /// The client id, which the assertion does not name.
        id: String,
        /// Where it is.
        token: TokenFile,
    },
}

/// A client secret.
pub struct ClientSecret(Source);

/// Nothing of it: not even a digest, which short secrets can be guessed from.
impl std::fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientSecret(<redacted>)")
    }
}

enum Source {
    File(Arc<Material<SecretString, CredentialError>>),
    Given(SecretString, Generation),
}

impl ClientSecret {
    /// Reads the file, and again when it changes.
    ///
    /// # Errors
    /// When it holds no secret.
    pub fn open(path: PathBuf) -> Result<Self, CredentialError> {
        let (read, shown) = (path.clone(), path.clone());
        let file = Material::open(
            "client_secret",
            shown,
            move || Ok(Content::new(vec![files::read(&read)?])),
            move |content| files::secret(&path, content.file(0), 1),
        )?;
        Ok(Self(Source::File(Arc::new(file))))
    }

    /// One that stood in the configuration itself, as settings do that people bring from elsewhere.
    #[must_use]
    pub fn given(secret: SecretString) -> Self {
        let generation = Sha256::digest(secret.expose_secret()).into();
        Self(Source::Given(secret, generation))
    }

    fn current(&self) -> Result<(SecretString, Generation), AuthenticationError> {
        match &self.0 {
            Source::File(file) => {
                let held = file.current().ok_or(AuthenticationError::Unsigned)?;
                Ok((held.value.clone(), held.generation))
            }
            Source::Given(secret, generation) => Ok((secret.clone(), *generation)),
        }
    }
}

/// What is added to one request.
#[derive(Debug)]
pub struct Authentication {
    /// The value of `Authorization`.
    pub header: Option<SecretString>,
    /// Parameters of the form.
    pub form: Vec<(&'static str, SecretString)>,
    /// What of it proves who we are, as it is: not to be repeated, whoever says it.
    pub secrets: Vec<SecretString>,
}

impl ClientCredential {
    /// Changes when the credential does: what was got with the old one is then asked for anew.
    #[must_use]
    pub fn generation(&self) -> Generation {
        match self {
            Self::Basic { secret, .. } | Self::Post { secret, .. } => {
                secret.current().map(|(_, generation)| generation).unwrap_or_default()
            }
            Self::Assertion { key, .. } => key.generation(),
            Self::Federated { token, .. } => token.generation(),
        }
    }

    /// The client id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Basic { id, .. }
            | Self::Post { id, .. }
            | Self::Assertion { id, .. }
            | Self::Federated { id, .. } => id,
        }
    }

    /// When the certificate ends by which the client is known, if there is one.
    #[must_use]
    pub fn expires_at(&self) -> Option<UnixSeconds> {
        match self {
            Self::Assertion { key, .. } => key.expires_at(),
            _ => None,
        }
    }

    /// The file that proves us, if there is one.
    pub(crate) fn watched(&self, target: &str) -> Option<Watched> {
        match self {
            Self::Basic { secret, .. } | Self::Post { secret, .. } => match &secret.0 {
                Source::File(file) => Some(file.watched(target, |_| {})),
                Source::Given(..) => None,
            },
            Self::Assertion { key, .. } => Some(key.watched(target)),
            Self::Federated { token, .. } => Some(token.watched(target)),
        }
    }

    /// Authenticates one request. An assertion of our own says that it is for `audience`, and is never twice the same.
    ///
    /// # Errors
    /// When there is no assertion.
    pub async fn authenticate(
        &self,
        audience: &str,
        now: UnixSeconds,
    ) -> Result<Authentication, AuthenticationError> {
        Ok(match self {
            Self::Basic { id, secret } => {
                let (secret, _) = secret.current()?;
                let pair = format!("{}:{}", form_encode(id), form_encode(secret.expose_secret()));
                let header = SecretString::from(format!("Basic {}", STANDARD.encode(pair)));
                let secrets = vec![SecretString::from(secret.expose_secret())];
                Authentication { header: Some(header), form: Vec::new(), secrets }
            }
            Self::Post { id, secret } => {
                let (secret, _) = secret.current()?;
                let form = vec![
                    ("client_id", SecretString::from(id.as_str())),
                    ("client_secret", SecretString::from(secret.expose_secret())),
                ];
                let secrets = vec![SecretString::from(secret.expose_secret())];
                Authentication { header: None, form, secrets }
            }
            Self::Assertion { id, key } => by_assertion(id, key.sign(id, audience, now).await?),
            Self::Federated { id, token } => by_assertion(id, token.read(now)?),
        })
    }
}

fn by_assertion(id: &str, assertion: SecretString) -> Authentication {
    let secrets = vec![assertion.clone()];
    let form = vec![
        ("client_id", SecretString::from(id)),
        ("client_assertion_type", SecretString::from(ASSERTION_TYPE)),
        ("client_assertion", assertion),
    ];
    Authentication { header: None, form, secrets }
}

/// RFC 6749 §2.3.1: id and secret are form-encoded before they are joined.
fn form_encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(content: &str) -> (tempfile::TempDir, ClientSecret) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, content).unwrap();
        (folder, ClientSecret::open(path).unwrap())
    }

    #[tokio::test]
    async fn basic_encodes_what_would_end_the_id_or_the_secret() {
        let (_folder, secret) = secret("p:ss+w%rd&=ä\n");
        let client = ClientCredential::Basic { id: "sts:1".to_owned(), secret };
        let authentication = client.authenticate("https://issuer", 0).await.unwrap();
        let header = authentication.header.unwrap();
        let encoded = header.expose_secret().strip_prefix("Basic ").unwrap();
        assert_eq!(STANDARD.decode(encoded).unwrap(), b"sts%3A1:p%3Ass%2Bw%25rd%26%3D%C3%A4");
        assert!(authentication.form.is_empty());
    }

    #[tokio::test]
    async fn post_sends_no_header_and_nothing_shows_the_secret() {
        let (_folder, secret) = secret("very-secret");
        let client = ClientCredential::Post { id: "sts".to_owned(), secret };
        let authentication = client.authenticate("https://issuer", 0).await.unwrap();
        assert!(authentication.header.is_none());
        let sent: Vec<_> = authentication
            .form
            .iter()
            .map(|(name, value)| (*name, value.expose_secret()))
            .collect();
        assert_eq!(sent, [("client_id", "sts"), ("client_secret", "very-secret")]);
        assert!(!format!("{client:?} {authentication:?}").contains("very-secret"));
    }

    #[test]
    fn a_secret_shows_not_even_its_digest() {
        let (_folder, opened) = secret("hunter2");
        for secret in [ClientSecret::given(SecretString::from("hunter2")), opened] {
            assert_eq!(format!("{secret:?}"), "ClientSecret(<redacted>)");
            let client = ClientCredential::Post { id: "sts".to_owned(), secret };
            assert_eq!(
                format!("{client:?}"),
                r#"Post { id: "sts", secret: ClientSecret(<redacted>) }"#
            );
        }
    }

    #[tokio::test]
    async fn a_broken_secret_file_leaves_the_last_good_secret() {
        let (folder, secret) = secret("first");
        let client = ClientCredential::Post { id: "sts".to_owned(), secret };
        let watched = client.watched("target").unwrap();
        let sent = async || {
            (watched.look)();
            let authentication = client.authenticate("https://issuer", 0).await.unwrap();
            (authentication.secrets[0].expose_secret().to_owned(), client.generation())
        };
        let (first, generation) = sent().await;
        assert_eq!(first, "first");
        for broken in ["", "two words"] {
            std::fs::write(folder.path().join("secret"), broken).unwrap();
            assert_eq!(sent().await, (first.clone(), generation));
        }
        std::fs::write(folder.path().join("secret"), "second\n").unwrap();
        let (second, next) = sent().await;
        assert_eq!(second, "second");
        assert_ne!(next, generation);
    }
}
