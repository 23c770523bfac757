//! Which container of a pod is meant when nobody says.

use serde_json::Value;

use crate::cluster::{Caller, RawObject, Resource};
use crate::failure::Failure;
use crate::names::{Namespace, ObjectName, is_dns_label};

/// By which a pod says which of its containers is meant, as `kubectl` reads it.
const DEFAULT: &str = "kubectl.kubernetes.io/default-container";

/// The containers of a pod, by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Containers {
    pub(super) init: Vec<String>,
    pub(super) regular: Vec<String>,
    pub(super) ephemeral: Vec<String>,
    /// The one that the pod itself names.
    default: Option<String>,
}

impl Containers {
    /// Reads the pod.
    pub(super) async fn of(
        caller: &Caller,
        namespace: &Namespace,
        name: &ObjectName,
    ) -> Result<Self, Failure> {
        let pods = Resource::core("Pod", "pods", true);
        Ok(Self::within(&caller.get(&pods, namespace, name).await?))
    }

    fn within(pod: &RawObject) -> Self {
        let names = |list: &str| -> Vec<String> {
            let containers = pod.pointer(list).and_then(Value::as_array).into_iter().flatten();
            let names = containers.filter_map(|container| container.get("name")?.as_str());
            names.filter(|name| is_dns_label(name)).map(str::to_owned).collect()
        };
        let regular = names("/spec/containers");
        let annotations = pod.pointer("/metadata/annotations");
        let default = annotations.and_then(|all| all.get(DEFAULT)?.as_str());
        let default = default.filter(|name| regular.iter().any(|other| other == name));
        Self {
            init: names("/spec/initContainers"),
            default: default.map(str::to_owned),
            ephemeral: names("/spec/ephemeralContainers"),
            regular,
        }
    }

    /// All of them, in the order in which they start.
    pub(super) fn all(self) -> Vec<String> {
        [self.init, self.regular, self.ephemeral].concat()
    }

    /// What there is to choose from.
    fn choice(&self) -> String {
        let group = |label: &str, names: &[String]| {
            if names.is_empty() {
                String::new()
            } else {
                format!("; {label}: {}", names.join(", "))
            }
        };
        let regular = self.regular.join(", ");
        let init = group("init containers", &self.init);
        let ephemeral = group("ephemeral containers", &self.ephemeral);
        format!("{regular}{init}{ephemeral}")
    }
}

/// Whether the API server wants to know which container is meant.
pub(super) fn is_unclear(failure: &Failure) -> bool {
    matches!(failure, Failure::Rejected { status: 400, message, .. }
        if message.contains("a container name must be specified"))
}

/// The container that the pod names itself, or `unclear` with the names that there are: `or` says what else may be done.
pub(super) async fn named_by_the_pod(
    caller: &Caller,
    namespace: &Namespace,
    name: &ObjectName,
    unclear: Failure,
    or: &str,
) -> Result<String, Failure> {
    // Who may read logs need not be allowed to read pods; the API server's own words name the containers, too.
    let Ok(containers) = Containers::of(caller, namespace, name).await else { return Err(unclear) };
    match &containers.default {
        Some(default) => Ok(default.clone()),
        None => Err(Failure::InvalidArguments(format!(
            "container is needed, because pod {name} in namespace {namespace} has several: {}{or}",
            containers.choice()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(annotation: &str) -> Containers {
        let named = |name: &str| json!([{"name": name}]);
        Containers::within(&RawObject::of(json!({
            "metadata": {"annotations": {DEFAULT: annotation}},
            "spec": {
                "containers": [{"name": "web"}, {"name": "proxy"}, {"name": "../x"}],
                "initContainers": named("setup"),
                "ephemeralContainers": named("debugger"),
            },
        })))
    }

    #[test]
    fn a_pod_may_name_the_container_that_is_meant_and_no_other_than_its_own() {
        assert_eq!(pod("proxy").default.as_deref(), Some("proxy"));
        for other in ["setup", "missing", "", "../x"] {
            assert_eq!(pod(other).default, None, "{other}");
        }
        assert_eq!(
            pod("").choice(),
            "web, proxy; init containers: setup; ephemeral containers: debugger"
        );
        assert_eq!(pod("").all(), ["setup", "web", "proxy", "debugger"]);
    }
}
