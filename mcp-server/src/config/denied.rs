//! `[[denied_resources]]`: kinds that nobody reaches through this server, whatever RBAC says.
//!
//! `kubernetes-mcp-server` compares versions, so that a kind that is served in two is reached by the other one. Here a
//! denied kind is denied in every version.

use obolus_core::config::Section;

/// Kinds that are denied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Denied(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    group: String,
    /// Without one, every kind of the group.
    kind: Option<String>,
}

/// The group of older events and that of newer ones: the same objects.
const EVENT_GROUPS: [&str; 2] = ["", "events.k8s.io"];

/// Names that `kubectl` takes, and that discovery has beside the kind's own.
const SHORT_NAMES: [(&str, &str); 32] = [
    ("cj", "CronJob"),
    ("cm", "ConfigMap"),
    ("crd", "CustomResourceDefinition"),
    ("crds", "CustomResourceDefinition"),
    ("cs", "ComponentStatus"),
    ("csr", "CertificateSigningRequest"),
    ("deploy", "Deployment"),
    ("ds", "DaemonSet"),
    ("ep", "Endpoints"),
    ("ev", "Event"),
    ("hpa", "HorizontalPodAutoscaler"),
    ("ing", "Ingress"),
    ("ip", "IPAddress"),
    ("limits", "LimitRange"),
    ("netpol", "NetworkPolicy"),
    ("no", "Node"),
    ("ns", "Namespace"),
    ("pc", "PriorityClass"),
    ("pdb", "PodDisruptionBudget"),
    ("po", "Pod"),
    ("psp", "PodSecurityPolicy"),
    ("pv", "PersistentVolume"),
    ("pvc", "PersistentVolumeClaim"),
    ("quota", "ResourceQuota"),
    ("rc", "ReplicationController"),
    ("rs", "ReplicaSet"),
    ("sa", "ServiceAccount"),
    ("sc", "StorageClass"),
    ("sts", "StatefulSet"),
    ("svc", "Service"),
    ("vac", "VolumeAttributesClass"),
    ("vpa", "VerticalPodAutoscaler"),
];

impl Denied {
    /// Whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a kind is denied. `plural` is its name in paths, which people write, too.
    #[must_use]
    pub fn covers(&self, group: &str, kind: &str, plural: &str) -> bool {
        let is_event = kind.eq_ignore_ascii_case("Event") && EVENT_GROUPS.contains(&group);
        self.0.iter().any(|entry| {
            let is_group = entry.group.eq_ignore_ascii_case(group)
                || is_event && EVENT_GROUPS.contains(&entry.group.as_str());
            is_group
                && entry.kind.as_ref().is_none_or(|denied| {
                    denied.eq_ignore_ascii_case(kind) || denied.eq_ignore_ascii_case(plural)
                })
        })
    }
}

/// What would deny nothing is refused: whoever wrote it believes that something is denied.
pub(super) fn read(top: &Section<'_>) -> Denied {
    let mut entries = Vec::new();
    for section in top.sections("denied_resources") {
        // The core group is the empty string, so an empty one is as good as any.
        let text = |key: &str| section.word(key, "a string", String::new());
        let (group, version, kind) = (text("group"), text("version"), text("kind"));
        for (key, problem) in [
            ("group", group_problem(&group).map(str::to_owned)),
            ("version", version_problem(&version).map(str::to_owned)),
            ("kind", kind_problem(&kind)),
        ] {
            if let Some(problem) = problem {
                section.problem(key, problem);
            }
        }
        if group.is_empty() && version.is_empty() && kind.is_empty() {
            section.problem("kind", "is missing: write a kind, such as Secret");
        }
        // As people call it; discovery has no name for it.
        let group = if group == "core" { String::new() } else { group.to_ascii_lowercase() };
        entries.push(Entry { group, kind: Some(kind).filter(|kind| !kind.is_empty()) });
        section.finish();
    }
    Denied(entries)
}

pub(super) fn group_problem(group: &str) -> Option<&'static str> {
    let is_label = |label: &str| {
        label.starts_with(|c: char| c.is_ascii_alphanumeric())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if group.contains('/') {
        return Some("must be a group without a version, such as apps");
    }
    if is_version(group) {
        return Some("is a version: write the group, which for Pod, Secret and the like is \"\"");
    }
    (!group.is_empty() && !group.split('.').all(is_label)).then_some(
        "must be one group by its name, such as apps or rbac.authorization.k8s.io: an entry for each, and no patterns",
    )
}

pub(super) fn version_problem(version: &str) -> Option<&'static str> {
    (!version.is_empty() && !is_version(version))
        .then_some("must be a version without its group, such as v1; every version is denied")
}

pub(super) fn kind_problem(kind: &str) -> Option<String> {
    if let Some((_, meant)) = SHORT_NAMES.iter().find(|(short, _)| short.eq_ignore_ascii_case(kind))
    {
        return Some(format!("is a short name, which is compared with nothing: write {meant}"));
    }
    let is_kind = kind.starts_with(|c: char| c.is_ascii_alphabetic())
        && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    (!kind.is_empty() && !is_kind).then(|| {
        "must be one kind, such as Secret; leave it out for every kind of the group".to_owned()
    })
}

/// `v1`, `v2beta1`.
fn is_version(text: &str) -> bool {
    text.strip_prefix('v').is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_digit())
            && rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn denied(entry: &Value) -> Result<Denied, String> {
        let value = json!({ "denied_resources": [entry] });
        let top = Section::top(&value).unwrap();
        let denied = read(&top);
        top.conclude(Some(denied)).map_err(|problems| problems.to_string())
    }

    #[test]
    fn a_denied_kind_is_denied_in_its_group_and_by_either_of_its_names() {
        for (entry, group, kind, plural, covered) in [
            (json!({"kind": "Secret"}), "", "Secret", "secrets", true),
            (json!({"kind": "secrets"}), "", "Secret", "secrets", true),
            (json!({"kind": "Secret"}), "", "ConfigMap", "configmaps", false),
            (json!({"kind": "Secret"}), "other.example.com", "Secret", "secrets", false),
            (json!({"group": "core", "kind": "Secret"}), "", "Secret", "secrets", true),
            (json!({"group": "core", "version": "v1"}), "", "Secret", "secrets", true),
            (json!({"group": "core"}), "apps", "Deployment", "deployments", false),
            (
                json!({"group": "rbac.authorization.k8s.io"}),
                "rbac.authorization.k8s.io",
                "Role",
                "roles",
                true,
            ),
            (
                json!({"group": "Apps", "kind": "deployments"}),
                "apps",
                "Deployment",
                "deployments",
                true,
            ),
            (
                json!({"group": "apps", "kind": "deployments"}),
                "apps",
                "StatefulSet",
                "statefulsets",
                false,
            ),
        ] {
            assert_eq!(
                denied(&entry).unwrap().covers(group, kind, plural),
                covered,
                "{entry} {group} {kind}"
            );
        }
    }

    #[test]
    fn events_are_denied_in_both_groups_that_serve_them() {
        for entry in [
            json!({"kind": "Event"}),
            json!({"group": "events.k8s.io", "kind": "events"}),
            json!({"group": "events.k8s.io"}),
            json!({"group": "core", "version": "v1"}),
        ] {
            let denied = denied(&entry).unwrap();
            for group in EVENT_GROUPS {
                assert!(denied.covers(group, "Event", "events"), "{entry} {group}");
            }
            assert!(!denied.covers("other.example.com", "Event", "events"), "{entry}");
        }
        let others = denied(&json!({"kind": "Secret"})).unwrap();
        assert!(!EVENT_GROUPS.iter().any(|group| others.covers(group, "Event", "events")));
        let newer = denied(&json!({"group": "events.k8s.io"})).unwrap();
        assert!(!newer.covers("", "Secret", "secrets"));
    }

    #[test]
    fn an_entry_that_would_deny_nothing_is_refused() {
        for (entry, key, word) in [
            (json!({"group": "*", "kind": "*"}), "group", "no patterns"),
            (json!({"group": "*", "kind": "*"}), "kind", "must be one kind"),
            (json!({"group": "*.k8s.io"}), "group", "no patterns"),
            (json!({"group": "apps/v1"}), "group", "without a version"),
            (json!({"group": "v1", "kind": "Secret"}), "group", "is a version"),
            (json!({"group": "apps "}), "group", "by its name"),
            (json!({"version": "apps/v1", "kind": "Deployment"}), "version", "without its group"),
            (json!({"version": "*", "kind": "Secret"}), "version", "without its group"),
            (json!({"kind": "po"}), "kind", "write Pod"),
            (json!({"kind": "SVC"}), "kind", "write Service"),
            (json!({"kind": "pods/log"}), "kind", "must be one kind"),
            (json!({"kind": "Secret, Pod"}), "kind", "must be one kind"),
        ] {
            let told = denied(&entry).unwrap_err();
            let start = format!("denied_resources[0].{key}: ");
            assert!(told.contains(&start) && told.contains(word), "{entry} {told}");
        }
    }
}
