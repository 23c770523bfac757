//! Charts in registries of containers (OCI Distribution 1.1, with the media types of helm's).

use form_urlencoded::Serializer;
use http::header::{LINK, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode, Uri};
use secrecy::SecretString;
use semver::Version;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::outside::{Got, Outside};

const MANIFESTS: &str =
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
const CHARTS: [&str; 2] =
    ["application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/tar+gzip"];
const JSON: &str = "application/json";
const ANYTHING: &str = "*/*";

/// A manifest, a page of tags, or a token.
const MAX_TOLD_BYTES: usize = 4 * 1024 * 1024;
/// Of tags. Who has more is asked for one by name.
const MAX_PAGES: usize = 20;

/// One repository, asked by nobody in particular.
pub(super) struct Repository<'a> {
    outside: &'a Outside<'a>,
    host: &'a str,
    name: &'a str,
    token: Option<SecretString>,
}

/// What of a manifest, or of a list of them, is read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Manifest {
    manifests: Vec<Part>,
    layers: Vec<Part>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Part {
    media_type: String,
    artifact_type: String,
    digest: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tags {
    tags: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl<'a> Repository<'a> {
    pub(super) fn new(outside: &'a Outside<'a>, host: &'a str, name: &'a str) -> Self {
        Self { outside, host, name, token: None }
    }

    /// The archive that a tag or a digest stands for; without either, the one of the highest version that is no
    /// pre-release.
    ///
    /// # Errors
    /// Why not, in words.
    pub(super) async fn chart(
        &mut self,
        tag: Option<&str>,
        digest: Option<&str>,
        max_bytes: usize,
    ) -> Result<Vec<u8>, String> {
        let reference = match (digest, tag) {
            (Some(digest), _) => known(digest)?.to_owned(),
            // A tag has no `+`: helm writes another character in its place.
            (None, Some(tag)) => tag.replace('+', "_"),
            (None, None) => self.newest().await?,
        };
        let mut manifest = self.manifest(&reference).await?;
        if manifest.layers.is_empty() {
            let charts = manifest.manifests.iter().find(|one| one.artifact_type == CONFIG);
            let only = manifest.manifests.first().filter(|_| manifest.manifests.len() == 1);
            let of = charts.or(only).ok_or(NO_CHART)?.digest.clone();
            manifest = self.manifest(known(&of)?).await?;
        }
        let layer = manifest.layers.iter().find(|one| CHARTS.contains(&&*one.media_type));
        let digest = layer.ok_or(NO_CHART)?.digest.clone();
        let path = format!("blobs/{}", known(&digest)?);
        let got = self.ask(&path, ANYTHING, max_bytes).await?;
        verified(&got.body, &digest)?;
        Ok(got.body.to_vec())
    }

    async fn manifest(&mut self, reference: &str) -> Result<Manifest, String> {
        let got = self.ask(&format!("manifests/{reference}"), MANIFESTS, MAX_TOLD_BYTES).await?;
        if reference.contains(':') {
            verified(&got.body, known(reference)?)?;
        }
        read(&got.body)
    }

    async fn newest(&mut self) -> Result<String, String> {
        let mut versions: Vec<(Version, String)> = Vec::new();
        let mut path = "tags/list?n=1000".to_owned();
        for _ in 0..MAX_PAGES {
            let got = self.ask(&path, JSON, MAX_TOLD_BYTES).await?;
            let Tags { tags } = read(&got.body)?;
            versions.extend(tags.into_iter().flatten().filter_map(|tag| {
                let version = tag.replace('_', "+");
                let version = Version::parse(version.strip_prefix('v').unwrap_or(&version)).ok()?;
                version.pre.is_empty().then_some((version, tag))
            }));
            let Some(next) = next_page(&got.headers) else { break };
            path = format!("tags/list?{next}");
        }
        let newest = versions.into_iter().max_by(|(one, _), (other, _)| one.cmp(other));
        let newest = newest.map(|(_, tag)| tag);
        newest.ok_or_else(|| "no tag of it is a version: name one, as in …:1.2.3".to_owned())
    }

    /// Asks for what is below the repository; where somebody has to be signed in, as whoever has no account.
    async fn ask(
        &mut self,
        path: &str,
        accept: &'static str,
        max_bytes: usize,
    ) -> Result<Got, String> {
        let uri = format!("https://{}/v2/{}/{path}", self.host, self.name);
        let uri: Uri = uri.parse().map_err(|_| "its answer makes no URL".to_owned())?;
        let mut got = self.outside.get(&uri, accept, self.token.as_ref(), max_bytes).await?;
        if got.status == StatusCode::UNAUTHORIZED && self.token.is_none() {
            self.token = Some(self.sign_in(&got.headers).await?);
            got = self.outside.get(&uri, accept, self.token.as_ref(), max_bytes).await?;
        }
        if got.status == StatusCode::OK {
            return Ok(got);
        }
        Err(format!("{} answers {}", self.host, got.status))
    }

    async fn sign_in(&self, headers: &HeaderMap) -> Result<SecretString, String> {
        const NO_WAY: &str = "it wants to know who asks, and charts are fetched by nobody";
        let challenges = headers.get_all(WWW_AUTHENTICATE).iter();
        let bearer = challenges.filter_map(|value| value.to_str().ok()).find_map(bearer);
        let bearer = bearer.ok_or(NO_WAY)?;
        let of = |name: &str| {
            let found = bearer.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.as_str())
        };
        let realm = of("realm").ok_or(NO_WAY)?;
        let uri = token_uri(realm, of("service"), self.name);
        let uri: Uri = uri.parse().map_err(|_| NO_WAY.to_owned())?;
        let got = self.outside.get(&uri, JSON, None, MAX_TOLD_BYTES).await?;
        if got.status != StatusCode::OK {
            return Err(NO_WAY.to_owned());
        }
        let Token { token, access_token } = read(&got.body)?;
        token.or(access_token).map(SecretString::from).ok_or_else(|| NO_WAY.to_owned())
    }
}

/// Where a token for reading a repository is to be had (Distribution's token authentication).
fn token_uri(realm: &str, service: Option<&str>, repository: &str) -> String {
    let mut query = Serializer::new(String::new());
    if let Some(service) = service {
        query.append_pair("service", service);
    }
    query.append_pair("scope", &format!("repository:{repository}:pull"));
    let sign = if realm.contains('?') { '&' } else { '?' };
    format!("{realm}{sign}{}", query.finish())
}

const NO_CHART: &str = "it holds no chart of helm's";

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|_| "its answer is not a registry's".to_owned())
}

/// A digest as it is written here: of the only algorithm that registries have to know.
fn known(digest: &str) -> Result<&str, String> {
    let hex = digest.strip_prefix("sha256:").filter(|hex| {
        hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    });
    if hex.is_some() { Ok(digest) } else { Err("its digest is no SHA-256".to_owned()) }
}

fn verified(bytes: &[u8], digest: &str) -> Result<(), String> {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    if digest.strip_prefix("sha256:") == Some(&*hex) {
        Ok(())
    } else {
        Err("what it answers does not have the digest that was asked for".to_owned())
    }
}

/// The query of the next page, of this list and nothing else.
fn next_page(headers: &HeaderMap) -> Option<String> {
    let link = headers.get(LINK)?.to_str().ok()?;
    let (target, relation) = link.strip_prefix('<')?.split_once('>')?;
    let (_, query) = target.split_once('?').filter(|_| relation.contains("next"))?;
    let is_plain = query.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%&=+".contains(&b));
    is_plain.then(|| query.to_owned())
}

/// The parameters of a challenge for a bearer token (RFC 9110 §11.2): names, and values without their quotes.
fn bearer(challenge: &str) -> Option<Vec<(String, String)>> {
    let (scheme, mut rest) = challenge.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let mut parameters = Vec::new();
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([' ', ',']).to_owned();
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_once(',').unwrap_or((after, "")),
        };
        parameters.push((name, value.to_owned()));
        rest = after;
    }
    Some(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_says_where_tokens_are_to_be_had() {
        let read = bearer(
            "Bearer realm=\"https://auth.example.com/token?a=b\",service=\"reg, istry\" , scope=\"x:y:pull\"",
        );
        let read = read.unwrap();
        let read: Vec<_> =
            read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let wanted = [
            ("realm", "https://auth.example.com/token?a=b"),
            ("service", "reg, istry"),
            ("scope", "x:y:pull"),
        ];
        assert_eq!(read, wanted);
        for other in ["Basic realm=\"x\"", "Bearer", "Bearer realm=\"x"] {
            assert_eq!(bearer(other), None, "{other}");
        }
    }

    #[test]
    fn a_digest_is_that_of_the_bytes_and_has_one_spelling() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert!(known(empty).is_ok() && verified(b"", empty).is_ok());
        assert!(verified(b"x", empty).is_err());
        for other in ["sha256:../../x", &empty.to_uppercase(), "sha512:x", "", "sha256:"] {
            assert!(known(other).is_err(), "{other}");
        }
    }

    #[test]
    fn the_next_page_is_one_of_the_same_list() {
        let of = |link: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(LINK, link.parse().unwrap());
            next_page(&headers)
        };
        let same = Some("last=1.0.0&n=5".to_owned());
        assert_eq!(of("</v2/org/web/tags/list?last=1.0.0&n=5>; rel=\"next\""), same);
        assert_eq!(of("<https://10.0.0.1/admin?last=1.0.0&n=5>; rel=\"next\""), same);
        for none in
            ["</v2/x/tags/list>; rel=\"next\"", "</x?a=b>; rel=\"prev\"", "x", "</x?a#b>; rel=next"]
        {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
