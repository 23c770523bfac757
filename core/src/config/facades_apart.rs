//! What must differ between façades, resources and issuers of one configuration.

use std::sync::Arc;

use super::{Facade, Resource, Section, StsEndpoint};
use crate::login::Endpoint;
use crate::metadata::ResourceUrl;
use crate::token::IssuerRules;

/// `facades` and `resources` come with their paths in the configuration.
pub(super) fn check_facades_apart(
    top: &Section<'_>,
    facades: &[(String, Arc<Facade>)],
    resources: &[(String, Option<Resource>)],
    issuers: &[Arc<IssuerRules>],
    sts: Option<&StsEndpoint>,
) {
    for (at, (path, facade)) in facades.iter().enumerate() {
        let earlier = || facades.iter().take(at).map(|(_, other)| other);
        let issuer = |message: String| top.problem(&format!("{path}.issuer"), message);
        check_clusters(top, path, facade, earlier().map(|other| &**other), resources, sts);
        let own = facade.issuer.to_string();
        if issuers.iter().any(|rules| rules.provider.authorization_servers().contains(&own)) {
            issuer(
                "is an identity provider's own issuer: clients that found the façade's document there would reject \
                 it (RFC 8414 §3.3); write a URL of the gateway, such as https://mcp.example.com/oauth"
                    .to_owned(),
            );
        }
        if earlier().any(|other| other.issuer == facade.issuer) {
            issuer(
                "is already another issuer's façade, and a façade leads to one tenant".to_owned(),
            );
        } else if let Some(other) =
            earlier().find(|other| other.issuer.is_at_authority(facade.issuer.authority()))
        {
            issuer(format!(
                "is on the host of the façade of `{}`: some clients look for metadata at the root of the host, which can \
                 be those of one issuer only; write another host",
                other.issuer_name
            ));
        }
        for (_, resource) in resources {
            let Some(resource) = resource else { continue };
            if let Some(both) = shared_path(facade, resource) {
                issuer(format!(
                    "has {both}, which is a path of the resource `{}`, too: write another path or host",
                    resource.name
                ));
            }
        }
    }
}

fn check_clusters<'f>(
    top: &Section<'_>,
    path: &str,
    facade: &Facade,
    mut earlier: impl Iterator<Item = &'f Facade>,
    resources: &[(String, Option<Resource>)],
    sts: Option<&StsEndpoint>,
) {
    let mut others: Vec<&str> =
        earlier.by_ref().flat_map(|other| &other.clusters).map(String::as_str).collect();
    for cluster in &facade.clusters {
        let problem =
            |what: &str| top.problem(&format!("{path}.clusters"), format!("`{cluster}` {what}"));
        let is_resources = |(_, resource): &(String, Option<Resource>)| {
            resource.as_ref().is_some_and(|resource| resource.clusters.contains(cluster))
        };
        if sts.is_some_and(|sts| sts.cluster == *cluster) {
            problem(
                "is the STS's cluster, to which no request of anybody's may lead: the façade is another process",
            );
        } else if resources.iter().any(is_resources) {
            problem(
                "is a resource's cluster, which nobody reaches without a token: the façade is another process",
            );
        } else if others.contains(&cluster.as_str()) {
            problem("is already a façade's cluster, and a façade is a process for one issuer");
        }
        others.push(cluster);
    }
}

/// A path that is the façade's and, on the same host, the resource's: what is below a resource belongs to it.
///
/// Only one at the root has everything below it, and leaves the façade its own.
fn shared_path(facade: &Facade, resource: &Resource) -> Option<String> {
    if !resource.url.is_at_authority(facade.issuer.authority()) {
        return None;
    }
    let own = resource.url.path();
    let is_resources = |path: &String| {
        let below =
            path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        (!own.is_empty() && below)
            || *path == resource.url.metadata_path()
            || path == ResourceUrl::root_metadata_path()
    };
    Endpoint::ALL
        .into_iter()
        .flat_map(|endpoint| facade.issuer.paths_of(endpoint))
        .find(is_resources)
}
