//! What an exec plugin answers (client.authentication.k8s.io, `ExecCredential`).

use k8s_openapi::jiff::Timestamp;
use secrecy::{SecretSlice, SecretString};
use serde::Deserialize;

use crate::stdio::kubeconfig::ExecVersion;

/// A credential, for as long as it is good.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) token: Option<SecretString>,
    pub(super) certificate: Option<IssuedCertificate>,
    pub(super) expires: Option<Timestamp>,
}

/// A certificate chain and its key, PEM.
#[derive(Debug)]
pub(super) struct IssuedCertificate {
    pub(super) chain: SecretSlice<u8>,
    pub(super) key: SecretSlice<u8>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredential {
    api_version: Option<String>,
    kind: Option<String>,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
    expiration_timestamp: Option<String>,
}

impl Issued {
    /// Reads a plugin's answer. What is said of a bad one repeats nothing of it.
    pub(super) fn read(answer: &[u8], version: ExecVersion) -> Result<Self, String> {
        let wanted = version.name();
        let read: ExecCredential = serde_json::from_slice(answer).map_err(|error| {
            format!(
                "wrote what is no ExecCredential in JSON ({:?} error at line {}, column {})",
                error.classify(),
                error.line(),
                error.column()
            )
        })?;
        if read.kind.as_deref() != Some("ExecCredential") {
            return Err("wrote JSON that is no ExecCredential".to_owned());
        }
        if read.api_version.as_deref() != Some(wanted) {
            return Err(format!(
                "answered in another version than the kubeconfig's {wanted}: make the two the same (a newer plugin, or \
                 its own command to update the kubeconfig)"
            ));
        }
        let status = read.status.ok_or("answered without a status, so without a credential")?;
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        let token = some(status.token).map(SecretString::from);
        let pem = |text: String| SecretSlice::from(text.into_bytes());
        let certificate = match (some(status.client_certificate_data), some(status.client_key_data))
        {
            (Some(chain), Some(key)) => {
                Some(IssuedCertificate { chain: pem(chain), key: pem(key) })
            }
            (None, None) => None,
            _ => {
                return Err(
                    "answered with one of certificate and key, and not the other".to_owned()
                );
            }
        };
        if token.is_none() && certificate.is_none() {
            return Err("answered with neither a token nor a certificate".to_owned());
        }
        let expires = some(status.expiration_timestamp)
            .map(|text| text.parse::<Timestamp>())
            .transpose()
            .map_err(|_| "answered with an expirationTimestamp that is no time (RFC 3339)")?;
        Ok(Self { token, certificate, expires })
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
    use serde_json::{Value, json};

    use super::*;

    fn read(version: ExecVersion, kind: &str, status: Value) -> Result<Issued, String> {
        let answer = json!({
            "apiVersion": "client.authentication.k8s.io/v1", "kind": kind, "status": status,
        });
        Issued::read(answer.to_string().as_bytes(), version)
    }

    #[test]
    fn a_token_or_a_certificate_is_a_credential_and_nothing_else_is() {
        let v1 = ExecVersion::V1;
        let status = json!({"token": "t-canary", "expirationTimestamp": "2026-11-22T10:00:00Z"});
        let issued = read(v1, "ExecCredential", status).unwrap();
        assert_eq!(issued.token.as_ref().unwrap().expose_secret(), "t-canary");
        assert_eq!(issued.expires.unwrap().to_string(), "2026-11-22T10:00:00Z");
        assert!(!format!("{issued:?}").contains("canary"));
        let pair = json!({"clientCertificateData": "C", "clientKeyData": "K-canary"});
        let issued = read(v1, "ExecCredential", pair).unwrap();
        assert!(issued.token.is_none() && issued.certificate.is_some() && issued.expires.is_none());
        assert!(!format!("{issued:?}").contains("canary"));

        for (kind, status, said) in [
            ("ExecCredential", json!({}), "neither a token nor a certificate"),
            ("ExecCredential", json!({"token": ""}), "neither a token nor a certificate"),
            ("ExecCredential", json!({"clientKeyData": "K-canary"}), "and not the other"),
            ("ExecCredential", json!({"token": ["t-canary"]}), "no ExecCredential in JSON"),
            ("ExecCredential", Value::Null, "without a status"),
            ("Secret", json!({"token": "t-canary"}), "no ExecCredential"),
            (
                "ExecCredential",
                json!({"token": "t-canary", "expirationTimestamp": "soon-canary"}),
                "no time",
            ),
        ] {
            let told = read(v1, kind, status).unwrap_err();
            assert!(told.contains(said) && !told.contains("canary"), "{told}");
        }
        let told = read(ExecVersion::V1Beta1, "ExecCredential", json!({"token": "t"})).unwrap_err();
        assert!(told.contains("v1beta1"), "{told}");
        let told = Issued::read(b"Please log in: t-canary", v1).unwrap_err();
        assert!(told.contains("line 1") && !told.contains("canary"), "{told}");
    }
}
