//! `[targets.client]`: as which client we ask for exchanges, and what proves it.

use std::path::Path;

use obolus_core::config::Section;
use obolus_core::token::application::is_guid;
use secrecy::SecretString;
use serde::Deserialize;

use super::{ExchangedBy, files};
use crate::credentials::{
    AssertionAlgorithm, AssertionKey, AssertionRules, ClientCredential, ClientSecret,
    CredentialError, Reader, Thumbprint, TokenFile,
};

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Method {
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
    JwtFile,
}

/// What there is besides `id`, of any kind of client.
const KEYS: [&str; 9] = [
    "method",
    "secret",
    "secret_file",
    "key_file",
    "certificate_file",
    "algorithm",
    "key_id",
    "thumbprint",
    "token_file",
];

/// `exchanged_by` is missing where it is a problem itself; then nothing that depends on it is one.
pub(super) fn client(
    section: Section<'_>,
    folder: &Path,
    exchanged_by: Option<ExchangedBy>,
) -> Option<ClientCredential> {
    let id = section.string("id", "the client id of this STS at the issuer");
    let Some(exchanged_by) = exchanged_by else {
        // Whatever else there is may be right.
        for key in KEYS {
            let _ = section.has(key);
        }
        section.finish();
        return None;
    };
    let entra = exchanged_by == ExchangedBy::Entra;
    let allowed = if entra {
        "client_secret_basic, client_secret_post, private_key_jwt, jwt_file"
    } else {
        "client_secret_basic, client_secret_post, private_key_jwt"
    };
    if entra && id.as_deref().is_some_and(|id| !is_guid(id)) {
        section.problem("id", "must be the Application (client) ID, a GUID");
    }
    section.string("method", &format!("one of {allowed}"));
    let method = section.word("method", allowed, None::<Method>);
    if !entra && matches!(method, Some(Method::JwtFile)) {
        section.problem("method", format!("jwt_file is for Entra ID: write one of {allowed}"));
    }
    let credential = match method? {
        Method::ClientSecretBasic => secret(&section, folder)
            .zip(id)
            .map(|(secret, id)| ClientCredential::Basic { id, secret }),
        Method::ClientSecretPost => secret(&section, folder)
            .zip(id)
            .map(|(secret, id)| ClientCredential::Post { id, secret }),
        Method::PrivateKeyJwt => {
            let key = if entra { entra_key(&section, folder) } else { key(&section, folder) };
            key.zip(id).map(|(key, id)| ClientCredential::Assertion { id, key })
        }
        Method::JwtFile => token(&section, folder)
            .zip(id)
            .map(|(token, id)| ClientCredential::Federated { id, token }),
    };
    section.finish();
    credential
}

fn secret(section: &Section<'_>, folder: &Path) -> Option<ClientSecret> {
    // Of settings that people bring from elsewhere; in our own it has been refused before.
    if let Some(secret) = section.unlisted_string("secret") {
        return Some(ClientSecret::given(SecretString::from(secret)));
    }
    let what = "the file of the client secret, one line of text";
    let path = files::required(section, "secret_file", folder, what)?;
    ClientSecret::open(path).map_err(|error| section.problem("secret_file", error.told(what))).ok()
}

const KEY_FILE: &str = "the file of the private key (PEM: PKCS#8, PKCS#1 or SEC1)";
const CERTIFICATE_FILE: &str = "the file of the certificate that is registered for this key (PEM)";

fn key(section: &Section<'_>, folder: &Path) -> Option<AssertionKey> {
    let path = files::required(section, "key_file", folder, KEY_FILE);
    section.string("algorithm", "RS256, PS256 or ES256");
    let algorithm = section.word("algorithm", "RS256, PS256, ES256", None::<AssertionAlgorithm>);
    let key_id = section.optional_string("key_id");
    let certificate = files::optional(section, "certificate_file", folder);
    let rules = AssertionRules {
        reader: Reader::Keycloak,
        algorithm: algorithm?,
        key_id,
        thumbprint: Thumbprint::Sha256,
    };
    open(section, AssertionKey::open(path?, certificate, rules))
}

/// Entra knows a key by the certificate that was uploaded for it, and by nothing else. It may stand in the key's own file.
fn entra_key(section: &Section<'_>, folder: &Path) -> Option<AssertionKey> {
    let path = files::required(section, "key_file", folder, KEY_FILE);
    let certificate = files::optional(section, "certificate_file", folder);
    let allowed = "PS256, RS256";
    let algorithm = section.word("algorithm", allowed, AssertionAlgorithm::PS256);
    if algorithm == AssertionAlgorithm::ES256 {
        section.problem("algorithm", format!("Entra takes RSA only: write one of {allowed}"));
    }
    let thumbprint = section.word("thumbprint", "x5t#S256, x5t", Thumbprint::Sha256);
    if thumbprint == Thumbprint::Sha1 && algorithm == AssertionAlgorithm::PS256 {
        section.problem(
            "thumbprint",
            "x5t goes with the older signature: write algorithm = \"RS256\", too",
        );
    }
    if algorithm == AssertionAlgorithm::ES256 {
        return None;
    }
    let rules = AssertionRules { reader: Reader::Entra, algorithm, key_id: None, thumbprint };
    let path = path?;
    if let Some(certificate) = certificate {
        return open(section, AssertionKey::open(path, Some(certificate), rules));
    }
    let key = AssertionKey::open(path.clone(), Some(path), rules);
    key.map_err(|error| {
        let setting = error.setting();
        if setting == "key_file" {
            section.problem(setting, error.told(KEY_FILE));
        } else {
            let what = "or add the certificate to the key's file";
            section
                .problem(setting, format!("is missing: write {CERTIFICATE_FILE}, {what}: {error}"));
        }
    })
    .ok()
}

fn open(section: &Section<'_>, key: Result<AssertionKey, CredentialError>) -> Option<AssertionKey> {
    let told = |error: CredentialError| {
        let setting = error.setting();
        let what = if setting == "key_file" { KEY_FILE } else { CERTIFICATE_FILE };
        section.problem(setting, error.told(what));
    };
    key.map_err(told).ok()
}

fn token(section: &Section<'_>, folder: &Path) -> Option<TokenFile> {
    let what = "the file of the federated token, such as AZURE_FEDERATED_TOKEN_FILE names";
    let path = files::required(section, "token_file", folder, what)?;
    TokenFile::open(path).map_err(|error| section.problem("token_file", error.to_string())).ok()
}
