//! One Envoy, however its configuration is written down.

use std::collections::BTreeMap;
use std::path::Path;

use super::admin;
use super::around;
use super::audit;
use super::buffers;
use super::chain::{self, Chain, Link, Ours};
use super::clusters;
use super::document::{Document, Kind};
use super::endpoints;
use super::finding::Findings;
use super::node::Node;
use super::routes::Table;
use super::rule::Rule;
use super::secrets::Secrets;
use super::sts;

/// What one Envoy is configured with.
#[derive(Debug, Default)]
pub(super) struct Proxy<'a> {
    listeners: Vec<Node<'a>>,
    pub(super) clusters: Vec<Node<'a>>,
    route_configs: Vec<Node<'a>>,
    extensions: Vec<Node<'a>>,
    /// Machines that stand apart from their clusters.
    assignments: Vec<Node<'a>>,
    admin: Option<Node<'a>>,
    /// A control plane or another file may add clusters.
    has_more_clusters: bool,
}

/// A connection manager, and the listener that it stands in.
struct Http<'a> {
    listener: Node<'a>,
    manager: Node<'a>,
    chain: Chain<'a>,
}

/// The Envoys in these documents: a bootstrap or a dump is one, and so are all watched files of
/// one folder, together with the bootstrap there.
pub(super) fn proxies(documents: &[Document]) -> Vec<Proxy<'_>> {
    let mut proxies = Vec::new();
    let mut watched: BTreeMap<&Path, Proxy<'_>> = BTreeMap::new();
    for document in documents.iter().filter(|document| document.kind == Kind::Resources) {
        let proxy = watched.entry(folder(document)).or_default();
        Node::top(document).list("resources").into_iter().for_each(|one| proxy.take(one));
    }
    for document in documents {
        let top = Node::top(document);
        match document.kind {
            Kind::Bootstrap => {
                let watches =
                    top.get("dynamic_resources").is_some() || endpoints::are_in_files(&top);
                let mut proxy = match watches {
                    true => watched.remove(folder(document)).unwrap_or_default(),
                    false => Proxy::default(),
                };
                proxy.has_more_clusters =
                    top.at("dynamic_resources/cds_config").is_some() && proxy.clusters.is_empty();
                proxy.admin = top.get("admin");
                proxy.listeners.extend(top.list("static_resources/listeners"));
                proxy.clusters.extend(top.list("static_resources/clusters"));
                proxies.push(proxy);
            }
            Kind::Dump => {
                let mut proxy = Proxy::default();
                top.list("configs").into_iter().for_each(|part| proxy.take_dump(&part));
                proxies.push(proxy);
            }
            _ => {}
        }
    }
    proxies.extend(watched.into_values());
    proxies
}

impl<'a> Proxy<'a> {
    fn take(&mut self, resource: Node<'a>) {
        match resource.type_name() {
            "Listener" => self.listeners.push(resource),
            "Cluster" => self.clusters.push(resource),
            "RouteConfiguration" => self.route_configs.push(resource),
            "TypedExtensionConfig" => self.extensions.push(resource),
            "ClusterLoadAssignment" => self.assignments.push(resource),
            _ => {}
        }
    }

    /// A part of `/config_dump`. What is warming will be used, and is checked too.
    fn take_dump(&mut self, part: &Node<'a>) {
        self.admin = self.admin.take().or_else(|| part.at("bootstrap/admin"));
        let states = ["active_state", "warming_state"];
        let dynamic = part.list("dynamic_listeners");
        let dynamic = dynamic.iter().flat_map(|one| states.iter().filter_map(|key| one.get(key)));
        let of_static = part.list("static_listeners").into_iter();
        self.listeners.extend(dynamic.chain(of_static).filter_map(|one| one.get("listener")));
        for key in ["static_clusters", "dynamic_active_clusters", "dynamic_warming_clusters"] {
            self.clusters.extend(part.list(key).iter().filter_map(|one| one.get("cluster")));
        }
        for key in ["static_route_configs", "dynamic_route_configs"] {
            self.route_configs
                .extend(part.list(key).iter().filter_map(|one| one.get("route_config")));
        }
        self.extensions
            .extend(part.list("ecds_filters").iter().filter_map(|one| one.get("ecds_filter")));
        for key in ["static_endpoint_configs", "dynamic_endpoint_configs"] {
            self.assignments
                .extend(part.list(key).iter().filter_map(|one| one.get("endpoint_config")));
        }
    }

    fn http(&self) -> Vec<Http<'a>> {
        let mut found = Vec::new();
        for listener in &self.listeners {
            for manager in listener.walk() {
                if manager.type_name() == "HttpConnectionManager" {
                    let links = manager.list("http_filters").into_iter().map(Link::of).collect();
                    let chain = Chain {
                        place: manager.nearest("http_filters"),
                        links,
                        extensions: self.extensions.clone(),
                    };
                    found.push(Http { listener: listener.clone(), manager, chain });
                }
            }
        }
        found
    }

    /// The clusters that some filter or guard here says are protected.
    pub(super) fn protected(&self) -> Vec<String> {
        let of_chain = |http: &Http<'a>| {
            let ours = Ours::of(&http.chain);
            let mut names = ours.protected();
            names.extend(ours.guarded().into_iter().map(str::to_owned));
            names
        };
        self.http().iter().flat_map(of_chain).collect()
    }

    pub(super) fn has_ours(&self) -> bool {
        self.http().iter().any(|http| !Ours::of(&http.chain).entries.is_empty())
    }

    pub(super) fn listener_count(&self) -> usize {
        self.listeners.len()
    }

    /// Checks everything of this Envoy, when `protected` are all protected clusters anywhere.
    pub(super) fn check(&self, protected: &[String], findings: &mut Findings) {
        let http = self.http();
        let chains: Vec<_> = http.iter().map(|http| Ours::of(&http.chain)).collect();
        let settings: Vec<_> = chains.iter().flat_map(|ours| ours.settings.iter()).collect();
        let mut sts_names: Vec<&str> = Vec::new();
        for settings in settings {
            if !settings.sts_cluster.is_empty()
                && !sts_names.contains(&settings.sts_cluster.as_str())
            {
                sts_names.push(&settings.sts_cluster);
                sts::check_named(settings, &self.clusters, self.has_more_clusters, findings);
            }
        }
        for (http, ours) in http.iter().zip(&chains) {
            self.check_http(http, ours, protected, &sts_names, findings);
        }
        for listener in &self.listeners {
            around::check(listener, protected, &sts_names, findings);
            around::anywhere(listener, &self.clusters, protected, findings);
        }
        clusters::check(&self.clusters, protected, &sts_names, &self.assignments, findings);
        if let Some(admin) = &self.admin {
            admin::check(admin, findings);
            let places: Vec<_> = self.listeners.iter().chain(&self.route_configs).collect();
            admin::published(admin, &self.clusters, &places, findings);
        }
        if self.has_ours() {
            self.check_secrets(&chains, protected, &sts_names, findings);
        }
    }

    /// What listeners, routes and clusters tell of tokens and of the filter's credential.
    fn check_secrets(
        &self,
        chains: &[Ours<'a>],
        protected: &[String],
        sts_names: &[&str],
        findings: &mut Findings,
    ) {
        let settings = chains.iter().flat_map(|ours| ours.settings.iter());
        let credentials: Vec<_> = settings.map(|one| one.credential_env.as_str()).collect();
        let of_ours: Vec<_> = self
            .http()
            .iter()
            .filter(|http| !Ours::of(&http.chain).entries.is_empty())
            .map(|http| http.listener.path.clone())
            .collect();
        let is_ours = |name: &str| {
            sts_names.contains(&name) || protected.iter().any(|cluster| cluster == name)
        };
        let listeners = self.listeners.iter().map(|one| (one, of_ours.contains(&one.path)));
        let clusters = self.clusters.iter().map(|one| (one, is_ours(one.text("name"))));
        let leads_to_us = |table: &Node<'a>| {
            let mut nodes = table.walk().into_iter();
            nodes.any(|node| node.value.as_str().is_some_and(is_ours))
        };
        let tables = self.route_configs.iter().map(|one| (one, leads_to_us(one)));
        for (place, has_tokens) in listeners.chain(clusters).chain(tables) {
            Secrets { credentials: &credentials, has_tokens, are_routes: false }
                .check(place, findings);
        }
    }

    fn check_http(
        &self,
        http: &Http<'a>,
        ours: &Ours<'a>,
        protected: &[String],
        sts_names: &[&str],
        findings: &mut Findings,
    ) {
        let (tables, unseen) = self.tables(&http.manager);
        if let Some(place) = &unseen {
            findings.add(
                Rule::Unseen,
                place,
                "these routes come from a control plane and were not checked",
                "check Envoy's own answer too: curl -s localhost:9901/config_dump > dump.json",
            );
        }
        let table =
            Table { chain: &http.chain, ours, protected, sts_names, clusters: &self.clusters };
        let mut reached = Vec::new();
        for config in &tables {
            reached.extend(table.check(config, findings));
        }
        table.logins(&tables, unseen.is_none(), findings);
        let concerned = !reached.is_empty() || !ours.entries.is_empty();
        if unseen.is_some() && concerned {
            reached.extend(protected.iter().cloned());
        }
        chain::check(&http.chain, ours, &reached, findings);
        if concerned {
            upgrades(&http.manager, ours, protected, findings);
        }
        if !ours.entries.is_empty() {
            audit::check(&http.manager, findings);
        }
        let body_limit = ours.settings.iter().map(|settings| settings.body_limit).max();
        if let Some(limit) = body_limit {
            buffers::check(&http.listener, "per_connection_buffer_limit_bytes", limit, findings);
            let window = "http2_protocol_options/initial_stream_window_size";
            buffers::check(&http.manager, window, limit, findings);
        }
    }

    /// The route tables of a connection manager, and the place of one that is not here.
    fn tables(&self, manager: &Node<'a>) -> (Vec<Node<'a>>, Option<Node<'a>>) {
        let mut tables: Vec<Node<'a>> = manager.get("route_config").into_iter().collect();
        let mut unseen = manager.get("scoped_routes").or_else(|| manager.at("route_config/vhds"));
        if let Some(rds) = manager.get("rds") {
            let name = rds.text("route_config_name");
            let mut known = self.route_configs.iter().filter(|config| config.text("name") == name);
            match known.next() {
                Some(config) => {
                    unseen = unseen.or_else(|| config.get("vhds"));
                    tables.push(config.clone());
                }
                None => unseen = Some(rds),
            }
        }
        (tables, unseen)
    }
}

fn folder(document: &Document) -> &Path {
    Path::new(&document.file).parent().unwrap_or(Path::new(""))
}

/// An upgrade may have a filter chain of its own.
fn upgrades(manager: &Node<'_>, ours: &Ours<'_>, protected: &[String], findings: &mut Findings) {
    for upgrade in manager.list("upgrade_configs") {
        let Some(filters) = upgrade.get("filters") else { continue };
        let chain = Chain {
            place: filters.clone(),
            links: filters.items().into_iter().map(Link::of).collect(),
            extensions: Vec::new(),
        };
        let mut needed = ours.protected();
        needed.extend(protected.iter().cloned());
        needed.sort();
        needed.dedup();
        chain::check(&chain, &Ours::of(&chain), &needed, findings);
    }
}
