//! Where the STS and the MCP server are in the mesh, and by which other ways they can be reached.

use super::super::clusters::{alias, istio_machine, machines};
use super::super::finding::Findings;
use super::super::node::Node;
use super::super::rule::Rule;
use super::gateway::Gateway;
use super::{Manifest, Mesh, cluster_patches, is_within, pairs, patches, ports, workloads};

/// A service port that only the gateway may reach.
#[derive(Debug, Clone)]
pub(super) struct Place<'a> {
    pub(super) is_sts: bool,
    /// Our filter stands before it in its own sidecar, and judges whoever comes.
    pub(super) is_inbound: bool,
    /// The Service's name; empty where it is not known.
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) port: u16,
    /// The port of the Pods; where that is not known, the Service's.
    pub(super) target_port: u64,
    /// The labels of its Pods, as far as they are known.
    pub(super) labels: Vec<(&'a str, &'a str)>,
    /// Whether its Service or workload is among the manifests.
    pub(super) is_here: bool,
    /// The cluster's name.
    pub(super) cluster: String,
    /// Where to say that something is missing: its Service, or the filter's patch.
    pub(super) at: Node<'a>,
}

/// The places behind every protected cluster, and the STS's.
pub(super) fn places<'a>(mesh: &Mesh<'a>) -> Vec<Place<'a>> {
    let mut places: Vec<Place<'a>> = Vec::new();
    for gateway in &mesh.gateways {
        let patches = gateway.patches(&mesh.manifests);
        let sts = gateway.settings().iter().flat_map(|one| patches::sts_clusters(one, &patches));
        let sts: Vec<_> = sts.map(|name| (name.to_owned(), true)).collect();
        let protected = gateway.protected().into_iter().map(|name| (name, false));
        for (cluster, is_sts) in protected.chain(sts) {
            let found = if cluster.starts_with("inbound|") {
                vec![beside(gateway, &cluster, mesh)]
            } else {
                let added = patches
                    .iter()
                    .filter(|patch| cluster_patches::reaches_cluster(patch, &cluster))
                    .filter_map(|patch| patch.at("patch/value"));
                let mut at: Vec<_> = added.flat_map(|value| machines(&value)).collect();
                at.extend(istio_machine(&cluster));
                at.iter().filter_map(|at| behind(at, is_sts, &cluster, gateway, mesh)).collect()
            };
            for place in found {
                if !places.iter().any(|one| one.is_same(&place)) {
                    places.push(place);
                }
            }
        }
    }
    places
}

/// The Pods in which a sidecar with our filter runs.
fn beside<'a>(gateway: &Gateway<'a>, cluster: &str, mesh: &Mesh<'a>) -> Place<'a> {
    let (namespace, labels) = (gateway.namespace, gateway.labels.as_slice());
    let target_port = ports::number(cluster).unwrap_or_default();
    let leads_there = |service: &&Manifest<'a>| {
        let pods = ports::pods(service, mesh);
        let all = service.node.list("spec/ports");
        all.iter().find(|port| ports::target(port, &pods) == Some(target_port)).is_some()
    };
    let services = ports::services_of(gateway, mesh);
    let service = services.iter().copied().find(leads_there).or(services.first().copied());
    let port = service.and_then(|service| {
        let pods = ports::pods(service, mesh);
        let all = service.node.list("spec/ports");
        let port = all.iter().find(|port| ports::target(port, &pods) == Some(target_port))?;
        port.number("port")
    });
    let port = u16::try_from(port.unwrap_or(target_port)).unwrap_or_default();
    Place {
        is_sts: false,
        is_inbound: true,
        name: service.map(|one| one.name.to_owned()).unwrap_or_default(),
        namespace: namespace.to_owned(),
        port,
        target_port,
        labels: labels.to_vec(),
        is_here: service.is_some()
            || workloads::with_labels(mesh, namespace, labels).next().is_some(),
        cluster: cluster.to_owned(),
        at: service.map_or_else(|| gateway.chain.place.clone(), |one| one.node.clone()),
    }
}

/// `name.namespace.svc.cluster.local:port`
fn behind<'a>(
    machine: &str,
    is_sts: bool,
    cluster: &str,
    gateway: &Gateway<'a>,
    mesh: &Mesh<'a>,
) -> Option<Place<'a>> {
    let (host, port) = machine.rsplit_once(':')?;
    let mut parts = host.split('.');
    let (name, namespace) = (parts.next()?, parts.next()?);
    if parts.next().is_some_and(|part| part != "svc") {
        return None;
    }
    let port: u16 = port.parse().ok()?;
    let service =
        mesh.of_kind("Service").find(|one| one.name == name && one.namespace == namespace);
    let selector = pairs(service.and_then(|service| service.node.at("spec/selector")));
    let pods = service.map(|service| ports::pods(service, mesh)).unwrap_or_default();
    let listed = service.map(|service| service.node.list("spec/ports")).unwrap_or_default();
    let of_port = listed.iter().find(|one| one.number("port") == Some(u64::from(port)));
    let target_port = of_port.and_then(|one| ports::target(one, &pods)).unwrap_or(u64::from(port));
    let pods = pods.into_iter().next().map(|workload| workload.labels);
    Some(Place {
        is_sts,
        is_inbound: false,
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        port,
        target_port,
        is_here: service.is_some() || pods.is_some(),
        labels: pods.unwrap_or(selector),
        cluster: cluster.to_owned(),
        at: service.map_or_else(|| gateway.chain.place.clone(), |one| one.node.clone()),
    })
}

impl Place<'_> {
    fn is_same(&self, other: &Self) -> bool {
        let key = |of: &Self| {
            (of.is_sts, of.name.clone(), of.namespace.clone(), of.port, of.cluster.clone())
        };
        key(self) == key(other)
    }

    /// The name that Istio gives the cluster of this Service's port.
    fn cluster_at(&self, port: u64) -> String {
        format!("outbound|{port}||{}.{}.svc.cluster.local", self.name, self.namespace)
    }

    /// Whether `host`, as somebody in `namespace` writes it, is this Service.
    pub(super) fn is_host(&self, host: &str, namespace: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let mut parts = host.trim_end_matches('.').split('.');
        let is_name = parts.next() == Some(self.name.as_str()) && !self.name.is_empty();
        is_name
            && match (parts.next(), parts.next()) {
                (None, _) => namespace == self.namespace,
                (Some(of), None | Some("svc")) => of == self.namespace,
                _ => false,
            }
    }
}

/// Ways to a place besides the gateway's.
pub(super) fn check(place: &Place<'_>, mesh: &Mesh<'_>, findings: &mut Findings) {
    for service in mesh.of_kind("Service") {
        let is_it = service.name == place.name && service.namespace == place.namespace;
        let selector = pairs(service.node.at("spec/selector"));
        let has_its_pods = service.namespace == place.namespace
            && !selector.is_empty()
            && is_within(&selector, &place.labels);
        let listed = service.node.list("spec/ports");
        let pods = ports::pods(service, mesh);
        let port = listed.iter().find(|port| {
            ports::target(port, &pods).is_none_or(|target| target == place.target_port)
        });
        if is_it || has_its_pods && port.is_some() {
            exposed(place, service, findings);
        }
        if !is_it && has_its_pods && port.is_some() && !place.name.is_empty() {
            alias(&service.node.nearest("spec/selector"), service.name, &place.cluster, findings);
        }
        let external = service.node.text("spec/externalName");
        if !external.is_empty() && place.is_host(external, service.namespace) {
            let at = service.node.nearest("spec/externalName");
            alias(&at, service.name, &place.cluster, findings);
        }
    }
    second_port(place, mesh, findings);
    for entry in mesh.of_kind("ServiceEntry") {
        let hosts = entry.node.texts("spec/hosts");
        let endpoints = entry.node.list("spec/endpoints");
        let other = |host: &&str| !place.is_host(host, entry.namespace);
        for endpoint in endpoints {
            let leads_there = place.is_host(endpoint.text("address"), entry.namespace);
            if let (true, Some(host)) = (leads_there, hosts.iter().find(|host| other(host))) {
                alias(&endpoint.nearest("address"), host, &place.cluster, findings);
            }
        }
        named_as_it(place, entry, findings);
        let selector = pairs(entry.node.at("spec/workloadSelector/labels"));
        if entry.namespace == place.namespace
            && !selector.is_empty()
            && is_within(&selector, &place.labels)
            && let Some(host) = hosts.iter().find(|host| other(host))
        {
            let at = entry.node.nearest("spec/workloadSelector");
            alias(&at, host, &place.cluster, findings);
        }
    }
    for ingress in mesh.of_kind("Ingress") {
        for backend in ingress.node.walk().iter().filter_map(|node| node.at("service")) {
            if place.is_host(backend.text("name"), ingress.namespace) {
                open(place, &backend, "an Ingress leads there, past our filter", findings);
            }
        }
    }
    for pods in workloads::with_labels(mesh, &place.namespace, &place.labels) {
        if place.labels.is_empty() {
            continue;
        }
        if pods.pod.flag("hostNetwork") {
            let what = "its Pods have the node's network, which the mesh does not guard";
            open(place, &pods.pod.nearest("hostNetwork"), what, findings);
        }
        for port in pods.containers().iter().flat_map(|one| one.list("ports")) {
            if let Some(at) = port.get("hostPort") {
                open(place, &at, "its port is open on the node", findings);
            }
        }
    }
}

/// Another port of its own Service that leads to the same port of its Pods is another cluster.
fn second_port(place: &Place<'_>, mesh: &Mesh<'_>, findings: &mut Findings) {
    let is_it = |one: &&Manifest<'_>| one.name == place.name && one.namespace == place.namespace;
    let Some(service) = mesh.of_kind("Service").find(is_it) else { return };
    let listed = service.node.list("spec/ports");
    let pods = ports::pods(service, mesh);
    let its = listed.iter().find(|port| port.number("port") == Some(u64::from(place.port)));
    let its = its.and_then(|port| ports::target(port, &pods));
    for port in listed.iter().filter(|port| its.is_some() && ports::target(port, &pods) == its) {
        let name = place.cluster_at(port.number("port").unwrap_or_default());
        let is_protected = mesh.gateways.iter().any(|one| one.protected().contains(&name));
        if name != place.cluster_at(u64::from(place.port)) && !is_protected {
            alias(port, &name, &place.cluster, findings);
        }
    }
}

/// A ServiceEntry of the same name on another port, or of all names.
fn named_as_it(place: &Place<'_>, entry: &Manifest<'_>, findings: &mut Findings) {
    let own = format!("{}.{}.svc.cluster.local", place.name, place.namespace);
    for host in entry.node.list("spec/hosts") {
        let name = host.value.as_str().unwrap_or_default();
        let covers = name.strip_prefix('*').is_some_and(|rest| own.ends_with(rest));
        let resolution = entry.node.text("spec/resolution");
        if covers && matches!(resolution, "" | "NONE" | "DYNAMIC_DNS") {
            alias(&host, name, &place.cluster, findings);
        }
        if place.is_host(name, entry.namespace) {
            for port in entry.node.list("spec/ports") {
                let number = port.number("number").unwrap_or_default();
                if number != u64::from(place.port) {
                    alias(&port, &place.cluster_at(number), &place.cluster, findings);
                }
            }
        }
    }
}

fn exposed(place: &Place<'_>, service: &Manifest<'_>, findings: &mut Findings) {
    let kind = service.node.text("spec/type");
    if matches!(kind, "NodePort" | "LoadBalancer") {
        let what = format!("a Service of type {kind} makes its port reachable from outside");
        open(place, &service.node.nearest("spec/type"), &what, findings);
    }
    for address in service.node.list("spec/externalIPs") {
        open(place, &address, "an external address leads there", findings);
    }
}

fn open(place: &Place<'_>, at: &Node<'_>, how: &str, findings: &mut Findings) {
    findings.add(
        Rule::Exposed,
        at,
        format!("{how}; {} is for the gateway alone", place.who()),
        "a Service of type ClusterIP, and no other way in than the gateway's",
    );
}
