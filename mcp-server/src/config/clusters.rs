//! `[cluster]`, or several in `[clusters.NAME]`: where API servers are, and whom their tokens are for.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::http::Uri;
use obolus_core::config::brought::Notice;
use obolus_core::config::{Section, not_configured};

use super::denied::{self, Denied};
use super::impersonation::{self, ImpersonationConfig};
use super::values::{self, Strategy};
use super::{IN_CLUSTER, IN_CLUSTER_CA, REQUEST_TIMEOUT, shown_secrets};
use crate::cluster::ShownSecrets;

/// How an API server is reached, and how it proves who it is. How the *caller* proves who they are
/// is not configuration, unless it says that they are impersonated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterConfig {
    /// What callers call it, where there are several.
    pub name: Option<ContextName>,
    /// The API server's URL: https, and perhaps a path under which it lives.
    pub server: Uri,
    /// The CAs that may have signed its certificate; without it, the system's.
    pub certificate_authority: Option<PathBuf>,
    /// How long one request to it may take, connecting and reading included.
    pub request_timeout: Duration,
    /// The audiences by one of which a token says that it is for this cluster. Empty only if it is the only one.
    pub audiences: Vec<String>,
    /// How people are impersonated, where the API server cannot be told of their identity provider.
    pub impersonation: Option<ImpersonationConfig>,
    /// What nobody reaches through this server.
    pub denied: Denied,
    /// The Secrets whose values may be shown.
    pub shown_secrets: ShownSecrets,
}

/// The clusters of one server, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClustersConfig {
    default: ClusterConfig,
    others: Vec<ClusterConfig>,
}

impl ClustersConfig {
    /// One cluster, and others beside it that calls have to name.
    ///
    /// # Errors
    /// The name that two of them have, or that one of several has not.
    pub fn new(default: ClusterConfig, others: Vec<ClusterConfig>) -> Result<Self, String> {
        let clusters = Self { default, others };
        if !clusters.others.is_empty() {
            let mut seen = std::collections::BTreeSet::new();
            for cluster in clusters.all() {
                let Some(name) = &cluster.name else {
                    return Err("a cluster beside others needs a name".to_owned());
                };
                if !seen.insert(name) {
                    return Err(format!("the name {name} is taken twice"));
                }
            }
        }
        Ok(clusters)
    }

    /// The cluster of calls that name none.
    #[must_use]
    pub fn default_cluster(&self) -> &ClusterConfig {
        &self.default
    }

    /// What an operator should know of the clusters at which people are impersonated.
    pub(super) fn impersonation_notices(&self) -> impl Iterator<Item = Notice> {
        self.all().filter_map(|cluster| {
            let name = cluster.name.as_ref().map(ContextName::as_str);
            Some(cluster.impersonation.as_ref()?.notice(name))
        })
    }

    /// All of them, the default first.
    pub fn all(&self) -> impl Iterator<Item = &ClusterConfig> {
        std::iter::once(&self.default).chain(&self.others)
    }
}

impl From<ClusterConfig> for ClustersConfig {
    fn from(only: ClusterConfig) -> Self {
        Self { default: only, others: Vec::new() }
    }
}

/// What callers call a cluster. It stands in arguments, headers, logs and metric labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContextName(String);

impl ContextName {
    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ContextName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = (1..=253).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte));
        if fits {
            Ok(Self(text))
        } else {
            Err(
                "must be a name of at most 253 printable ASCII characters, without spaces, quotes and backslashes",
            )
        }
    }
}

impl fmt::Display for ContextName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

const TABLE: &str = "cluster";
const TABLES: &str = "clusters";
const DEFAULT: &str = "default_cluster";
pub(super) const AUDIENCE: &str = "audience";

/// What goes for all clusters.
#[derive(Clone)]
struct ForAll {
    denied: Denied,
    shown_secrets: ShownSecrets,
}

pub(super) fn read(top: &Section<'_>, folder: &Path) -> Option<ClustersConfig> {
    let for_all = ForAll { denied: denied::read(top), shown_secrets: shown_secrets::read(top) };
    let strategy = values::strategy(top);
    if top.has(TABLES) {
        if strategy == Strategy::InCluster {
            let text = "is in-cluster, and [clusters] stands here, too: write one of the two; a table's server may be https://kubernetes.default.svc";
            top.problem(values::STRATEGY, text);
        }
        if top.has(TABLE) {
            top.problem(
                TABLE,
                "stands beside [clusters]: write it as one of them, [clusters.NAME]",
            );
        }
        return several(top, folder, &for_all);
    }
    if top.has(DEFAULT) {
        top.problem(DEFAULT, "chooses among [clusters.NAME], and there are none: leave it out");
    }
    let one = match strategy {
        Strategy::InCluster => in_cluster(top, for_all),
        _ => {
            let section = top.section(TABLE, "[cluster] with server = \"https://…\"")?;
            of_table(section, folder, None, &for_all)
        }
    };
    one.map(ClustersConfig::from)
}

fn several(top: &Section<'_>, folder: &Path, for_all: &ForAll) -> Option<ClustersConfig> {
    let tables = top.section(TABLES, "[clusters.NAME] with server = \"https://…\"")?;
    let names = tables.keys();
    if names.is_empty() {
        top.problem(TABLES, "has no cluster: write [clusters.NAME] with server = \"https://…\"");
    }
    // All of them are read, so that all problems are told.
    let read = |name: &&str| {
        let section = tables.section(name, "a table with server = \"https://…\"")?;
        let context = ContextName::try_from((*name).to_owned());
        if let Err(advice) = context {
            tables.problem(name, advice);
        }
        of_table(section, folder, context.ok(), for_all)
    };
    let clusters: Vec<_> = names.iter().map(read).collect();
    let default = default_name(top, &names);
    tables_have_audiences(&tables, &clusters);
    tables.finish();
    let mut clusters = clusters.into_iter().collect::<Option<Vec<_>>>()?;
    let default = default?;
    let is_default = |cluster: &ClusterConfig| {
        cluster.name.as_ref().is_some_and(|name| name.as_str() == default)
    };
    let default = clusters.remove(clusters.iter().position(is_default)?);
    ClustersConfig::new(default, clusters).ok()
}

/// The default's name: the only cluster's, or the chosen one's.
fn default_name<'n>(top: &Section<'_>, names: &[&'n str]) -> Option<&'n str> {
    if let [only] = names
        && !top.has(DEFAULT)
    {
        return Some(only);
    }
    let what = "the name of the cluster that calls without a context are for";
    let chosen = top.string(DEFAULT, what)?;
    let found = names.iter().find(|name| **name == chosen).copied();
    if found.is_none() {
        top.problem(DEFAULT, not_configured(&chosen, names));
    }
    found
}

/// Which cluster a token is for, only its audience says: without one, or with the same for two, somebody's token for
/// one cluster would be taken to another.
fn tables_have_audiences(tables: &Section<'_>, clusters: &[Option<ClusterConfig>]) {
    let clusters: Vec<_> = clusters.iter().flatten().collect();
    if clusters.len() < 2 {
        return;
    }
    for (index, cluster) in clusters.iter().enumerate() {
        let Some(name) = &cluster.name else { continue };
        let key = match cluster.impersonation {
            Some(_) => format!("{name}.impersonation.audiences"),
            None => format!("{name}.{AUDIENCE}"),
        };
        if cluster.audiences.is_empty() {
            tables.problem(&key, "is missing: write the audience that the gateway's exchanged tokens for this cluster have; beside other clusters nothing else keeps a token for one from being taken to another");
        }
        let earlier = clusters.iter().take(index);
        let shares = |other: &&&ClusterConfig| {
            other.audiences.iter().any(|audience| cluster.audiences.contains(audience))
        };
        if let Some(other) = earlier.filter(shares).find_map(|other| other.name.as_ref()) {
            tables.problem(&key, format!("is that of {other}, too: a token for one would be taken to the other; let the gateway exchange for an audience of its own for each cluster, which its API server accepts and the other does not"));
        }
    }
}

/// What every pod knows of its own cluster: the URL and the authority, and never the pod's token.
fn in_cluster(top: &Section<'_>, for_all: ForAll) -> Option<ClusterConfig> {
    if top.has(TABLE) {
        let text = "is in-cluster, and [cluster] stands here, too: write one of the two";
        top.problem(values::STRATEGY, text);
        return None;
    }
    let certificate_authority = PathBuf::from(IN_CLUSTER_CA);
    if let Err(error) = crate::tls::client_config(Some(&certificate_authority)) {
        top.problem(
            values::STRATEGY,
            format!("is in-cluster, which needs {IN_CLUSTER_CA}: {error}"),
        );
    }
    Some(ClusterConfig {
        name: None,
        server: Uri::from_static(IN_CLUSTER),
        certificate_authority: Some(certificate_authority),
        request_timeout: REQUEST_TIMEOUT,
        audiences: Vec::new(),
        impersonation: None,
        denied: for_all.denied,
        shown_secrets: for_all.shown_secrets,
    })
}

fn of_table(
    section: Section<'_>,
    folder: &Path,
    name: Option<ContextName>,
    for_all: &ForAll,
) -> Option<ClusterConfig> {
    let server = values::server(&section, "server");
    let certificate_authority = values::file(&section, "certificate_authority", folder);
    // A key of the wrong type has had its problem: the system's CAs are not what it means.
    let is_readable = certificate_authority.is_some() || !section.has("certificate_authority");
    if is_readable && let Err(error) = crate::tls::client_config(certificate_authority.as_deref()) {
        section.problem("certificate_authority", error.to_string());
    }
    let default = REQUEST_TIMEOUT.as_secs();
    let seconds = section.integer("request_timeout_seconds", default, 1..=600);
    let audiences =
        section.one_or_more_strings(AUDIENCE, "the audience of tokens for this cluster");
    let (impersonation, audiences) = match impersonation::read(&section, folder) {
        Some((impersonation, audiences)) => (Some(impersonation), audiences),
        None => (None, audiences),
    };
    section.finish();
    // INVARIANT: a table that cannot be used is never taken for none.
    let impersonation = match impersonation {
        Some(None) => return None,
        Some(impersonation) => impersonation,
        None => None,
    };
    let ForAll { denied, shown_secrets } = for_all.clone();
    Some(ClusterConfig {
        name,
        server: server?,
        certificate_authority,
        request_timeout: Duration::from_secs(seconds),
        audiences,
        impersonation,
        denied,
        shown_secrets,
    })
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use obolus_core::config::Problems;

    fn parse(text: &str) -> Result<Config, Problems> {
        Config::parse(text, std::path::Path::new("/etc/obolus"))
    }

    const TWO: &str = "default_cluster = \"prod\"\n\
        [clusters.prod]\nserver = \"https://prod:6443\"\naudience = \"k8s-prod\"\n\
        [clusters.\"arn:aws:eks:eu-1:1:cluster/lab\"]\nserver = \"https://lab:6443\"\naudience = [\"k8s-lab\", \"k8s-lab-2\"]\n\
        request_timeout_seconds = 5\n";

    #[test]
    fn clusters_are_named_and_one_is_the_default() {
        let config = parse(TWO).unwrap();
        let names: Vec<_> = config
            .clusters
            .all()
            .map(|cluster| cluster.name.clone().unwrap().to_string())
            .collect();
        assert_eq!(names, ["prod", "arn:aws:eks:eu-1:1:cluster/lab"]);
        assert_eq!(config.clusters.default_cluster().audiences, ["k8s-prod"]);
        let only = parse("[clusters.prod]\nserver = \"https://prod\"\n").unwrap();
        assert_eq!(only.clusters.default_cluster().name.as_ref().unwrap().as_str(), "prod");
        let unnamed = parse("[cluster]\nserver = \"https://prod\"\naudience = \"a\"\n").unwrap();
        assert!(unnamed.clusters.default_cluster().name.is_none());
        assert_eq!(unnamed.clusters.default_cluster().audiences, ["a"]);
    }

    #[test]
    fn what_could_take_a_token_to_another_cluster_is_a_problem_of_its_own() {
        for (change, to, path, said) in [
            (
                "audience = \"k8s-prod\"\n",
                "",
                "clusters.prod.audience",
                "is missing: write the audience",
            ),
            (
                "k8s-lab-2",
                "k8s-prod",
                "clusters.prod.audience",
                "is that of arn:aws:eks:eu-1:1:cluster/lab, too",
            ),
            (
                "\"k8s-lab\", \"k8s-lab-2\"",
                "",
                "clusters.arn:aws:eks:eu-1:1:cluster/lab.audience",
                "must not be empty",
            ),
            (
                "audience = \"k8s-prod\"",
                "audience = 7",
                "clusters.prod.audience",
                "must be a string",
            ),
            ("default_cluster = \"prod\"\n", "", "default_cluster", "is missing: write the name"),
            (
                "default_cluster = \"prod\"",
                "default_cluster = \"prot\"",
                "default_cluster",
                "is not configured",
            ),
            (
                "default_cluster = \"prod\"\n",
                "default_cluster = \"prod\"\ncluster_provider_strategy = \"in-cluster\"\n",
                "cluster_provider_strategy",
                "[clusters] stands here, too",
            ),
            (
                "[clusters.prod]",
                "[cluster]\nserver = \"https://x\"\n[clusters.prod]",
                "cluster",
                "stands beside [clusters]",
            ),
            ("[clusters.prod]", "[clusters.\"pr od\"]", "clusters.pr od", "without spaces"),
            (
                "server = \"https://prod:6443\"",
                "token = \"eyJ\"\nserver = \"https://prod:6443\"",
                "clusters.prod.token",
                "is not a setting here",
            ),
            (
                "https://prod:6443",
                "http://prod:6443",
                "clusters.prod.server",
                "must be an https URL",
            ),
        ] {
            let text = TWO.replace(change, to);
            assert_ne!(text, TWO, "{change}");
            let problems = parse(&text).unwrap_err();
            let is_told = |problem: &obolus_core::config::Problem| {
                problem.path == path && problem.message.contains(said)
            };
            assert!(problems.list().iter().any(is_told), "{change}: {problems}");
        }
        for (text, path) in [
            ("[clusters]\n", "clusters"),
            ("default_cluster = \"x\"\n[cluster]\nserver = \"https://k\"\n", "default_cluster"),
        ] {
            let problems = parse(text).unwrap_err();
            assert!(
                problems.list().iter().any(|problem| problem.path == path),
                "{text}: {problems}"
            );
        }
    }
}
