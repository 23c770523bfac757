//! Pods: where the gateway gets its credential and the module from.

use super::super::finding::Findings;
use super::super::node::Node;
use super::super::rule::Rule;
use super::gateway::Gateway;
use super::{Manifest, Mesh, is_within, pairs};

/// A Deployment or its like.
#[derive(Debug, Clone)]
pub(super) struct Workload<'a> {
    /// Kind and name; a patch may have neither.
    object: (&'a str, &'a str),
    pub(super) namespace: &'a str,
    pub(super) labels: Vec<(&'a str, &'a str)>,
    /// The Pod's spec.
    pub(super) pod: Node<'a>,
    pub(super) annotations: Option<Node<'a>>,
}

impl<'a> Workload<'a> {
    pub(super) fn of(manifest: &Manifest<'a>) -> Option<Self> {
        let template = match manifest.kind {
            "" | "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job" => {
                manifest.node.at("spec/template")?
            }
            "CronJob" => manifest.node.at("spec/jobTemplate/spec/template")?,
            "Pod" => manifest.node.clone(),
            _ => return None,
        };
        Some(Self {
            object: (manifest.kind, manifest.name),
            namespace: manifest.namespace,
            labels: pairs(template.at("metadata/labels")),
            pod: template.get("spec")?,
            annotations: template.at("metadata/annotations"),
        })
    }

    pub(super) fn containers(&self) -> Vec<Node<'a>> {
        [self.pod.list("containers"), self.pod.list("initContainers")].concat()
    }

    pub(super) fn service_account(&self) -> &'a str {
        match self.pod.text("serviceAccountName") {
            "" => "default",
            name => name,
        }
    }

    /// Whether a container, or the sidecar by its annotation, mounts something at or above `path`.
    fn mounts(&self, path: &str) -> bool {
        let is_above = |mount: &str| {
            let rest = path.strip_prefix(mount.trim_end_matches('/'));
            !mount.is_empty() && rest.is_some_and(|rest| rest.starts_with('/') || rest.is_empty())
        };
        let containers = self.containers();
        let mounts = containers.iter().flat_map(|one| one.list("volumeMounts"));
        let mut mounts = mounts.filter(|mount| mount.get("$patch").is_none());
        let annotated =
            self.annotations.as_ref().map(|one| one.text_of("sidecar.istio.io/userVolumeMount"));
        let annotated = annotated.unwrap_or_default();
        let mut quoted = annotated.split('"');
        mounts.any(|mount| is_above(mount.text("mountPath"))) || quoted.any(is_above)
    }
}

/// The workloads of a namespace whose Pods have these labels.
pub(super) fn with_labels<'m, 'a>(
    mesh: &'m Mesh<'a>,
    namespace: &'m str,
    labels: &'m [(&'a str, &'a str)],
) -> impl Iterator<Item = Workload<'a>> + 'm {
    of_manifests(&mesh.manifests, namespace, labels)
}

/// All whose labels are known: a patch for what is elsewhere has none.
pub(super) fn all<'m, 'a>(mesh: &'m Mesh<'a>) -> impl Iterator<Item = Workload<'a>> + 'm {
    mesh.manifests.iter().filter_map(Workload::of).filter(|one| !one.labels.is_empty())
}

fn of_manifests<'m, 'a>(
    manifests: &'m [Manifest<'a>],
    namespace: &'m str,
    labels: &'m [(&'a str, &'a str)],
) -> impl Iterator<Item = Workload<'a>> + 'm {
    let workloads = manifests.iter().filter_map(Workload::of);
    workloads.filter(move |one| one.namespace == namespace && is_within(labels, &one.labels))
}

/// The workload together with what patches it from a file of its own, as Kustomize would merge them.
fn with_patches<'a>(workload: &Workload<'a>, manifests: &[Manifest<'a>]) -> Vec<Workload<'a>> {
    let is_same =
        |one: &Workload<'a>| one.object == workload.object && one.namespace == workload.namespace;
    let mut parts = vec![workload.clone()];
    let has_name = !workload.object.1.is_empty();
    parts.extend(manifests.iter().filter_map(Workload::of).filter(|one| {
        has_name && is_same(one) && !std::ptr::eq(one.pod.value, workload.pod.value)
    }));
    parts
}

/// Whether the proxy's Pods have what the filter needs, where they are among the manifests.
pub(super) fn check_gateway(
    gateway: &Gateway<'_>,
    manifests: &[Manifest<'_>],
    findings: &mut Findings,
) {
    let mut workloads: Vec<_> =
        of_manifests(manifests, gateway.namespace, &gateway.labels).collect();
    if workloads.is_empty() {
        // A patch for a Deployment that Istio installed says neither its kind nor its labels.
        let patches = manifests.iter().filter(|manifest| manifest.kind.is_empty());
        let is_proxy = |one: &Node<'_>| one.text("name") == "istio-proxy";
        workloads = patches.filter_map(Workload::of).collect();
        workloads.retain(|one| one.containers().iter().any(is_proxy));
        // The patch that takes all of it away again is for another day.
        workloads.retain(|one| {
            let containers = one.containers();
            let mut env = containers.iter().flat_map(|one| one.list("env"));
            !env.any(|one| one.get("$patch").is_some())
        });
    }
    for workload in workloads {
        let parts = with_patches(&workload, manifests);
        let containers: Vec<_> = parts.iter().flat_map(Workload::containers).collect();
        for settings in gateway.settings() {
            let name = &settings.credential_env;
            let mut env = containers.iter().flat_map(|one| one.list("env"));
            if !name.is_empty() && !env.any(|one| one.text("name") == name) {
                findings.add(
                    Rule::CredentialMissing,
                    &workload.pod.nearest("containers"),
                    format!(
                        "the proxy has no {name}: the filter refuses to start, and callers get 503"
                    ),
                    format!(
                        "env: [{{name: {name}, valueFrom: {{secretKeyRef: {{name: …, key: …}}}}}}]"
                    ),
                );
            }
        }
        for plugin in gateway.ours.entries.iter().flat_map(|(_, entry)| entry.plugins.iter()) {
            let file = plugin.text("vm_config/code/local/filename");
            if file.starts_with('/') && !parts.iter().any(|one| one.mounts(file)) {
                findings.add(
                    Rule::ModuleMissing,
                    &workload.pod.nearest("containers"),
                    format!("nothing is mounted where the filter's module is looked for, {file}"),
                    "a volume with the module, and its mount in the proxy's container",
                );
            }
        }
    }
}

/// The credential comes from a Secret, everywhere.
pub(super) fn check_credentials(mesh: &Mesh<'_>, findings: &mut Findings) {
    let names: Vec<&str> = mesh
        .gateways
        .iter()
        .flat_map(|gateway| gateway.settings())
        .map(|settings| settings.credential_env.as_str())
        .collect();
    for workload in mesh.manifests.iter().filter_map(Workload::of) {
        for env in workload.containers().iter().flat_map(|one| one.list("env")) {
            let name = env.text("name");
            if !names.contains(&name) {
                continue;
            }
            let write = format!("{name} by valueFrom.secretKeyRef");
            if env.get("value").is_some() {
                let what =
                    "the credential stands in the manifest, for all who can read it or the Pod";
                findings.add(Rule::CredentialInline, &env, what, &write);
            } else if env.at("valueFrom/configMapKeyRef").is_some() {
                let what = "the credential stands in a ConfigMap, which is no secret";
                findings.add(Rule::CredentialInline, &env, what, &write);
            }
            if let Some(optional) = env.at("valueFrom/secretKeyRef/optional")
                && optional.value.as_bool() == Some(true)
            {
                let what =
                    "the proxy starts without its credential, and the filter then refuses to";
                findings.add(Rule::CredentialMissing, &optional, what, "leave `optional` out");
            }
        }
    }
}
