//! Which charts may be asked for: from registries, over the network, or from a folder that the operator names.
//!
//! `helm` takes a path, a URL, or an option for a chart, whichever the text looks like. A caller's text is read here
//! first, and what is handed on is one of two things that cannot be mistaken: a URL in one spelling, or an absolute path
//! that was found in the operator's folder.

use std::fmt;
use std::path::{Path, PathBuf};

use http::StatusCode;
use http::uri::Authority;
use rustls::ClientConfig;

use super::outside::{Outside, is_on_the_internet, refusal};
use super::registry::Repository;

/// Longer references are nobody's.
const MAX_BYTES: usize = 2048;
/// As an archive. A release has to fit into an object of one mebibyte.
const MAX_ARCHIVE_BYTES: usize = 32 * 1024 * 1024;

/// What a caller may ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChartSources {
    /// `allowed_registries`: only these, and what is below them. Empty: any that is on the internet.
    pub registries: Vec<ChartUrl>,
    /// `charts_folder`: charts that are here already.
    pub folder: Option<PathBuf>,
}

/// A chart that may be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Chart {
    /// From a registry or a web server.
    Remote(ChartUrl),
    /// A folder or an archive in the operator's folder.
    Local(PathBuf),
}

/// `oci://` or `https://`, in one spelling: nothing in it is escaped, empty, or leads upwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartUrl {
    scheme: &'static str,
    /// Host and perhaps port, in lower case.
    authority: String,
    /// Without slashes around it.
    path: String,
}

impl ChartUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// What it has to be.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const ADVICE: &str = "must be an oci:// or https:// URL without user, query, fragment, escapes, spaces, . and ..";
        let (scheme, rest) = text.split_once("://").ok_or(ADVICE)?;
        let scheme = ["oci", "https"].into_iter().find(|known| known.eq_ignore_ascii_case(scheme));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.trim_end_matches('/');
        let is_host = authority.parse::<Authority>().is_ok_and(|authority| {
            !authority.as_str().contains('@') && !authority.host().is_empty()
        });
        let is_segment = |segment: &str| {
            !segment.is_empty()
                && segment != "."
                && segment != ".."
                && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+:@".contains(&b))
        };
        let is_plain = text.len() <= MAX_BYTES
            && is_host
            && !authority.starts_with('-')
            && (path.is_empty() || path.split('/').all(is_segment));
        let scheme = scheme.filter(|_| is_plain).ok_or(ADVICE)?;
        Ok(Self { scheme, authority: authority.to_ascii_lowercase(), path: path.to_owned() })
    }

    /// Whether it is this one, or below it.
    fn is_within(&self, prefix: &Self) -> bool {
        let rest = self.path.strip_prefix(&*prefix.path);
        self.scheme == prefix.scheme
            && self.authority == prefix.authority
            && rest.is_some_and(|rest| {
                prefix.path.is_empty() || rest.is_empty() || rest.starts_with('/')
            })
    }

    fn is_on_the_internet(&self) -> bool {
        self.authority.parse().is_ok_and(|authority| is_on_the_internet(&authority))
    }

    fn host(&self) -> String {
        let authority = self.authority.parse::<Authority>();
        authority.map(|authority| authority.host().to_owned()).unwrap_or_default()
    }

    /// Repository, tag and digest, of what is in a registry.
    fn reference(&self) -> (&str, Option<&str>, Option<&str>) {
        let (folder, last) = match self.path.rfind('/') {
            Some(slash) => self.path.split_at(slash + 1),
            None => ("", self.path.as_str()),
        };
        let (named, digest) = match last.split_once('@') {
            Some((named, digest)) => (named, Some(digest)),
            None => (last, None),
        };
        let (name, tag) = match named.split_once(':') {
            Some((name, tag)) => (name, Some(tag)),
            None => (named, None),
        };
        let end = folder.len() + name.len();
        (self.path.get(..end).unwrap_or_default(), tag, digest)
    }

    /// The name that a release of it gets when the caller has none: that of the file or the repository, without version.
    fn base(&self) -> &str {
        let last = self.path.rsplit('/').next().unwrap_or_default();
        last.split(['@', ':']).next().unwrap_or_default()
    }
}

impl fmt::Display for ChartUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, authority, path } = self;
        let slash = if path.is_empty() { "" } else { "/" };
        write!(out, "{scheme}://{authority}{slash}{path}")
    }
}

impl ChartSources {
    /// The chart that a caller's text names.
    ///
    /// # Errors
    /// What may be asked for instead.
    pub(crate) fn find(&self, text: &str) -> Result<Chart, String> {
        if text.contains("://") {
            let url = ChartUrl::parse(text).map_err(|advice| format!("chart {advice}"))?;
            return self.remote(url).map(Chart::Remote);
        }
        let Some(folder) = &self.folder else {
            return Err(format!(
                "chart {}: paths and names of local repositories are not taken here",
                self.wanted()
            ));
        };
        local(folder, text).map(Chart::Local).ok_or_else(|| {
            let names = names_in(folder).join(", ");
            let names = if names.is_empty() { "none".to_owned() } else { names };
            format!(
                "chart {}, or one of the operator's charts by its name alone; there are: {names}",
                self.wanted()
            )
        })
    }

    fn remote(&self, url: ChartUrl) -> Result<ChartUrl, String> {
        if self.registries.is_empty() && !url.is_on_the_internet() {
            return Err(format!("chart cannot be had: {}", refusal(&url.host())));
        }
        let is_allowed = self.registries.is_empty()
            || self.registries.iter().any(|registry| url.is_within(registry));
        if is_allowed { Ok(url) } else { Err(format!("chart {}", self.wanted())) }
    }

    /// Whether the operator lists a host, with whatever path.
    pub(super) fn lists(&self, authority: &Authority) -> bool {
        let plain = |text: &str| text.strip_suffix(":443").unwrap_or(text).to_ascii_lowercase();
        let wanted = plain(authority.as_str());
        self.registries.iter().any(|registry| plain(&registry.authority) == wanted)
    }

    /// Fetches a chart: an archive, as it came.
    ///
    /// # Errors
    /// Why not, in words.
    pub(super) async fn fetch(
        &self,
        url: &ChartUrl,
        tls: &ClientConfig,
    ) -> Result<Vec<u8>, String> {
        self.fetch_by(&Outside::new(self, tls), url).await
    }

    pub(super) async fn fetch_by(
        &self,
        outside: &Outside<'_>,
        url: &ChartUrl,
    ) -> Result<Vec<u8>, String> {
        if url.scheme == "oci" {
            let (name, tag, digest) = url.reference();
            let mut repository = Repository::new(outside, &url.authority, name);
            return repository.chart(tag, digest, MAX_ARCHIVE_BYTES).await;
        }
        let uri = url.to_string().parse().map_err(|_| "it is no URL".to_owned())?;
        let got = outside.get(&uri, "*/*", None, MAX_ARCHIVE_BYTES).await?;
        if got.status == StatusCode::OK {
            Ok(got.body.to_vec())
        } else {
            Err(format!("{} answers {}", url.authority, got.status))
        }
    }

    fn wanted(&self) -> String {
        if self.registries.is_empty() {
            return "must be a URL such as oci://registry.example.com/charts/web:1.2.3 or https://charts.example.com/web-1.2.3.tgz".to_owned();
        }
        let registries: Vec<_> = self.registries.iter().map(ToString::to_string).collect();
        format!(
            "must be at or below what the operator allows (allowed_registries): {}",
            registries.join(", ")
        )
    }
}

impl Chart {
    /// What a release of it may be called, up to what makes it this one.
    pub(crate) fn base_name(&self) -> String {
        let base = match self {
            Self::Remote(url) => url.base().to_owned(),
            Self::Local(path) => {
                path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
            }
        };
        let base = base.strip_suffix(".tgz").unwrap_or(&base).to_ascii_lowercase();
        // `web-1.2.3` without its version, which begins with the first part that is a number.
        let parts = base.split(|c: char| !c.is_ascii_alphanumeric());
        let named = parts.take_while(|part| !part.starts_with(|c: char| c.is_ascii_digit()));
        let name = named.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
        let name: String = name.chars().take(30).collect();
        let name = name.trim_end_matches('-');
        if name.is_empty() { "chart".to_owned() } else { name.to_owned() }
    }
}

/// One entry of the folder, by its name. Links that lead out of the folder are not followed.
fn local(folder: &Path, name: &str) -> Option<PathBuf> {
    if !is_entry(name) {
        return None;
    }
    let folder = folder.canonicalize().ok()?;
    let path = folder.join(name).canonicalize().ok()?;
    (path.parent() == Some(&folder) && is_chart(&path)).then_some(path)
}

fn is_entry(name: &str) -> bool {
    (1..=253).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._+".contains(&b))
}

fn is_chart(path: &Path) -> bool {
    path.join("Chart.yaml").is_file()
        || path.is_file() && path.extension().is_some_and(|end| end == "tgz")
}

/// What there is to choose from; not more than fits into a sentence.
fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<_> = names.filter(|name| local(folder, name).is_some()).collect();
    names.sort();
    names.truncate(50);
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(registries: &[&str]) -> ChartSources {
        let registries = registries.iter().map(|url| ChartUrl::parse(url).unwrap()).collect();
        ChartSources { registries, folder: None }
    }

    #[test]
    fn a_url_has_one_spelling_and_nothing_else_is_one() {
        for (text, shown) in [
            ("oci://ghcr.io/org/web:1.2.3", "oci://ghcr.io/org/web:1.2.3"),
            ("OCI://GHCR.IO/Org/web", "oci://ghcr.io/Org/web"),
            (
                "https://charts.example.com:8443/web-1.2.3.tgz",
                "https://charts.example.com:8443/web-1.2.3.tgz",
            ),
            ("oci://ghcr.io/web@sha256:abc", "oci://ghcr.io/web@sha256:abc"),
            ("https://charts.example.com/", "https://charts.example.com"),
        ] {
            assert_eq!(ChartUrl::parse(text).unwrap().to_string(), shown);
        }
        for text in [
            "",
            "web",
            "/etc/passwd",
            "./web",
            "file:///etc",
            "http://charts.example.com/web.tgz",
            "git+https://example.com/x",
            "https:///x",
            "https://user:password@example.com/x",
            "https://-oProxyCommand/x",
            "https://example.com/../x",
            "https://example.com/a/./x",
            "https://example.com/a//x",
            "https://example.com/%2e%2e/x",
            "https://example.com/a?x=1",
            "https://example.com/a#x",
            "https://example.com/a b",
            "https://example.com/a\\b",
            "https://example.com/a\nb",
            "--kubeconfig=https://x/y",
            "oci://",
        ] {
            assert!(ChartUrl::parse(text).is_err(), "{text}");
        }
        assert!(
            ChartUrl::parse(&format!("https://example.com/{}", "a".repeat(MAX_BYTES))).is_err()
        );
    }

    #[test]
    fn only_what_is_at_or_below_an_allowed_registry_is_asked_for() {
        let allowed = sources(&["oci://ghcr.io/org", "https://10.0.0.1:8443"]);
        for text in [
            "oci://ghcr.io/org/web",
            "oci://GHCR.io/org/a/b:1",
            "oci://ghcr.io/org",
            "https://10.0.0.1:8443/x.tgz",
        ] {
            assert!(allowed.find(text).is_ok(), "{text}");
        }
        for text in [
            "oci://ghcr.io/organisation/web",
            "oci://ghcr.io/other",
            "https://ghcr.io/org/web",
            "oci://ghcr.io.evil.example/org/web",
            "oci://ghcr.io:5000/org/web",
            "https://10.0.0.1/x.tgz",
            "web",
            "/charts/web",
        ] {
            let advice = allowed.find(text).unwrap_err();
            assert!(advice.contains("oci://ghcr.io/org"), "{text}: {advice}");
        }
    }

    #[test]
    fn without_a_list_the_internet_may_be_asked_and_nothing_inside_of_the_network() {
        let any = sources(&[]);
        for text in ["oci://ghcr.io/org/web", "https://charts.example.com/web.tgz"] {
            assert!(any.find(text).is_ok(), "{text}");
        }
        for text in [
            "https://127.0.0.1/x",
            "https://[::1]/x",
            "https://[fd00::1]:8443/x",
            "https://169.254.169.254/latest",
            "https://10.1/x",
            "https://2130706433/x",
            "https://localhost/x",
            "https://vault/x",
            "https://vault.infra.svc/x",
            "https://vault.infra.svc.cluster.local/x",
            "https://metadata.google.internal/x",
            "https://metadata.google.internal./x",
        ] {
            let advice = any.find(text).unwrap_err();
            assert!(advice.contains("allowed_registries"), "{text}: {advice}");
        }
    }

    #[test]
    fn the_operators_folder_is_read_by_plain_names_and_never_left() {
        let outside = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        for chart in [folder.path().join("web"), outside.path().join("secret")] {
            std::fs::create_dir(&chart).unwrap();
            std::fs::write(chart.join("Chart.yaml"), "name: x").unwrap();
        }
        std::fs::write(folder.path().join("db-1.0.0.tgz"), "x").unwrap();
        std::fs::write(folder.path().join("notes.txt"), "x").unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), folder.path().join("link"))
            .unwrap();
        let sources =
            ChartSources { registries: Vec::new(), folder: Some(folder.path().to_owned()) };
        for name in ["web", "db-1.0.0.tgz"] {
            assert!(matches!(sources.find(name), Ok(Chart::Local(_))), "{name}");
        }
        let absolute = folder.path().join("web").display().to_string();
        for name in [
            "link",
            "notes.txt",
            "../web",
            "./web",
            "web/",
            ".",
            "..",
            "",
            "-web",
            &absolute,
            "web/Chart.yaml",
            "file:///etc",
        ] {
            assert!(sources.find(name).is_err(), "{name}");
        }
        let advice = sources.find("wep").unwrap_err();
        assert!(advice.contains("there are: db-1.0.0.tgz, web"), "{advice}");
    }

    #[test]
    fn what_is_in_a_registry_is_a_repository_and_a_tag_or_a_digest() {
        let of = |text: &str| {
            let url = ChartUrl::parse(text).unwrap();
            let (name, tag, digest) = url.reference();
            format!("{name} {} {}", tag.unwrap_or("-"), digest.unwrap_or("-"))
        };
        for (text, read) in [
            ("oci://ghcr.io/org/web", "org/web - -"),
            ("oci://ghcr.io/web:1.2.3", "web 1.2.3 -"),
            ("oci://ghcr.io/a/b/web@sha256:abc", "a/b/web - sha256:abc"),
            ("oci://ghcr.io/org/web:1.2.3@sha256:abc", "org/web 1.2.3 sha256:abc"),
            ("oci://ghcr.io", " - -"),
        ] {
            assert_eq!(of(text), read);
        }
    }

    #[test]
    fn a_release_without_a_name_is_called_after_its_chart() {
        let any = sources(&[]);
        for (text, name) in [
            ("oci://ghcr.io/org/web:1.2.3", "web"),
            ("oci://ghcr.io/org/web@sha256:abc", "web"),
            ("https://charts.example.com/kube-state-metrics-5.1.0.tgz", "kube-state-metrics"),
            ("https://charts.example.com/My_Chart-v2.tgz", "my-chart-v2"),
            ("https://charts.example.com/1.tgz", "chart"),
        ] {
            assert_eq!(any.find(text).unwrap().base_name(), name);
        }
    }
}
