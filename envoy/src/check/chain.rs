//! One chain of HTTP filters: is everything there, and in the right order?

use super::finding::Findings;
use super::guards::{self, Guard};
use super::node::Node;
use super::plugin::{Entry, Settings};
use super::plugin_settings;
use super::rule::Rule;
use crate::filter::FILTER_NAME;
use crate::guard;
use crate::http_connection::ROUTER;

/// A filter of a chain; without a place when it is the control plane's own.
#[derive(Debug, Clone)]
pub(super) struct Link<'a> {
    pub(super) name: &'a str,
    pub(super) node: Option<Node<'a>>,
}

/// A chain, in the order in which requests pass it.
#[derive(Debug, Clone)]
pub(super) struct Chain<'a> {
    /// Where to put what is missing.
    pub(super) place: Node<'a>,
    pub(super) links: Vec<Link<'a>>,
    /// Filters that are discovered by themselves.
    pub(super) extensions: Vec<Node<'a>>,
}

/// What a chain has of ours.
#[derive(Debug, Default)]
pub(super) struct Ours<'a> {
    pub(super) entries: Vec<(usize, Entry<'a>)>,
    pub(super) settings: Vec<Settings>,
    guards: Vec<(usize, Guard<'a>)>,
}

impl<'a> Link<'a> {
    pub(super) fn of(node: Node<'a>) -> Self {
        Self { name: node.text("name"), node: Some(node) }
    }

    pub(super) fn placeholder(name: &'a str) -> Self {
        Self { name, node: None }
    }

    fn kind(&self) -> &'a str {
        let config = self.node.as_ref().and_then(|node| node.get("typed_config"));
        config.map(|config| config.type_name()).unwrap_or_default()
    }

    fn is_router(&self) -> bool {
        self.name == ROUTER || self.kind() == "Router"
    }

    /// Neither changes a request, nor has the route chosen anew.
    fn leaves_requests_alone(&self) -> bool {
        const KINDS: [&str; 5] = ["RBAC", "Cors", "HTTPFault", "FilterConfig", "PluginConfig"];
        const NAMES: [&str; 5] = [
            "istio.stats",
            "envoy.filters.http.cors",
            "envoy.filters.http.fault",
            "envoy.filters.http.grpc_stats",
            "envoy.filters.http.rbac",
        ];
        match self.node {
            Some(_) => KINDS.contains(&self.kind()),
            None => NAMES.contains(&self.name),
        }
    }
}

impl<'a> Ours<'a> {
    pub(super) fn of(chain: &Chain<'a>) -> Self {
        let mut ours = Self::default();
        for (at, node) in
            chain.links.iter().enumerate().filter_map(|(at, link)| Some((at, link.node.as_ref()?)))
        {
            if let Some(entry) = Entry::of(node, &chain.extensions) {
                ours.settings.extend(Settings::of_entry(&entry));
                ours.entries.push((at, entry));
            } else if let Some(guard) = guards::of_listener(node) {
                ours.guards.push((at, guard));
            }
        }
        ours
    }

    /// The clusters that this chain says are protected.
    pub(super) fn protected(&self) -> Vec<String> {
        let mut clusters = Vec::new();
        let of_settings = self.settings.iter().flat_map(|settings| settings.protected.iter());
        for cluster in of_settings {
            if !clusters.contains(cluster) {
                clusters.push(cluster.clone());
            }
        }
        clusters
    }

    /// The clusters in this chain's guards.
    pub(super) fn guarded(&self) -> Vec<&'a str> {
        let listed = self.guards.iter().filter_map(|(_, guard)| match guard {
            Guard::Of(listed) => Some(listed.iter().copied()),
            Guard::OfEvery | Guard::Another => None,
        });
        listed.flatten().collect()
    }

    /// The names under which an override in a route reaches a guard of this chain.
    pub(super) fn guard_names(&self, chain: &Chain<'a>) -> Vec<&'a str> {
        let mut names = vec![guard::NAME, guard::CLUSTER_NAME];
        names.extend(self.guards.iter().filter_map(|(at, _)| Some(chain.links.get(*at)?.name)));
        names
    }
}

/// Checks a chain behind which lie the clusters `reached`, those of them that are protected.
pub(super) fn check(
    chain: &Chain<'_>,
    ours: &Ours<'_>,
    reached: &[String],
    findings: &mut Findings,
) {
    let mut needed = ours.protected();
    needed
        .extend(reached.iter().filter(|name| !needed.contains(name)).cloned().collect::<Vec<_>>());
    for (at, entry) in &ours.entries {
        if let Some(node) = chain.links.get(*at).and_then(|link| link.node.as_ref()) {
            plugin_settings::check(entry, node, findings);
        }
    }
    if needed.is_empty() {
        return;
    }
    check_guard(chain, ours, &needed, findings);
    check_order(chain, ours, findings);
    check_before(chain, ours, findings);
}

fn check_guard(chain: &Chain<'_>, ours: &Ours<'_>, needed: &[String], findings: &mut Findings) {
    let rule = guards::listener_rule(needed);
    if ours.guards.is_empty() {
        return findings.add(
            Rule::GuardMissing,
            &chain.place,
            format!(
                "{} can be reached here without a permit, whenever the module fails",
                needed.join(", ")
            ),
            format!("directly before the router, {rule}"),
        );
    }
    for (at, reading) in &ours.guards {
        let Some(node) = chain.links.get(*at).and_then(|link| link.node.as_ref()) else { continue };
        if node.flag("disabled") {
            let what = "the guard is switched off wherever a route does not enable it";
            findings.add(Rule::GuardOff, &node.nearest("disabled"), what, "leave `disabled` out");
        }
        let missing: Vec<&str> = match reading {
            Guard::Another => {
                let what = "is not the guard's rule: others than the permit's holders may pass";
                findings.add(
                    Rule::GuardExpression,
                    &node.nearest("typed_config/rules"),
                    what,
                    &rule,
                );
                continue;
            }
            Guard::OfEvery => Vec::new(),
            Guard::Of(listed) => {
                needed.iter().map(String::as_str).filter(|name| !listed.contains(name)).collect()
            }
        };
        if !missing.is_empty() {
            let what = format!("lets everyone through to {}", missing.join(", "));
            findings.add(Rule::GuardExpression, &node.nearest("typed_config/rules"), what, &rule);
        }
    }
}

fn check_order(chain: &Chain<'_>, ours: &Ours<'_>, findings: &mut Findings) {
    let router = chain.links.iter().position(Link::is_router).unwrap_or(chain.links.len());
    let place = |at: usize| {
        let node = chain.links.get(at).and_then(|link| link.node.clone());
        node.unwrap_or_else(|| chain.place.clone())
    };
    let order = format!("{FILTER_NAME}, {}, the router, with nothing between them", guard::NAME);
    let first = ours.entries.iter().map(|(at, _)| *at).min();
    for (at, _) in ours.entries.iter().filter(|(at, _)| *at > router) {
        let what = "stands behind the router, which ends the chain: no request comes here";
        findings.add(Rule::FilterOrder, &place(*at), what, &order);
    }
    for (at, _) in &ours.guards {
        if *at > router {
            let what = "stands behind the router: no request is judged";
            findings.add(Rule::GuardOrder, &place(*at), what, &order);
        } else if first.is_some_and(|first| *at < first && first < router) {
            let what =
                "judges before our filter has left a permit: every request is answered with 403";
            findings.add(Rule::GuardOrder, &place(*at), what, &order);
        }
    }
    // Without our filter, from the guard on: it judges what leaves it, not what is made of that.
    let from = first.or(ours.guards.iter().map(|(at, _)| *at).min());
    for at in from.map(|from| from + 1..router).into_iter().flatten() {
        let Some(link) = chain.links.get(at) else { continue };
        let is_ours = ours.entries.iter().any(|(of, _)| *of == at)
            || ours.guards.iter().any(|(of, _)| *of == at);
        if !is_ours && !link.leaves_requests_alone() {
            let what = format!(
                "`{}` stands between our filter and the router, and may change the request that was judged",
                link.name
            );
            let write = format!("put it before {FILTER_NAME}: {order}");
            findings.add(Rule::Between, &place(at), what, write);
        }
    }
}

/// What stands before our filter and takes the client's token, or anywhere and writes the permit.
fn check_before(chain: &Chain<'_>, ours: &Ours<'_>, findings: &mut Findings) {
    let first = ours.entries.iter().map(|(at, _)| *at).min();
    for (at, link) in chain.links.iter().enumerate() {
        let Some(node) = &link.node else { continue };
        let is_ours = ours.entries.iter().any(|(of, _)| *of == at)
            || ours.guards.iter().any(|(of, _)| *of == at);
        if is_ours {
            continue;
        }
        forges_permit(node, findings);
        if first.is_some_and(|first| at < first) {
            takes_token(link, node, findings);
        }
    }
}

/// Whoever names the permit outside a guard or a log wants to write it.
pub(super) fn forges_permit(node: &Node<'_>, findings: &mut Findings) {
    for place in node.walk() {
        let text = place.value.as_str().unwrap_or_default();
        if text.contains(guard::PERMIT_PROPERTY) && !place.path.contains("access_log") {
            findings.add(
                Rule::PermitForged,
                &place,
                format!(
                    "names {}, which only our filter may write: the guard believes it",
                    guard::PERMIT_STATE
                ),
                "take it out",
            );
        }
    }
}

fn takes_token(link: &Link<'_>, node: &Node<'_>, findings: &mut Findings) {
    let write = "the client's token must reach our filter in Authorization: take this filter out";
    match link.kind() {
        "JwtAuthentication" => {
            let Some(providers) = node.at("typed_config/providers") else { return };
            for (name, provider) in providers.members() {
                let reads_authorization = match provider.list("from_headers").as_slice() {
                    [] => provider.list("from_params").is_empty(),
                    headers => headers
                        .iter()
                        .any(|header| header.text("name").eq_ignore_ascii_case("authorization")),
                };
                if reads_authorization && !provider.flag("forward") {
                    findings.add(
                        Rule::TokenConsumed,
                        &provider,
                        format!(
                            "{name} takes the token out of the request, and our filter answers 401"
                        ),
                        "forward: true, or take the filter out: ours verifies the token",
                    );
                }
            }
        }
        "CredentialInjector" | "OAuth2" => findings.add(
            Rule::TokenConsumed,
            node,
            format!("`{}` puts another token in the place of the client's", link.name),
            write,
        ),
        _ => {}
    }
}
