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

impl Denied {
    /// Whether a kind is denied. `plural` is its name in paths, which people write, too.
    #[must_use]
    pub fn covers(&self, group: &str, kind: &str, plural: &str) -> bool {
        self.0.iter().any(|entry| {
            entry.group.eq_ignore_ascii_case(group)
                && entry.kind.as_ref().is_none_or(|denied| {
                    denied.eq_ignore_ascii_case(kind) || denied.eq_ignore_ascii_case(plural)
                })
        })
    }
}

pub(super) fn read(top: &Section<'_>) -> Denied {
    let mut entries = Vec::new();
    for section in top.sections("denied_resources") {
        // The core group is the empty string, so an empty one is as good as any.
        let text = |key: &str| section.word(key, "a string", String::new());
        let (group, version, kind) = (text("group"), text("version"), text("kind"));
        if group.contains('/') {
            section.problem("group", "must be a group without a version, such as apps");
        }
        if group.is_empty() && version.is_empty() && kind.is_empty() {
            section.problem("kind", "is missing: write a kind, such as Secret");
        }
        entries.push(Entry { group, kind: Some(kind).filter(|kind| !kind.is_empty()) });
        section.finish();
    }
    Denied(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denied_kind_is_denied_in_its_group_and_by_either_of_its_names() {
        let entry = |group: &str, kind: Option<&str>| Entry {
            group: group.to_owned(),
            kind: kind.map(str::to_owned),
        };
        let denied = Denied(vec![
            entry("", Some("Secret")),
            entry("rbac.authorization.k8s.io", None),
            entry("apps", Some("deployments")),
        ]);
        for (group, kind, plural, covered) in [
            ("", "Secret", "secrets", true),
            ("", "secret", "secrets", true),
            ("", "ConfigMap", "configmaps", false),
            ("other.example.com", "Secret", "secrets", false),
            ("rbac.authorization.k8s.io", "Role", "roles", true),
            ("apps", "Deployment", "deployments", true),
            ("apps", "StatefulSet", "statefulsets", false),
        ] {
            assert_eq!(denied.covers(group, kind, plural), covered, "{group} {kind}");
        }
    }
}
