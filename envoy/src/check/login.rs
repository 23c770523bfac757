//! Where people log in, as far as routes say: a façade's own URLs lead to the façade, and nobody's documents are passed on
//! under the gateway's name.
//!
//! A client takes an authorization server's metadata only from where their `issuer` says (RFC 8414 §3.3), so documents of
//! an identity provider behind a gateway's URL are rejected, and a façade's URL that leads elsewhere lets somebody else
//! speak in the name of the issuer that clients trust.

use http::Uri;

use super::finding::Findings;
use super::node::Node;
use super::plugin::Settings;
use super::rule::Rule;

/// The names of an authorization server's metadata.
const METADATA: [&str; 2] =
    ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];
/// Where the identity providers that we know have people log in, and where a proxy of them often does.
const ENDPOINTS: [&str; 2] = ["/protocol/openid-connect", "/oauth2/v2.0"];
const BARE_ENDPOINTS: [&str; 3] = ["/authorize", "/token", "/register"];

/// Which paths a route takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum PathTest<'a> {
    Exact(&'a str),
    Prefix(&'a str),
    /// The path, and what is below it.
    Below(&'a str),
    /// Something else, such as a regular expression.
    Other(&'a str),
}

impl<'a> PathTest<'a> {
    fn takes(self, path: &str) -> bool {
        match self {
            Self::Exact(own) => own == path,
            Self::Prefix(own) => path.starts_with(own),
            Self::Below(own) => {
                path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            Self::Other(_) => false,
        }
    }

    pub(super) fn text(self) -> &'a str {
        match self {
            Self::Exact(text) | Self::Prefix(text) | Self::Below(text) | Self::Other(text) => text,
        }
    }

    /// Whether whoever wrote it had an authorization server's metadata or its pages in mind.
    fn is_for_logins(self) -> bool {
        let text = self.text();
        METADATA.iter().any(|known| text.contains(known.trim_start_matches("/.")))
            || ENDPOINTS.iter().any(|known| text.contains(known))
            || BARE_ENDPOINTS.contains(&text)
    }
}

/// A route, as far as logins are concerned.
#[derive(Debug)]
pub(super) struct Route<'a> {
    pub(super) place: Node<'a>,
    pub(super) tests: Vec<PathTest<'a>>,
    /// It asks for more than a path, so that it may let a request pass by.
    pub(super) has_conditions: bool,
    /// The clusters that it leads to; none for an answer of the proxy's own.
    pub(super) clusters: Vec<String>,
}

/// The routes of a host, in their order.
#[derive(Debug)]
pub(super) struct Host<'a> {
    pub(super) place: Node<'a>,
    pub(super) names: Vec<String>,
    pub(super) routes: Vec<Route<'a>>,
}

/// Checks the hosts of one proxy. `is_whole` is whether there are no other hosts.
pub(super) fn check(
    settings: &Settings,
    hosts: &[Host<'_>],
    place: &Node<'_>,
    is_whole: bool,
    findings: &mut Findings,
) {
    for facade in &settings.facades {
        let is_its = |host: &&Host<'_>| names_any(host, &facade.hosts);
        match hosts.iter().filter(is_its).collect::<Vec<_>>().as_slice() {
            [] if is_whole => missing(place, &facade.hosts, &facade.paths, findings),
            here => here.iter().for_each(|host| of_facade(host, facade, findings)),
        }
    }
    for (_, own) in &settings.hosts {
        for host in hosts.iter().filter(|host| names_any(host, own)) {
            passed_on(settings, host, own, findings);
        }
    }
}

fn names_any(host: &Host<'_>, names: &[String]) -> bool {
    host.names.iter().any(|name| names.iter().any(|own| own.eq_ignore_ascii_case(name)))
}

/// Each of the façade's paths is taken first by a route to the façade.
fn of_facade(host: &Host<'_>, facade: &crate::facade::Facade, findings: &mut Findings) {
    let leads_there = |route: &&Route<'_>| {
        !route.clusters.is_empty()
            && route.clusters.iter().all(|cluster| facade.clusters.contains(cluster))
    };
    let (mut without, mut told) = (Vec::new(), Vec::new());
    for path in &facade.paths {
        let takes = |route: &&Route<'_>| route.tests.iter().any(|test| test.takes(path));
        let mut found = false;
        for route in host.routes.iter().filter(takes) {
            if leads_there(&route) {
                found |= !route.has_conditions;
            } else {
                if !told.contains(&&route.place.path) {
                    elsewhere(route, path, findings);
                    told.push(&route.place.path);
                }
                // It has been told what to do; that the façade's own is missing then, too, is the same fault.
                found = true;
            }
            if !route.has_conditions {
                break;
            }
        }
        if !found {
            without.push(path.clone());
        }
    }
    if !without.is_empty() {
        missing(&host.place, &facade.hosts, &without, findings);
    }
}

fn elsewhere(route: &Route<'_>, path: &str, findings: &mut Findings) {
    let to = match route.clusters.as_slice() {
        [] => "an answer of Envoy's own".to_owned(),
        clusters => clusters.join(", "),
    };
    findings.add(
        Rule::LoginElsewhere,
        &route.place,
        format!(
            "{path} is the façade's and leads to {to}, which would speak in the name of the issuer that clients trust; \
             our filter refuses it (facade_misrouted), so nobody logs in"
        ),
        "the façade's routes before this one",
    );
}

fn missing(place: &Node<'_>, hosts: &[String], paths: &[String], findings: &mut Findings) {
    let host = hosts.last().map_or("", String::as_str);
    let first = paths.first().map_or("", String::as_str);
    let more = match paths.len() {
        0 | 1 => String::new(),
        count => format!(" and {} more of its paths", count - 1),
    };
    findings.add(
        Rule::FacadeMissing,
        place,
        format!("no route leads {host}{first}{more} to the façade: clients are sent there to log in, and get 404"),
        "a route for each of its paths, exactly, as `cargo xtask manifests` and the generator of envoy/ write them",
    );
}

/// Routes under a resource's host that pass on what an identity provider says of itself.
fn passed_on(settings: &Settings, host: &Host<'_>, own: &[String], findings: &mut Findings) {
    let facades: Vec<_> = settings.facades.iter().flat_map(|facade| &facade.clusters).collect();
    // An identity provider may be served at the same host, under its own name.
    let issuers: Vec<String> = settings
        .issuers
        .iter()
        .flat_map(|rules| rules.provider.authorization_servers())
        .filter(|issuer| is_at(issuer, own))
        .collect();
    for route in &host.routes {
        let leads_to_facade = !route.clusters.is_empty()
            && route.clusters.iter().all(|cluster| facades.contains(&cluster));
        if leads_to_facade {
            continue;
        }
        let foreign = route.tests.iter().find(|test| {
            test.is_for_logins() && !issuers.iter().any(|issuer| is_of(issuer, test.text()))
        });
        if let Some(test) = foreign {
            findings.add(
                Rule::LoginElsewhere,
                &route.place,
                format!(
                    "{} passes on an identity provider's metadata or sign-in under the gateway's name: the documents say \
                     another issuer than the URL where they were found, and clients reject that (RFC 8414 §3.3)",
                    test.text()
                ),
                "take the route out: the resource's metadata send clients to the identity provider itself, or, for Entra \
                 ID, to a façade (issuers[].facade)",
            );
        }
    }
}

fn is_at(issuer: &str, hosts: &[String]) -> bool {
    let authority = issuer.parse::<Uri>().ok().and_then(|uri| Some(uri.authority()?.to_string()));
    authority
        .is_some_and(|authority| hosts.iter().any(|host| host.eq_ignore_ascii_case(&authority)))
}

/// Whether this path is one of the issuer's own, where the issuer is at this host.
fn is_of(issuer: &str, path: &str) -> bool {
    let own = issuer.parse::<Uri>().map(|uri| uri.path().trim_end_matches('/').to_owned());
    let own = own.unwrap_or_default();
    METADATA.iter().any(|name| path == format!("{name}{own}"))
        || (!own.is_empty()
            && path.strip_prefix(&own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
        || (own.is_empty() && !METADATA.iter().any(|name| path.contains(name)))
}
