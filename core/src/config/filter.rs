//! The filter's configuration (JSON, camelCase: it travels in Envoy and Kubernetes YAML).

use std::sync::Arc;

use serde_json::Value;

use super::apart::check_apart;
use super::facades_apart::check_facades_apart;
use super::issuers::issuers;
use super::names::names_in;
use super::page::{PageSettings, check_page, page};
use super::resource::resource;
use super::{DEFAULT_STS_TIMEOUT_MS, Facade, Problems, Resource, Section, issuer_url};
use crate::json;
use crate::metadata::ResourceUrl;
use crate::token::IssuerRules;

/// All that one instance of the filter knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterConfig {
    /// Where tokens are exchanged and keys are mirrored.
    pub sts: StsEndpoint,
    /// Whose tokens are accepted.
    pub issuers: Vec<Arc<IssuerRules>>,
    /// Where people log in, for issuers that have a façade.
    pub facades: Vec<Arc<Facade>>,
    /// What is protected.
    pub resources: Vec<Arc<Resource>>,
    /// The page for people at the root of each resource's host. Without it, nothing of ours is there.
    pub page: Option<PageSettings>,
    /// How often keys are fetched again, in seconds: the longest that a removed key is still believed, on top of
    /// the STS's own refresh.
    pub keys_refresh_seconds: u64,
    /// How long keys are believed that could not be fetched again, in seconds: an issuer that is down cannot say
    /// that a key was stolen.
    pub keys_max_stale_seconds: u64,
    /// How many requests may wait for exchanges at a time, per worker, and as many again for keys: whoever waits for
    /// a key has proved nothing, and takes no place from those who have.
    pub max_waiting: usize,
    /// How many verified tokens are remembered, per worker.
    pub max_cached_tokens: usize,
}

/// The one cluster that the filter calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StsEndpoint {
    /// The Envoy cluster of the STS.
    pub cluster: String,
    /// `:authority` of calls to it.
    pub authority: String,
    /// The name by which the STS knows this filter.
    pub caller_id: String,
    /// The environment variable that holds this caller's secret.
    pub credential_env: String,
    /// How long one call may take, in milliseconds.
    pub timeout_ms: u64,
}

impl FilterConfig {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// Every problem, each with its key's path and what to write.
    pub fn parse(text: &[u8]) -> Result<Self, Problems> {
        let value = json::parse(text).map_err(|error| Problems::one("", error.to_string()))?;
        Self::from_json(&value)
    }

    /// Checks a configuration that has been read.
    ///
    /// # Errors
    /// As [`FilterConfig::parse`].
    pub fn from_json(value: &Value) -> Result<Self, Problems> {
        let top = Section::top(value)?;
        let sts = top.section("sts", "the STS's cluster and credential").and_then(sts);
        let issuers = issuers(&top);
        let issuer_names = names_in(value, "issuers");
        let resources: Vec<_> = top
            .sections("resources")
            .into_iter()
            .map(|section| (section.path_of(""), resource(section, &issuers, &issuer_names)))
            .collect();
        if resources.is_empty() && top.is_empty_array_or_missing("resources") {
            top.problem("resources", "must name at least one protected resource");
        }
        check_apart(&top, &resources, sts.as_ref());
        check_facades_apart(&top, &issuers.facades, &resources, &issuers.all, sts.as_ref());
        issuer_url::check_no_resources(&top, &issuers.with_paths(), &resources);
        let page = page(&top);
        check_page(&top, page.as_ref(), &resources);
        let keys_refresh_seconds = top.integer("keysRefreshSeconds", 60, 1..=3600);
        let keys_max_stale_seconds = top.integer("keysMaxStaleSeconds", 3600, 60..=86_400);
        let max_waiting = to_usize(top.integer("maxWaiting", 1024, 1..=100_000));
        let max_cached_tokens = to_usize(top.integer("maxCachedTokens", 4096, 1..=1_000_000));
        let built = sts
            .zip(resources.into_iter().map(|(_, resource)| resource).collect::<Option<Vec<_>>>())
            .map(|(sts, resources)| Self {
                sts,
                issuers: issuers.all,
                facades: issuers.facades.into_iter().map(|(_, facade)| facade).collect(),
                page,
                resources: resources.into_iter().map(Arc::new).collect(),
                keys_refresh_seconds,
                keys_max_stale_seconds,
                max_waiting,
                max_cached_tokens,
            });
        top.conclude(built)
    }

    /// The resource that this cluster serves.
    #[must_use]
    pub fn resource_of_cluster(&self, cluster: &str) -> Option<&Arc<Resource>> {
        self.resources.iter().find(|resource| resource.clusters.iter().any(|own| own == cluster))
    }

    /// The resource whose metadata stand at this authority and path (without query), if any does.
    ///
    /// The bare well-known path answers for the host's only resource; with several, clients must use the full
    /// one (RFC 9728 §3).
    #[must_use]
    pub fn resource_of_metadata(&self, authority: &str, path: &str) -> Option<&Arc<Resource>> {
        let mut here = self.resources.iter().filter(|r| r.url.is_at_authority(authority));
        if path == ResourceUrl::root_metadata_path() {
            let first = here.next()?;
            return here.next().is_none().then_some(first);
        }
        here.find(|resource| resource.url.metadata_path() == path)
    }
}

fn sts(section: Section<'_>) -> Option<StsEndpoint> {
    let cluster = section.string("cluster", "the name of the STS's Envoy cluster");
    let authority = section.string("authority", "the host name of the STS");
    let caller_id =
        section.string("callerId", "the name of this caller in the STS's configuration");
    let credential_env = section.string(
        "credentialEnv",
        "the name of an environment variable listed in the VM's host_env_keys",
    );
    let timeout_ms = section.integer("timeoutMs", DEFAULT_STS_TIMEOUT_MS, 100..=60_000);
    section.finish();
    Some(StsEndpoint {
        cluster: cluster?,
        authority: authority?,
        caller_id: caller_id?,
        credential_env: credential_env?,
        timeout_ms,
    })
}

pub(super) fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
