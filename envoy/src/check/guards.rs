//! Reads guards, and holds them against what the generator writes.

use serde_json::Value;

use super::node::Node;
use crate::guard;

/// What a listener's filter is, as a guard.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Guard<'a> {
    /// Lets requests reach these clusters with their own permit only.
    Of(Vec<&'a str>),
    /// Lets requests reach any cluster with its own permit only.
    OfEvery,
    /// Reads the permit, or has the guard's name, and says something else.
    Another,
}

/// The guard that this HTTP filter of a listener is, if it is meant as one.
pub(super) fn of_listener<'a>(filter: &Node<'a>) -> Option<Guard<'a>> {
    if !is_meant_as_guard(filter, guard::NAME) {
        return None;
    }
    let lists = filter.walk().into_iter().filter_map(|node| node.at("list_expr/elements"));
    let listed: Vec<&str> = lists
        .flat_map(|list| list.items())
        .map(|element| element.text("const_expr/string_value"))
        .collect();
    Some(if is_the_same(filter, &guard::guard(&listed)) {
        Guard::Of(listed)
    } else if is_the_same(filter, &guard::of_every_cluster()) {
        Guard::OfEvery
    } else {
        Guard::Another
    })
}

/// Whether this HTTP filter of a cluster is the guard of `cluster`; nothing when it is none at all.
pub(super) fn of_cluster(filter: &Node<'_>, cluster: &str) -> Option<bool> {
    is_meant_as_guard(filter, guard::CLUSTER_NAME)
        .then(|| is_the_same(filter, &guard::on_cluster(cluster)))
}

/// The rule of a listener's guard, for a person.
pub(super) fn listener_rule<S: AsRef<str>>(clusters: &[S]) -> String {
    let clusters: Vec<_> = clusters.iter().map(|name| format!("'{}'", name.as_ref())).collect();
    format!(
        "`{}` with !has(xds.cluster_name) || !(xds.cluster_name in [{}]) && !('{state}' in filter_state) \
         || filter_state['{state}'] == bytes(xds.cluster_name)",
        guard::NAME,
        clusters.join(", "),
        state = guard::PERMIT_STATE,
    )
}

/// The rule of a cluster's guard, for a person.
pub(super) fn cluster_rule(cluster: &str) -> String {
    format!(
        "`{}` with filter_state['{}'] == bytes('{cluster}')",
        guard::CLUSTER_NAME,
        guard::PERMIT_STATE
    )
}

fn is_meant_as_guard(filter: &Node<'_>, name: &str) -> bool {
    let reads_permit = || {
        let is_state = |node: &Node<'_>| node.value.as_str() == Some(guard::PERMIT_STATE);
        filter.walk().iter().any(is_state)
    };
    filter.text("name") == name
        || (filter.at("typed_config").is_some_and(|config| config.type_name() == "RBAC")
            && reads_permit())
}

/// Names and statistics are free; everything else decides who passes.
fn is_the_same(filter: &Node<'_>, expected: &Value) -> bool {
    const DECIDES_NOTHING: [&str; 5] = [
        "rules_stat_prefix",
        "shadow_rules_stat_prefix",
        "shadow_rules",
        "shadow_matcher",
        "track_per_rule_stats",
    ];
    let decisive = |filter: &Value| {
        let mut config = canonical(filter.get("typed_config").unwrap_or(&Value::Null));
        if let Some(config) = config.as_object_mut() {
            config.retain(|key, _| !DECIDES_NOTHING.contains(&key.as_str()));
        }
        config
    };
    decisive(filter.value) == decisive(expected)
}

/// Without what protobuf's JSON may say or leave out.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(canonical).collect(),
        Value::Object(map) => {
            let says_default = |key: &str, value: &Value| match key {
                "action" => value == "ALLOW",
                "test_only" => value == false,
                "id" => value.is_string() || value.is_number(),
                _ => value.is_null(),
            };
            let said = map.iter().filter(|(key, value)| !says_default(key, value));
            Value::Object(said.map(|(key, value)| (key.clone(), canonical(value))).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::document::{Document, Kind};
    use super::*;

    fn document(value: Value) -> Document {
        Document { file: String::new(), object: String::new(), kind: Kind::Bootstrap, value }
    }

    fn reading(value: Value) -> Option<usize> {
        match of_listener(&Node::top(&document(value)))? {
            Guard::Of(listed) => Some(listed.len()),
            Guard::OfEvery => Some(usize::MAX),
            Guard::Another => Some(0),
        }
    }

    #[test]
    fn the_generator_s_guard_is_one_whatever_its_name_and_nothing_else_is() {
        let good = guard::guard(&["a", "b"]);
        assert_eq!(reading(good.clone()), Some(2));
        assert_eq!(reading(guard::of_every_cluster()), Some(usize::MAX));

        let mut renamed = good.clone();
        renamed["name"] = json!("envoy.filters.http.rbac");
        renamed["typed_config"]["rules_stat_prefix"] = json!("x");
        renamed["typed_config"]["rules"].as_object_mut().unwrap().remove("action");
        assert_eq!(reading(renamed), Some(2));

        for (pointer, value) in [
            ("/typed_config/rules/action", json!("DENY")),
            ("/typed_config/rules/action", json!("LOG")),
            (
                "/typed_config/rules/policies/open",
                json!({"permissions": [{"any": true}], "principals": [{"any": true}]}),
            ),
            ("/typed_config/matcher", json!({})),
            ("/typed_config/rules/policies/permitted/condition/call_expr/function", json!("_&&_")),
        ] {
            let mut bad = good.clone();
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            bad.pointer_mut(parent).unwrap()[key] = value;
            assert_eq!(reading(bad), Some(0), "{pointer}");
        }

        assert_eq!(reading(json!({"name": "x", "typed_config": {"@type": "a.RBAC"}})), None);
    }

    #[test]
    fn a_cluster_s_guard_is_for_that_cluster_alone() {
        let document = document(guard::on_cluster("a"));
        assert_eq!(of_cluster(&Node::top(&document), "a"), Some(true));
        assert_eq!(of_cluster(&Node::top(&document), "b"), Some(false));
    }
}
