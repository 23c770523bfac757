//! Reads Envoy's configuration and Istio's manifests offline, and names what would fail open or not work.
//!
//! Trusted is only what stands there: what a control plane adds at run time is in Envoy's `/config_dump`, which
//! this reads too. What is right is not said here a second time: the guards are compared with what
//! [`crate::guard`] writes, and the filter's configuration is read by `obolus-core`. So this and the generator
//! cannot disagree.

mod admin;
mod around;
mod audit;
mod beside;
mod buffers;
mod chain;
mod clusters;
mod document;
mod endpoints;
mod finding;
mod folder;
mod guards;
mod istio;
mod login;
mod login_hosts;
mod node;
mod plugin;
mod plugin_settings;
mod proxy;
mod routes;
mod rule;
mod secrets;
mod spelling;
mod sts;

use std::io;
use std::path::Path;

use document::{Document, Kind, Reading};
use finding::Findings;
use istio::Mesh;
use node::Node;

pub use finding::Finding;
pub use rule::{Rule, Severity};

/// What was looked at, and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Everything that was found, in the order of the files.
    pub findings: Vec<Finding>,
    /// One line for a person.
    pub looked_at: String,
}

impl Report {
    /// Whether something would be open or would not work.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.rule.severity() == Severity::Error)
    }
}

/// Checks a file, or everything below a folder as one installation.
///
/// # Errors
/// The path cannot be read, or nothing there is for Envoy or Kubernetes.
pub fn check(path: &Path) -> io::Result<Report> {
    report(path, &document::read(path)?)
}

/// Checks a text as if it were the file `name`: what another program writes, such as `kubectl kustomize`.
///
/// # Errors
/// Nothing there is for Envoy or Kubernetes.
pub fn check_text(name: &str, text: &str) -> io::Result<Report> {
    report(Path::new(name), &document::read_text(name, text))
}

fn report(path: &Path, reading: &Reading) -> io::Result<Report> {
    if reading.documents.is_empty() && reading.unreadable.is_empty() {
        let what = "holds no Envoy configuration and no Kubernetes manifest; give a bootstrap, a /config_dump, \
                    or the folder that holds all of an installation, such as deploy/istio";
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    let mut findings = Findings::default();
    reading.unreadable.iter().for_each(|finding| findings.push(finding.clone()));

    let documents = &reading.documents;
    folder::check(documents, &mut findings);
    beside::check(documents, &mut findings);
    let proxies = proxy::proxies(documents);
    let mesh = Mesh::of(documents);
    let own: Vec<_> =
        documents.iter().filter(|one| one.kind == Kind::FilterConfiguration).collect();
    for document in &own {
        plugin_settings::of_core(&Node::top(document), &document.value, &mut findings);
    }

    let mut protected: Vec<String> =
        proxies.iter().flat_map(proxy::Proxy::protected).chain(mesh.protected()).collect();
    protected.sort();
    protected.dedup();
    let has_ours = mesh.has_ours() || proxies.iter().any(proxy::Proxy::has_ours);
    if !has_ours && own.is_empty() && !documents.is_empty() {
        let nowhere = Document::nowhere(path);
        findings.add(
            Rule::NoFilter,
            &Node::top(&nowhere),
            "our filter is configured nowhere here: nothing is protected, or it is not known what",
            "check the folder that holds all of it, or Envoy's /config_dump",
        );
    }
    for proxy in &proxies {
        proxy.check(&protected, &mut findings);
    }
    mesh.check(&mut findings);

    let listeners: usize = proxies.iter().map(proxy::Proxy::listener_count).sum();
    let clusters: usize = proxies.iter().map(|proxy| proxy.clusters.len()).sum();
    let looked_at = format!(
        "looked at {}: {} Envoy configuration(s) with {listeners} listener(s) and {clusters} cluster(s), {} \
         manifest(s), {} filter configuration(s); {} other file(s); protected: {}",
        path.display(),
        proxies.len(),
        mesh.len(),
        own.len(),
        reading.others,
        if protected.is_empty() { "nothing".to_owned() } else { protected.join(", ") },
    );
    Ok(Report { findings: findings.into_vec(), looked_at })
}
