//! What is wrong with arguments, in words for whoever writes them. serde's are for whoever wrote the types.

/// The same, as a sentence that begins with the parameter. `path` is `.` for the arguments as a whole.
pub(super) fn worded(path: &str, reason: &str) -> String {
    if let Some(name) = reason.strip_prefix("missing field ") {
        return format!("{}: is missing, and has to be given", beneath(path, name));
    }
    if let Some((name, rest)) =
        reason.strip_prefix("unknown field ").and_then(|rest| rest.split_once(", "))
    {
        let known = match known(rest) {
            names if names.is_empty() => "it takes none".to_owned(),
            names => format!("there are {names}"),
        };
        // The path of a field that there is not ends with it.
        return format!("{}: is no parameter; {known}", unquoted(name));
    }
    let reason =
        match (reason.strip_prefix("unknown variant "), reason.strip_prefix("invalid type: ")) {
            (Some(rest), _) => rest.split_once(", ").map(|(found, rest)| {
                format!("must be one of {}, and not {}", known(rest), unquoted(found))
            }),
            (None, Some(rest)) => rest
                .rsplit_once(", expected ")
                .map(|(found, expected)| format!("must be {}, and not {found}", meant(expected))),
            (None, None) => None,
        }
        .unwrap_or_else(|| reason.to_owned());
    if path == "." || reason.starts_with(path) { reason } else { format!("{path}: {reason}") }
}

fn beneath(path: &str, name: &str) -> String {
    let name = unquoted(name);
    if path == "." || path.ends_with(name) { name.to_owned() } else { format!("{path}.{name}") }
}

fn unquoted(name: &str) -> &str {
    name.trim_matches('`')
}

/// The names in ``expected one of `a`, `b` ``, ``expected `a` or `b` ``, ``expected `a` ``.
fn known(expected: &str) -> String {
    let names: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    names.join(", ")
}

fn meant(expected: &str) -> &str {
    match expected {
        "i8" | "i16" | "i32" | "i64" | "isize" | "u8" | "u16" | "u32" | "u64" | "usize" => {
            "a whole number"
        }
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" => "a text",
        "a sequence" => "a list",
        "a map" => "an object",
        other if other.starts_with("struct ") => "an object",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_of_the_parameter_and_without_types_of_ours() {
        for (path, reason, told) in [
            (".", "missing field `namespace`", "namespace: is missing, and has to be given"),
            ("query", "missing field `query`", "query: is missing, and has to be given"),
            (
                "foo",
                "unknown field `foo`, expected one of `limit`, `continue`",
                "foo: is no parameter; there are limit, continue",
            ),
            (
                "foo",
                "unknown field `foo`, expected `minified`",
                "foo: is no parameter; there are minified",
            ),
            (
                "foo",
                "unknown field `foo`, there are no fields",
                "foo: is no parameter; it takes none",
            ),
            (
                "kind",
                "unknown variant `deployment`, expected one of `Deployment`, `DaemonSet`",
                "kind: must be one of Deployment, DaemonSet, and not deployment",
            ),
            (
                "limit",
                "invalid type: string \"a, expected b\", expected i64",
                "limit: must be a whole number, and not string \"a, expected b\"",
            ),
            (
                "dryRun",
                "invalid type: string \"yes\", expected a boolean",
                "dryRun: must be true or false, and not string \"yes\"",
            ),
            ("limit", "limit must be 1 to 1000", "limit must be 1 to 1000"),
            ("name", "must be a name", "name: must be a name"),
        ] {
            assert_eq!(worded(path, reason), told);
        }
    }
}
