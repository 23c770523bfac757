//! Two states of one object, redacted side by side: for what shows what a change would do.

use serde_json::{Map, Value};

use super::{ShownSecrets, redact};

/// Two states of one object, redacted so that a value that changed is still seen to have changed: of what would look the
/// same on both sides though it is not, it is said which side it stands on.
pub(crate) fn redact_pair(
    before: &mut Map<String, Value>,
    after: &mut Map<String, Value>,
    shown: &ShownSecrets,
) {
    let (was, is) = (before.clone(), after.clone());
    redact(before, shown);
    redact(after, shown);
    for (key, redacted) in before.iter_mut() {
        if let (Some(was), Some(is), Some(other)) = (was.get(key), is.get(key), after.get_mut(key))
        {
            tell_apart((was, redacted), (is, other));
        }
    }
}

/// Each side is what it was and what became of it.
fn tell_apart(before: (&Value, &mut Value), after: (&Value, &mut Value)) {
    let ((was, shown_before), (is, shown_after)) = (before, after);
    if was == is || (&*shown_before == was && &*shown_after == is) {
        return;
    }
    match (was, shown_before, is, shown_after) {
        (
            Value::Object(was),
            Value::Object(shown_before),
            Value::Object(is),
            Value::Object(shown_after),
        ) => {
            for (key, shown_before) in shown_before.iter_mut() {
                if let (Some(was), Some(is), Some(shown_after)) =
                    (was.get(key), is.get(key), shown_after.get_mut(key))
                {
                    tell_apart((was, shown_before), (is, shown_after));
                }
            }
        }
        (
            Value::Array(was),
            Value::Array(shown_before),
            Value::Array(is),
            Value::Array(shown_after),
        ) => {
            let before = was.iter().zip(shown_before);
            for (before, after) in before.zip(is.iter().zip(shown_after)) {
                tell_apart(before, after);
            }
        }
        (was, shown_before, is, shown_after) => {
            for (value, shown, side) in [(was, shown_before, "before"), (is, shown_after, "after")]
            {
                if let Value::String(text) = shown
                    && value.as_str() != Some(text)
                {
                    *text = format!("{}, {side}]", text.strip_suffix(']').unwrap_or(text));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secret() -> Value {
        json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "a", "namespace": "shop"},
            "data": {"password": "aHVudGVyMg=="},
        })
    }

    #[test]
    fn a_value_that_changed_is_seen_to_have_changed_and_one_that_stayed_is_not() {
        let before = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "shop"},
            "data": {"same": "aHVudGVyMg==", "changed": "aHVudGVyMg==", "longer": "aHVudGVyMg==", "gone": "aHVudGVyMg=="},
            "type": "Opaque",
        });
        let mut after = before.clone();
        after["data"] = json!({"same": "aHVudGVyMg==", "changed": "aHVudGVyMw==", "longer": "aHVudGVyMjM=", "new": "aHVudGVyMg=="});
        let shown = |before: &Value, after: &Value, secrets: &ShownSecrets| {
            let (mut before, mut after) = (before.clone(), after.clone());
            redact_pair(before.as_object_mut().unwrap(), after.as_object_mut().unwrap(), secrets);
            (before["data"].clone(), after["data"].clone())
        };
        assert_eq!(
            shown(&before, &after, &ShownSecrets::default()),
            (
                json!({"same": "[redacted: 7 bytes]", "changed": "[redacted: 7 bytes, before]", "longer": "[redacted: 7 bytes, before]", "gone": "[redacted: 7 bytes]"}),
                json!({"same": "[redacted: 7 bytes]", "changed": "[redacted: 7 bytes, after]", "longer": "[redacted: 8 bytes, after]", "new": "[redacted: 7 bytes]"}),
            )
        );
        let whole = ShownSecrets::new(vec![("shop".to_owned(), None)]);
        assert_eq!(
            shown(&before, &after, &whole),
            (before["data"].clone(), after["data"].clone()),
            "the control"
        );
    }

    #[test]
    fn what_a_shape_hides_is_redacted_on_both_sides_of_a_pair_too() {
        for (was, is) in [
            (json!("aHVudGVyMg=="), json!({"k": "aHVudGVyMg=="})),
            (json!(null), json!("aHVudGVyMg==")),
            (json!({"k": ["aHVudGVyMg=="]}), json!({"k": "aHVudGVyMg=="})),
        ] {
            let (mut before, mut after) = (secret(), secret());
            (before["data"], after["data"]) = (was, is);
            redact_pair(
                before.as_object_mut().unwrap(),
                after.as_object_mut().unwrap(),
                &ShownSecrets::default(),
            );
            assert!(!format!("{before}{after}").contains("aHVudGVyMg"), "{before} {after}");
        }
    }
}
