//! A token that somebody else issues to us, and that proves us to Entra in place of a secret (workload identity
//! federation): on Kubernetes the projected token of a service account.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use obolus_core::{UnixSeconds, json};
use secrecy::SecretString;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{AuthenticationError, CredentialError, Generation, files};
use crate::clock;
use crate::material::{Content, Material, Watched};

/// The kind of such files in metrics and logs.
pub(crate) const FEDERATED_TOKEN: &str = "federated_token";
/// Longer tokens would not be taken by anybody.
const MAX_BYTES: usize = 16 * 1024;

/// For whom such a token is, in each cloud. One for anybody else may be good there: the pod's own token at the API server.
const AUDIENCES: [&str; 3] = [
    "api://AzureADTokenExchange",
    "api://AzureADTokenExchangeUSGov",
    "api://AzureADTokenExchangeChina",
];

/// A file with a token that somebody else renews.
///
/// kubelet swaps the folder that the path leads through, long before the old token ends. While what is there is no token
/// that Entra could take, the last good one is sent until its own end.
#[derive(Debug)]
pub struct TokenFile {
    file: Arc<Material<Token, CredentialError>>,
}

#[derive(Debug)]
struct Token {
    text: SecretString,
    expires_at: UnixSeconds,
}

impl TokenFile {
    /// The token in this file, now and after each change.
    ///
    /// # Errors
    /// When it does not hold one signed JWT that is for Entra alone, and not yet at its end.
    pub fn open(path: PathBuf) -> Result<Self, CredentialError> {
        let (read, shown) = (path.clone(), path.clone());
        let file = Material::open(
            FEDERATED_TOKEN,
            shown,
            move || Ok(Content::new(vec![files::read(&read)?])),
            move |content| token(&path, content.file(0), clock::now()),
        )?;
        Ok(Self { file: Arc::new(file.ending(|token| Some(token.expires_at))) })
    }

    /// The newest good token.
    ///
    /// # Errors
    /// When it has ended, and nobody has renewed it.
    pub fn read(&self, now: UnixSeconds) -> Result<SecretString, AuthenticationError> {
        let held = self.file.current().ok_or(AuthenticationError::Unsigned)?;
        if held.value.expires_at <= now {
            return Err(expired(self.file.path()).into());
        }
        Ok(held.value.text.clone())
    }

    /// INVARIANT: of the place, not of the content. A renewed token proves the same client, and exchanged tokens are
    /// not asked for anew because of it.
    pub(super) fn generation(&self) -> Generation {
        Sha256::digest(self.file.path().as_os_str().as_encoded_bytes()).into()
    }

    pub(super) fn watched(&self, target: &str) -> Watched {
        self.file.watched(target, |_| {})
    }
}

fn expired(path: &Path) -> CredentialError {
    CredentialError::new(
        path,
        "holds a token that has expired: whoever issues it does not renew it",
    )
}

fn token(path: &Path, bytes: &[u8], now: UnixSeconds) -> Result<Token, CredentialError> {
    let wrong = |problem: &str| CredentialError::new(path, problem);
    let text = bytes.trim_ascii();
    if text.is_empty() {
        return Err(wrong("is empty: whoever issues the token has not written it yet"));
    }
    if text.len() > MAX_BYTES {
        return Err(wrong("is too large for a token"));
    }
    let no_jwt = || wrong("does not hold one signed JWT");
    let text = str::from_utf8(text).map_err(|_| no_jwt())?;
    let claims = claims(text).ok_or_else(no_jwt)?;
    if !is_for_entra(&claims) {
        return Err(wrong(
            "holds a token that is not for Entra alone, and is not sent there: write api://AzureADTokenExchange as the \
             audience of the projected volume (serviceAccountToken.audience), or let the webhook of workload identity \
             mount it; the pod's own token is for the API server",
        ));
    }
    let expires_at = claims.get("exp").and_then(Value::as_u64).unwrap_or_default();
    if expires_at <= now {
        return Err(expired(path));
    }
    Ok(Token { text: SecretString::from(text), expires_at })
}

/// The claims, unverified: whose token it is, and whether it is good, Entra finds out.
fn claims(text: &str) -> Option<Value> {
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok().filter(|bytes| !bytes.is_empty());
    let parts: Vec<_> = text.split('.').map(decode).collect();
    let [Some(header), Some(claims), Some(_)] = parts.as_slice() else { return None };
    let says = |part: &[u8], member: &str| {
        json::parse(part).ok().filter(|object| object.get(member).is_some_and(Value::is_string))
    };
    says(header, "alg").and_then(|_| says(claims, "iss"))
}

fn is_for_entra(claims: &Value) -> bool {
    let audience = match claims.get("aud") {
        Some(Value::Array(all)) if all.len() == 1 => all.first(),
        one => one,
    };
    audience.and_then(Value::as_str).is_some_and(|audience| AUDIENCES.contains(&audience))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
    use serde_json::json;

    use super::*;

    const NOW: UnixSeconds = 1000;

    fn jwt_of(claims: &Value) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.c2ln", part(r#"{"alg":"RS256"}"#), part(&claims.to_string()))
    }

    fn jwt(subject: &str) -> String {
        let audience = "api://AzureADTokenExchange";
        jwt_of(&json!({"iss": "https://cluster", "sub": subject, "aud": audience, "exp": NOW + 1}))
    }

    #[test]
    fn a_token_for_somebody_else_or_for_others_too_or_at_its_end_is_not_sent() {
        let read = |change: &dyn Fn(&mut Value)| {
            let mut claims = json!({"iss": "https://cluster", "exp": NOW + 1});
            claims["aud"] = json!("api://AzureADTokenExchange");
            change(&mut claims);
            let text = jwt_of(&claims);
            let read = token(Path::new("token"), text.as_bytes(), NOW);
            read.map(|_| ()).map_err(|error| error.to_string())
        };
        let aud = |aud: Value| read(&|claims| claims["aud"] = aud.clone());
        let exp = |exp: Value| read(&|claims| claims["exp"] = exp.clone());
        for good in AUDIENCES {
            assert_eq!((aud(json!(good)), aud(json!([good]))), (Ok(()), Ok(())), "{good}");
        }
        for bad in [
            json!(null),
            json!([]),
            json!(""),
            json!("https://kubernetes.default.svc.cluster.local"),
            json!(["https://kubernetes.default.svc.cluster.local"]),
            json!(["api://AzureADTokenExchange", "https://kubernetes.default.svc"]),
            json!([["api://AzureADTokenExchange"]]),
            json!("api://AzureADTokenExchange/"),
            json!("api://azureadtokenexchange"),
        ] {
            let told = aud(bad.clone()).unwrap_err();
            assert!(
                told.contains("write api://AzureADTokenExchange as the audience"),
                "{bad} {told}"
            );
            assert!(!told.contains("kubernetes.default"), "{told}");
        }
        assert_eq!(exp(json!(NOW + 1)), Ok(()));
        for bad in [json!(NOW), json!(0), json!(null), json!("1001"), json!(-1)] {
            assert!(exp(bad.clone()).unwrap_err().contains("has expired"), "{bad}");
        }
    }

    #[test]
    fn one_signed_jwt_is_taken_without_what_surrounds_it_and_nothing_else() {
        let read = |bytes: &[u8]| {
            token(Path::new("token"), bytes, NOW)
                .map(|token| token.text.expose_secret().to_owned())
                .map_err(|error| error.to_string())
        };
        let good = jwt("sts");
        for spelled in [good.clone(), format!("{good}\n"), format!(" \t{good}\r\n\n")] {
            assert_eq!(read(spelled.as_bytes()).as_ref(), Ok(&good));
        }
        let two = format!("{good}\n{good}");
        let header_only = good.split('.').next().unwrap().to_owned();
        let unsigned = good.replace("c2ln", "");
        let no_issuer = format!("{header_only}.{}.c2ln", URL_SAFE_NO_PAD.encode("{}"));
        for (text, word) in [
            (String::new(), "is empty"),
            (" \n\t\n".to_owned(), "is empty"),
            (two, "one signed JWT"),
            (header_only, "one signed JWT"),
            (unsigned, "one signed JWT"),
            (no_issuer, "one signed JWT"),
            (format!("Bearer {good}"), "one signed JWT"),
            (good.replace("c2ln", "c2ln=="), "one signed JWT"),
            ("\u{feff}".to_owned() + &good, "one signed JWT"),
            ("x".repeat(MAX_BYTES), "one signed JWT"),
            ("x".repeat(MAX_BYTES + 1), "too large"),
        ] {
            let problem = read(text.as_bytes()).unwrap_err();
            assert!(problem.contains(word), "{problem}");
            assert!(!problem.contains("c2ln"), "{problem}");
        }
        assert!(read(&[0xff, 0xfe]).is_err());
    }

    #[test]
    fn a_renewed_token_is_read_and_changes_no_generation_and_a_bad_one_leaves_the_last_until_its_end()
     {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let end = clock::now() + 1000;
        let issued = |subject: &str| {
            let audience = "api://AzureADTokenExchange";
            jwt_of(&json!({"iss": "https://cluster", "sub": subject, "aud": audience, "exp": end}))
        };
        std::fs::write(&path, issued("first")).unwrap();
        let file = TokenFile::open(path.clone()).unwrap();
        let generation = file.generation();
        let read = |now| {
            let read = file.read(now);
            read.map(|token| token.expose_secret().to_owned()).map_err(|error| error.to_string())
        };
        assert_eq!(read(end - 1), Ok(issued("first")));
        std::fs::write(&path, issued("second")).unwrap();
        assert!(file.file.look());
        for broken in ["", "garbage"] {
            assert_eq!(read(end - 1), Ok(issued("second")));
            assert_eq!(file.generation(), generation);
            assert!(read(end).unwrap_err().contains("has expired"), "{:?}", read(end));
            std::fs::write(&path, broken).unwrap();
            assert!(!file.file.look());
        }
        std::fs::write(&path, issued("third")).unwrap();
        assert!(file.file.look());
        assert_eq!(read(end - 1), Ok(issued("third")));
        std::fs::write(folder.path().join("other"), issued("third")).unwrap();
        let other = TokenFile::open(folder.path().join("other")).unwrap();
        assert_ne!(other.generation(), generation);
    }
}
