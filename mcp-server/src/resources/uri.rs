//! `k8s://` URIs: which object, or which list, somebody means.
//!
//! `k8s://{cluster}/namespaces/{namespace}/{apiVersion}/{kind}/{name}` and `k8s://{cluster}/cluster/{apiVersion}/{kind}/{name}`,
//! both also without the name, for a list. The cluster is left empty (`k8s:///…`) for the one of whatever names none, which is the only one where there is one. The place comes first, so
//! that a policy's pattern such as `k8s:///namespaces/shop/*` opens a namespace and nothing else.
//!
//! There is one spelling of each: no escapes, no empty or dot segments, nothing after the name but `?output=json`. What the
//! gateway has compared with a pattern is what is read here, byte for byte.

use std::fmt;

use crate::names::{ApiVersion, Kind, Namespace, ObjectName, is_dns_label};

pub(crate) const SCHEME: &str = "k8s";
const ADVICE: &str = "must be like k8s:///namespaces/shop/apps/v1/Deployment/web or k8s:///cluster/v1/Node/node-1, in this one spelling, \
     without escapes; without the name it is a list";

/// One object or one list, and how it is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct K8sUri {
    /// As the URI has it; empty where there is one cluster.
    pub(crate) cluster: String,
    /// None for what lives in no namespace, and for a list over all of them.
    pub(crate) namespace: Option<Namespace>,
    pub(crate) api_version: ApiVersion,
    pub(crate) kind: Kind,
    /// None for a list.
    pub(crate) name: Option<ObjectName>,
    pub(crate) output: Written,
}

/// How an object is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    Yaml,
    Json,
}

impl K8sUri {
    /// # Errors
    /// What it should be like.
    pub(crate) fn parse(uri: &str) -> Result<Self, &'static str> {
        let rest = uri.strip_prefix("k8s://").ok_or(ADVICE)?;
        let (path, output) = match rest.split_once('?') {
            None => (rest, Written::Yaml),
            Some((path, "output=yaml")) => (path, Written::Yaml),
            Some((path, "output=json")) => (path, Written::Json),
            Some(_) => return Err(ADVICE),
        };
        let (cluster, path) = path.split_once('/').ok_or(ADVICE)?;
        if !cluster.is_empty() && !cluster.split('.').all(is_dns_label) {
            return Err(ADVICE);
        }
        let segments: Vec<&str> = path.split('/').collect();
        let (namespace, what) = match segments.as_slice() {
            ["namespaces", namespace, what @ ..] => {
                (Some(Namespace::try_from((*namespace).to_owned())?), what)
            }
            ["cluster", what @ ..] => (None, what),
            _ => return Err(ADVICE),
        };
        let (api_version, what) = match what {
            [version, what @ ..] if is_version(version) => ((*version).to_owned(), what),
            [group, version, what @ ..] => (format!("{group}/{version}"), what),
            _ => return Err(ADVICE),
        };
        let (kind, name) = match what {
            [kind] => (kind, None),
            [kind, name] => (kind, Some(ObjectName::try_from((*name).to_owned())?)),
            _ => return Err(ADVICE),
        };
        Ok(Self {
            cluster: cluster.to_owned(),
            namespace,
            api_version: ApiVersion::try_from(api_version)?,
            kind: Kind::try_from((*kind).to_owned())?,
            name,
            output,
        })
    }
}

impl fmt::Display for K8sUri {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cluster, namespace, api_version, kind, name, output } = self;
        write!(out, "{SCHEME}://{cluster}/")?;
        match namespace {
            Some(namespace) => write!(out, "namespaces/{namespace}")?,
            None => out.write_str("cluster")?,
        }
        write!(out, "/{api_version}/{kind}")?;
        if let Some(name) = name {
            write!(out, "/{name}")?;
        }
        if *output == Written::Json {
            out.write_str("?output=json")?;
        }
        Ok(())
    }
}

/// `v1`, `v2beta1`: groups are not called so.
fn is_version(text: &str) -> bool {
    text.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        && !text.contains('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_and_a_list_have_one_uri_each() {
        for uri in [
            "k8s:///namespaces/shop/v1/Pod/web",
            "k8s:///namespaces/shop/apps/v1/Deployment/web",
            "k8s:///namespaces/shop/apps/v1/Deployment",
            "k8s:///cluster/v1/Node/node-1",
            "k8s:///cluster/v1/Node",
            "k8s:///cluster/rbac.authorization.k8s.io/v1/ClusterRole/system:node",
            "k8s://prod.eu/cluster/v1/Node",
            "k8s:///namespaces/shop/v1/ConfigMap/a?output=json",
        ] {
            assert_eq!(K8sUri::parse(uri).unwrap().to_string(), uri);
        }
        let read = K8sUri::parse("k8s://prod/namespaces/shop/apps/v1/Deployment/web").unwrap();
        assert_eq!((read.cluster.as_str(), read.api_version.as_str()), ("prod", "apps/v1"));
        assert_eq!((read.kind.as_str(), read.name.unwrap().as_str()), ("Deployment", "web"));
    }

    #[test]
    fn no_uri_leads_elsewhere_than_it_begins_and_no_other_spelling_is_one() {
        for uri in [
            "",
            "k8s:",
            "k8s:///",
            "k8s:///namespaces",
            "k8s:///namespaces/shop",
            "k8s:///namespaces/shop/v1",
            "k8s:///namespaces/shop/v1/Pod/",
            "k8s:///namespaces/shop/v1/Pod/web/",
            "k8s:///namespaces/shop/v1/Pod/web/log",
            "k8s:///namespaces//v1/Pod/web",
            "k8s:///namespaces/shop/../vault/v1/Secret/x",
            "k8s:///namespaces/../v1/Secret/x",
            "k8s:///namespaces/shop/v1/Pod/..",
            "k8s:///namespaces/shop/v1/Pod/.",
            "k8s:///namespaces/shop/v1/Pod/%2e%2e",
            "k8s:///namespaces/shop/v1/Pod/..%2fx",
            "k8s:///namespaces/sh%6fp/v1/Pod/web",
            "k8s:///namespaces/shop/v1/Pod/web#x",
            "k8s:///namespaces/shop/v1/Pod/web?x=1",
            "k8s:///namespaces/shop/v1/Pod/web?output=json&output=yaml",
            "k8s:///namespaces/shop/v1/Pod\\web",
            "k8s:///namespaces/shop,vault/v1/Pod/web",
            "k8s:///namespaces/shop/v1/Pod/we b",
            "k8s:///namespaces/shop/v1/Pod/we\nb",
            "k8s:///Namespaces/shop/v1/Pod/web",
            "K8S:///namespaces/shop/v1/Pod/web",
            "k8s://Prod/cluster/v1/Node",
            "k8s://a@prod/cluster/v1/Node",
            "k8s://prod:1/cluster/v1/Node",
            "https:///cluster/v1/Node",
            " k8s:///cluster/v1/Node",
        ] {
            assert!(K8sUri::parse(uri).is_err(), "{uri}");
        }
        let long = format!("k8s:///namespaces/shop/v1/Pod/{}", "a".repeat(254));
        assert!(K8sUri::parse(&long).is_err());
    }
}
