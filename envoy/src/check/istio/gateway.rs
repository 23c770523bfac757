//! A proxy into which EnvoyFilters put our filter: the chain that they make there.

use serde_json::Value;

use super::super::chain::{self, Chain, Link, Ours};
use super::super::finding::Findings;
use super::super::node::Node;
use super::super::plugin::{Entry, Settings};
use super::super::rule::Rule;
use super::{Manifest, ROOT_NAMESPACE, is_within, pairs, patches};
use crate::filter::FILTER_NAME;
use crate::http_connection::{MANAGER, ROUTER};

/// A gateway or sidecar with our filter.
#[derive(Debug)]
pub(super) struct Gateway<'a> {
    pub(super) namespace: &'a str,
    /// The labels by which the proxies are chosen.
    pub(super) labels: Vec<(&'a str, &'a str)>,
    /// Our filter's patch, which is where the rest belongs.
    pub(super) patch: Node<'a>,
    pub(super) chain: Chain<'a>,
    pub(super) ours: Ours<'a>,
}

/// Every proxy that some EnvoyFilter gives our filter to.
pub(super) fn gateways<'a>(manifests: &[Manifest<'a>]) -> Vec<Gateway<'a>> {
    let extensions = extensions(manifests);
    let mut gateways: Vec<Gateway<'a>> = Vec::new();
    for filter in manifests.iter().filter(|manifest| manifest.kind == "EnvoyFilter") {
        for patch in filter.node.list("spec/configPatches") {
            let value = patch.at("patch/value");
            let is_ours = value.is_some_and(|value| Entry::of(&value, &extensions).is_some());
            let adds = !matches!(patch.text("patch/operation"), "REMOVE" | "MERGE");
            if patch.text("applyTo") != "HTTP_FILTER" || !is_ours || !adds {
                continue;
            }
            let labels = labels(filter);
            let is_known = |one: &Gateway<'a>| {
                one.namespace == filter.namespace
                    && one.labels == labels
                    && one.patch.document.file == patch.document.file
                    && constraint(&one.patch) == constraint(&patch)
            };
            if !gateways.iter().any(is_known) {
                gateways.push(Gateway::of(filter, labels, patch, manifests));
            }
        }
    }
    gateways
}

fn labels<'a>(filter: &Manifest<'a>) -> Vec<(&'a str, &'a str)> {
    let mut labels = pairs(filter.node.at("spec/workloadSelector/labels"));
    for target in filter.node.list("spec/targetRefs") {
        labels.push(("gateway.networking.k8s.io/gateway-name", target.text("name")));
    }
    labels
}

fn extensions<'a>(manifests: &[Manifest<'a>]) -> Vec<Node<'a>> {
    let patches = manifests
        .iter()
        .filter(|manifest| manifest.kind == "EnvoyFilter")
        .flat_map(|manifest| manifest.node.list("spec/configPatches"));
    patches
        .filter(|patch| patch.text("applyTo") == "EXTENSION_CONFIG")
        .filter_map(|patch| patch.at("patch/value"))
        .collect()
}

impl<'a> Gateway<'a> {
    fn of(
        filter: &Manifest<'a>,
        labels: Vec<(&'a str, &'a str)>,
        patch: Node<'a>,
        manifests: &[Manifest<'a>],
    ) -> Self {
        let chain = Chain {
            place: Node::top(patch.document).nearest("spec/configPatches"),
            links: Vec::new(),
            extensions: Vec::new(),
        };
        let mut gateway =
            Self { namespace: filter.namespace, labels, patch, chain, ours: Ours::default() };
        // Only what is discovered by this proxy: a filter of the same name elsewhere protects other clusters.
        let of_this = gateway.patches(manifests).into_iter();
        let of_this = of_this.filter(|patch| patch.text("applyTo") == "EXTENSION_CONFIG");
        gateway.chain.extensions = of_this.filter_map(|patch| patch.at("patch/value")).collect();
        gateway.chain.links = gateway.links(manifests);
        gateway.ours = Ours::of(&gateway.chain);
        gateway
    }

    pub(super) fn protected(&self) -> Vec<String> {
        let mut names = self.ours.protected();
        names.extend(self.ours.guarded().into_iter().map(str::to_owned));
        names.sort();
        names.dedup();
        names
    }

    pub(super) fn settings(&self) -> &[Settings] {
        &self.ours.settings
    }

    /// The patches that reach this proxy, in the order in which istiod applies them.
    pub(super) fn patches(&self, manifests: &[Manifest<'a>]) -> Vec<Node<'a>> {
        let mut filters: Vec<_> = manifests
            .iter()
            .filter(|manifest| manifest.kind == "EnvoyFilter")
            .filter(|one| one.namespace == self.namespace || one.namespace == ROOT_NAMESPACE)
            .filter(|one| is_within(&labels(one), &self.labels))
            .collect();
        filters.sort_by_key(|one| {
            let priority = one.node.at("spec/priority").and_then(|node| node.value.as_i64());
            // Of two with the same priority the older one is first, which no manifest tells: the
            // worse of both is taken.
            (one.namespace != ROOT_NAMESPACE, priority.unwrap_or(0), !makes_ours(one))
        });
        let patches = filters.iter().flat_map(|one| one.node.list("spec/configPatches"));
        patches.filter(|patch| self.may_reach(patch)).collect()
    }

    /// Listeners belong to one side of a sidecar; clusters, and whatever is added, to all of it.
    fn may_reach(&self, patch: &Node<'a>) -> bool {
        let is_of_all = match patch.text("applyTo") {
            "LISTENER" => patch.text("patch/operation") == "ADD",
            kind => matches!(kind, "CLUSTER" | "EXTENSION_CONFIG" | "BOOTSTRAP"),
        };
        let side = |patch: &Node<'a>| {
            let context = patch.text("match/context");
            if is_of_all { context.split('_').next().unwrap_or_default() } else { context }
        };
        let (ours, other) = (side(&self.patch), side(patch));
        [ours, other].iter().any(|context| matches!(*context, "" | "ANY")) || ours == other
    }

    /// What the HTTP_FILTER patches make of a chain that ends with the router.
    fn links(&self, manifests: &[Manifest<'a>]) -> Vec<Link<'a>> {
        let mut links = vec![Link::placeholder(ROUTER)];
        let ours = constraint(&self.patch);
        for patch in self.patches(manifests) {
            let Some(value) = patch.at("patch/value") else { continue };
            let theirs = constraint(&patch);
            // A guard that stands on fewer listeners than our filter does not count; any other
            // filter does when it may stand on one of ours.
            let counts = if super::super::guards::of_listener(&value).is_some() {
                is_part(&theirs, &ours)
            } else {
                !contradicts(&theirs, &ours)
            };
            if patch.text("applyTo") == "HTTP_FILTER" && counts {
                apply(&mut links, patch.text("patch/operation"), beside(&patch), value);
            }
        }
        links
    }

    pub(super) fn check(&self, manifests: &[Manifest<'a>], findings: &mut Findings) {
        chain::check(&self.chain, &self.ours, &[], findings);
        self.check_scope(findings);
        patches::check(self, &self.patches(manifests), manifests, findings);
    }

    /// For which requests the filter runs.
    fn check_scope(&self, findings: &mut Findings) {
        for (at, entry) in &self.ours.entries {
            let node = self.chain.links.get(*at).and_then(|link| link.node.clone());
            let Some(node) = node else { continue };
            if entry.is_disabled {
                let what = "istiod delivers no override that enables a Wasm filter: it never runs";
                let write = "the filter inside a composite filter with a matcher on :authority";
                findings.add(Rule::FilterOff, &node.nearest("disabled"), what, write);
            }
            let Some(matched) = &entry.hosts else { continue };
            for (name, hosts) in self.settings().iter().flat_map(|settings| settings.hosts.iter()) {
                if !hosts.iter().any(|host| matched.contains(&host.as_str())) {
                    let what = format!(
                        "{FILTER_NAME} runs for {} only, so the resource {name} answers 403 to everyone",
                        matched.join(", ")
                    );
                    let write = format!("the matcher's map needs {}", hosts.join(" and "));
                    findings.add(Rule::FilterOff, &node, what, write);
                }
            }
        }
    }

    /// The hosts for which the filter runs; nothing when it runs for all.
    pub(super) fn matched_hosts(&self) -> Option<Vec<&'a str>> {
        let hosts: Option<Vec<_>> =
            self.ours.entries.iter().map(|(_, entry)| entry.hosts.clone()).collect();
        hosts.map(|hosts| hosts.concat()).filter(|hosts| !hosts.is_empty())
    }
}

/// Whether an EnvoyFilter puts our filter or the guard somewhere.
fn makes_ours(filter: &Manifest<'_>) -> bool {
    let patches = filter.node.list("spec/configPatches");
    let of_chain = patches.iter().filter(|patch| patch.text("applyTo") == "HTTP_FILTER");
    of_chain.filter_map(|patch| patch.at("patch/value")).any(|value| {
        Entry::of(&value, &[]).is_some() || super::super::guards::of_listener(&value).is_some()
    })
}

/// The filter beside which a patch inserts.
fn beside<'a>(patch: &Node<'a>) -> &'a str {
    patch.text("match/listener/filterChain/filter/subFilter/name")
}

fn apply<'a>(links: &mut Vec<Link<'a>>, operation: &str, beside: &'a str, value: Node<'a>) {
    if !beside.is_empty() && !links.iter().any(|link| link.name == beside) {
        // One of the control plane's own.
        links.insert(0, Link::placeholder(beside));
    }
    let found = links.iter().position(|link| link.name == beside);
    let at = match operation {
        "INSERT_FIRST" => 0,
        "INSERT_BEFORE" => found.unwrap_or(0),
        "INSERT_AFTER" => found.map_or(links.len(), |at| at + 1),
        "REPLACE" => {
            if let Some(link) = found.and_then(|at| links.get_mut(at)) {
                *link = Link::of(value);
            }
            return;
        }
        "ADD" => links.len(),
        _ => return,
    };
    links.insert(at, Link::of(value));
}

/// To which listeners a patch is limited: its match, without where in a chain it inserts.
fn constraint(patch: &Node<'_>) -> Value {
    let mut of = patch.get("match").map_or(Value::Null, |node| node.value.clone());
    if let Some(filter) =
        of.pointer_mut("/listener/filterChain/filter").and_then(Value::as_object_mut)
    {
        filter.remove("subFilter");
    }
    without_what_limits_nothing(&mut of);
    of
}

fn without_what_limits_nothing(value: &mut Value) {
    if let Some(map) = value.as_object_mut() {
        map.values_mut().for_each(without_what_limits_nothing);
        map.retain(|key, value| {
            let says_nothing = (key == "context" && value == "ANY")
                || (key == "name" && value == MANAGER)
                || value.as_object().is_some_and(serde_json::Map::is_empty);
            !says_nothing
        });
    }
}

/// Whether `limits` asks for nothing that `of` does not ask for too.
fn is_part(limits: &Value, of: &Value) -> bool {
    match (limits, of) {
        (Value::Null, _) => true,
        (Value::Object(limits), Value::Object(of)) => {
            limits.iter().all(|(key, value)| of.get(key).is_some_and(|of| is_part(value, of)))
        }
        (Value::Object(limits), Value::Null) => limits.is_empty(),
        (limits, of) => limits == of,
    }
}

fn contradicts(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => one
            .iter()
            .any(|(key, value)| other.get(key).is_some_and(|other| contradicts(value, other))),
        (Value::Null, _) | (_, Value::Null) => false,
        (one, other) => one != other,
    }
}
