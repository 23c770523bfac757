//! The filter's configuration (JSON, camelCase: it travels in Envoy and Kubernetes YAML).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::issuers::issuers;
use super::names::check_name;
use super::{Problems, Section};
use crate::exchange::Target;
use crate::json;
use crate::metadata::ResourceUrl;
use crate::token::IssuerRules;

/// How long a body may be where the configuration does not say: Envoy's own default.
pub const DEFAULT_MAX_BODY_BYTES: u64 = 1 << 20;

/// All that one instance of the filter knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterConfig {
    /// Where tokens are exchanged and keys are mirrored.
    pub sts: StsEndpoint,
    /// Whose tokens are accepted.
    pub issuers: Vec<Arc<IssuerRules>>,
    /// What is protected.
    pub resources: Vec<Arc<Resource>>,
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

/// One protected resource: an MCP endpoint with a public URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its name in metrics, audit records and metadata.
    pub name: String,
    /// Its identifier.
    pub url: ResourceUrl,
    /// The Envoy clusters that serve it, none of which is reached without a permit.
    pub clusters: Vec<String>,
    /// Whose tokens it accepts.
    pub issuers: Vec<Arc<IssuerRules>>,
    /// The audiences, any one of which a token must have.
    pub audiences: Vec<String>,
    /// The scopes, all of which a token must carry.
    pub required_scopes: Vec<String>,
    /// What tokens are exchanged for.
    pub target: Target,
    /// The `Origin`s that may call from a browser.
    pub allowed_origins: Vec<String>,
    /// The longest body, in bytes. Envoy's own buffer must be larger.
    pub max_body_bytes: usize,
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
        let resources: Vec<_> = top
            .sections("resources")
            .into_iter()
            .map(|section| (section.path_of(""), resource(section, &issuers)))
            .collect();
        if resources.is_empty() && top.is_empty_array_or_missing("resources") {
            top.problem("resources", "must name at least one protected resource");
        }
        check_apart(&top, &resources, sts.as_ref());
        let keys_refresh_seconds = top.integer("keysRefreshSeconds", 60, 1..=3600);
        let keys_max_stale_seconds = top.integer("keysMaxStaleSeconds", 3600, 60..=86_400);
        let max_waiting = to_usize(top.integer("maxWaiting", 1024, 1..=100_000));
        let max_cached_tokens = to_usize(top.integer("maxCachedTokens", 4096, 1..=1_000_000));
        let built = sts
            .zip(resources.into_iter().map(|(_, resource)| resource).collect::<Option<Vec<_>>>())
            .map(|(sts, resources)| Self {
                sts,
                issuers,
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
    let timeout_ms = section.integer("timeoutMs", 5000, 100..=60_000);
    section.finish();
    Some(StsEndpoint {
        cluster: cluster?,
        authority: authority?,
        caller_id: caller_id?,
        credential_env: credential_env?,
        timeout_ms,
    })
}

fn resource(section: Section<'_>, issuers: &[Arc<IssuerRules>]) -> Option<Resource> {
    let name = section.string("name", "a short name, such as kubernetes");
    check_name(&section, name.as_deref());
    let url = section
        .string("resource", "the public URL, such as https://mcp.example.com/mcp")
        .and_then(|text| match ResourceUrl::parse(&text) {
            Ok(url) => Some(url),
            Err(error) => {
                section.problem("resource", error.to_string());
                None
            }
        });
    let clusters = section.some_strings("clusters", "the Envoy clusters that serve it");
    let names = section.some_strings("issuers", "the names of issuers");
    let resource_issuers = names
        .iter()
        .enumerate()
        .filter_map(|(index, name)| {
            if names.iter().take(index).any(|earlier| earlier == name) {
                section.problem("issuers", format!("`{name}` stands here twice"));
            }
            let rules = issuers.iter().find(|rules| rules.name == *name).cloned();
            if rules.is_none() {
                let known = issuers.iter().map(|r| r.name.as_str()).collect::<Vec<_>>().join(", ");
                section
                    .problem("issuers", format!("`{name}` is not configured; there are: {known}"));
            }
            rules
        })
        .collect();
    let audiences = audiences(&section, url.as_ref());
    let required_scopes = required_scopes(&section);
    let target = section.section("target", "{\"name\": …, \"audience\": …}").and_then(target);
    let allowed_origins = allowed_origins(&section);
    let max_body_bytes =
        to_usize(section.integer("maxBodyBytes", DEFAULT_MAX_BODY_BYTES, 1024..=(16 << 20)));
    section.finish();
    Some(Resource {
        name: name?,
        url: url?,
        clusters,
        issuers: resource_issuers,
        audiences,
        required_scopes,
        target: target?,
        allowed_origins,
        max_body_bytes,
    })
}

/// The resource's own URL unless others are named.
fn audiences(section: &Section<'_>, url: Option<&ResourceUrl>) -> Vec<String> {
    if !section.has("audiences") {
        return url.map(ToString::to_string).into_iter().collect();
    }
    let audiences = section.some_strings("audiences", "the resource's URL or a client id");
    if audiences.iter().any(|audience| audience == "account") {
        section.problem(
            "audiences",
            "`account` stands in every token of a Keycloak realm: write the resource's URL, and give the \
             client scope an audience mapper",
        );
    }
    audiences
}

fn required_scopes(section: &Section<'_>) -> Vec<String> {
    if !section.has("requiredScopes") {
        section.problem(
            "requiredScopes",
            "is missing: write the scopes that every call needs, or [] if the audience alone is enough",
        );
    }
    let scopes = section.strings("requiredScopes");
    for scope in &scopes {
        // RFC 6749 §3.3: what stands in the challenge needs no escapes.
        let is_token = scope.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
        if !is_token {
            section.problem("requiredScopes", format!("`{scope}` is not a scope (RFC 6749 §3.3)"));
        }
        if scope == "offline_access" {
            section.problem(
                "requiredScopes",
                "`offline_access` is the client's own affair: leave it out",
            );
        }
    }
    scopes
}

fn allowed_origins(section: &Section<'_>) -> Vec<String> {
    let origins = section.strings("allowedOrigins");
    for origin in &origins {
        let canonical =
            ResourceUrl::parse(origin).is_ok_and(|url| url.to_string().splitn(4, '/').count() == 3);
        if !canonical {
            section.problem(
                "allowedOrigins",
                format!("`{origin}` is not an origin: write scheme, host and port, such as https://app.example.com"),
            );
        }
    }
    origins
}

fn target(section: Section<'_>) -> Option<Target> {
    let name = section.string("name", "the target's name in the STS's configuration");
    let audience = section.string("audience", "the audience that the exchanged token must have");
    section.finish();
    Some(Target { name: name?, audience: audience? })
}

/// What must differ between resources, since a request is told by its cluster and metadata by their URL.
/// `resources` come with their paths.
fn check_apart(
    top: &Section<'_>,
    resources: &[(String, Option<Resource>)],
    sts: Option<&StsEndpoint>,
) {
    let mut clusters = BTreeSet::new();
    let mut urls = BTreeSet::new();
    let mut names = BTreeSet::new();
    let mut targets = BTreeMap::new();
    for (path, resource) in resources {
        let Some(resource) = resource else { continue };
        let key = |name: &str| format!("{path}{name}");
        for cluster in &resource.clusters {
            if !clusters.insert(cluster.clone()) {
                top.problem(
                    &key("clusters"),
                    format!("`{cluster}` is already a resource's cluster"),
                );
            }
            if sts.is_some_and(|sts| sts.cluster == *cluster) {
                top.problem(&key("clusters"), format!("`{cluster}` is the STS's cluster"));
            }
        }
        if !urls.insert(resource.url.to_string()) {
            top.problem(&key("resource"), "is already another resource's URL");
        }
        if !names.insert(resource.name.clone()) {
            top.problem(&key("name"), "is already another resource's name");
        }
        let target = &resource.target;
        if *targets.entry(&target.name).or_insert(&target.audience) != &target.audience {
            top.problem(
                &key("target.audience"),
                format!("another resource has the target `{}` with another audience", target.name),
            );
        }
        if resource.audiences.contains(&resource.target.audience) {
            top.problem(
                &key("target.audience"),
                "is an audience of the incoming token: the exchange would change nothing, and whoever holds \
                 the client's token could use it at the target",
            );
        }
    }
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
