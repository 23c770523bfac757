//! What the STS's own configuration says of a realm.
//!
//! Only that is read: files that it names, such as the secret, may not be there yet. Whether it is good as a whole is said
//! by `obolus-sts --config FILE --check`, afterwards.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::brought;
use crate::regular_file;

/// What it says of one issuer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) issuer: String,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) targets: Vec<Target>,
    /// Audiences and clients of the grants for its tokens.
    pub(super) audiences: Vec<String>,
    pub(super) clients: Vec<String>,
}

/// One of its targets.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) audience: String,
    pub(super) scopes: Vec<String>,
    pub(super) client: String,
    pub(super) secret_file: Option<PathBuf>,
    /// With the algorithm that stands beside it.
    pub(super) certificate_file: Option<PathBuf>,
    pub(super) key_file: Option<PathBuf>,
    pub(super) algorithm: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct File {
    issuers: Vec<Issuer>,
    targets: Vec<FileTarget>,
    callers: Vec<Caller>,
}

#[derive(Deserialize)]
struct Issuer {
    name: String,
    #[serde(default)]
    issuer: Option<String>,
    #[serde(default)]
    profile: Option<String>,
    #[serde(default)]
    ca_file: Option<PathBuf>,
}

#[derive(Deserialize)]
struct FileTarget {
    #[serde(default)]
    provider: Option<String>,
    issuer: String,
    audience: String,
    #[serde(default)]
    scopes: Vec<String>,
    client: FileClient,
}

#[derive(Deserialize)]
struct FileClient {
    id: String,
    #[serde(default)]
    secret_file: Option<PathBuf>,
    #[serde(default)]
    certificate_file: Option<PathBuf>,
    #[serde(default)]
    key_file: Option<PathBuf>,
    #[serde(default)]
    algorithm: Option<String>,
}

#[derive(Deserialize)]
struct Caller {
    #[serde(default)]
    grants: Vec<Grant>,
}

#[derive(Deserialize)]
struct Grant {
    issuer: String,
    #[serde(default)]
    audiences: Vec<String>,
    #[serde(default)]
    clients: Vec<String>,
}

/// Reads the file; `wanted` is the issuer that is meant, if somebody has said it.
pub(super) fn read(path: &Path, wanted: Option<&str>) -> Result<Said, String> {
    let place = path.display();
    let text = regular_file::text(path).map_err(|error| format!("{place}: {error}"))?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    said(&text, folder, wanted).map_err(|problem| format!("{place}: {problem}"))
}

fn said(text: &str, folder: &Path, wanted: Option<&str>) -> Result<Said, String> {
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| format!("is not TOML: {}", error.message()))?;
    let value =
        serde_json::to_value(table).map_err(|_| "holds a number that is none".to_owned())?;
    let file: File = serde_json::from_value(brought::translate(value).value)
        .map_err(|error| format!("{error}: `obolus-sts check` says what to write"))?;
    let is_keycloak = |issuer: &&Issuer| {
        issuer.profile.as_deref() == Some("keycloak")
            || file.targets.iter().any(|target| {
                target.issuer == issuer.name && target.provider.as_deref() == Some("keycloak")
            })
    };
    let mut issuers = file.issuers.iter().filter(is_keycloak);
    let issuer = match wanted {
        Some(wanted) => issuers
            .find(|issuer| issuer.issuer.as_deref() == Some(wanted))
            .ok_or_else(|| format!("has no issuer {wanted} whose profile is keycloak"))?,
        None => match (issuers.next(), issuers.next()) {
            (Some(issuer), None) => issuer,
            (None, _) => return Err("has no issuer whose profile is keycloak".to_owned()),
            (Some(_), Some(_)) => {
                return Err(
                    "has several issuers whose profile is keycloak: say which with --issuer"
                        .to_owned(),
                );
            }
        },
    };
    let url = issuer.issuer.clone();
    let url = url.ok_or_else(|| format!("issuer {} has no `issuer`", issuer.name))?;
    let here = |path: &PathBuf| folder.join(path);
    let targets = file.targets.iter().filter(|target| target.issuer == issuer.name);
    let grants = file.callers.iter().flat_map(|caller| &caller.grants);
    let grants: Vec<_> = grants.filter(|grant| grant.issuer == issuer.name).collect();
    Ok(Said {
        issuer: url,
        ca_file: issuer.ca_file.as_ref().map(here),
        targets: targets
            .map(|FileTarget { audience, scopes, client, .. }| Target {
                audience: audience.clone(),
                scopes: scopes.clone(),
                client: client.id.clone(),
                secret_file: client.secret_file.as_ref().map(here),
                certificate_file: client.certificate_file.as_ref().map(here),
                key_file: client.key_file.as_ref().map(here),
                algorithm: client.algorithm.clone(),
            })
            .collect(),
        audiences: distinct(grants.iter().flat_map(|grant| &grant.audiences)),
        clients: distinct(grants.iter().flat_map(|grant| &grant.clients)),
    })
}

/// In the order in which they come first.
pub(super) fn distinct<'a>(texts: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::new();
    for text in texts {
        if !distinct.contains(text) {
            distinct.push(text.clone());
        }
    }
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
[server]
listen = "0.0.0.0:8443"

[[issuers]]
name = "keycloak"
issuer = "https://keycloak.example.com/realms/obolus"
profile = "keycloak"
ca_file = "keycloak-ca.crt"

[[issuers]]
name = "other"
issuer = "https://other.example.com/realms/other"
profile = "keycloak"

[[targets]]
name = "kubernetes"
provider = "keycloak"
issuer = "keycloak"
audience = "kubernetes"
scopes = ["kubernetes"]
[targets.client]
id = "obolus-sts"
method = "client_secret_basic"
secret_file = "client-secret"

[[callers]]
id = "gateway"
credential_files = ["gateway-credential"]
[[callers.grants]]
issuer = "keycloak"
audiences = ["https://mcp.example.com/mcp"]
clients = ["mcp-client"]
targets = ["kubernetes"]
[[callers.grants]]
issuer = "other"
audiences = ["https://other.example.com/mcp"]
clients = ["*"]
targets = ["kubernetes"]
"#;

    #[test]
    fn what_stands_in_the_file_is_not_said_twice_and_its_files_need_not_be_there() {
        let folder = Path::new("/etc/obolus");
        let issuer = "https://keycloak.example.com/realms/obolus";
        let said = said(FILE, folder, Some(issuer)).unwrap();
        assert_eq!(said.issuer, issuer);
        assert_eq!(said.ca_file, Some(folder.join("keycloak-ca.crt")));
        assert_eq!(said.audiences, ["https://mcp.example.com/mcp"]);
        assert_eq!(said.clients, ["mcp-client"]);
        let [target] = &said.targets[..] else { panic!("{said:?}") };
        assert_eq!(
            (target.audience.as_str(), target.client.as_str()),
            ("kubernetes", "obolus-sts")
        );
        assert_eq!(target.secret_file, Some(folder.join("client-secret")));
    }

    #[test]
    fn which_issuer_is_meant_must_be_known() {
        let folder = Path::new(".");
        let fault = |text: &str, wanted| said(text, folder, wanted).unwrap_err();
        assert!(fault(FILE, None).contains("--issuer"));
        assert!(fault(FILE, Some("https://third.example.com")).contains("has no issuer"));
        assert!(fault("", None).contains("has no issuer"));
        assert!(fault("issuers = 3", None).contains("obolus-sts check"));
        assert!(fault("issuers", None).contains("is not TOML"));
    }
}
