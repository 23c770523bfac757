//! Which scopes would help.

use std::collections::BTreeSet;

use obolus_core::token::Memberships;
use serde_json::json;

use crate::{Asked, names, program};

#[test]
fn the_scopes_that_would_help_are_told_all_of_them_and_no_more() {
    for (policies, expected) in [
        (
            "permit(principal, action, resource) when { principal.scopes.contains(\"a\") };",
            &["a"][..],
        ),
        ("permit(principal in Scope::\"a\", action, resource);", &["a"]),
        (
            "permit(principal, action, resource) when { principal.scopes.containsAll([\"b\", \"a\", \"mcp\"]) };",
            &["a", "b"],
        ),
        // Either would do: always the same one.
        (
            "permit(principal, action, resource) when { principal.scopes.containsAny([\"b\", \"a\"]) };",
            &["a"],
        ),
        (
            "permit(principal in Scope::\"a\", action, resource);\n\
             forbid(principal, action, resource) unless { principal.scopes.contains(\"b\") };",
            &["a", "b"],
        ),
        // A scope does not help.
        (
            "permit(principal in Scope::\"a\", action, resource);\n\
             forbid(principal, action, resource) when { principal.client == \"agent\" };",
            &[],
        ),
        (
            "permit(principal in Scope::\"a\", action, resource) when { principal.client == \"x\" };",
            &[],
        ),
        ("permit(principal in Group::\"a\", action, resource);", &[]),
        // Permitted already, also where another policy wants more.
        (
            "permit(principal in Scope::\"mcp\", action, resource);\n\
             permit(principal in Scope::\"a\", action, resource);",
            &[],
        ),
    ] {
        let program = program(policies);
        assert_eq!(Asked::of(&program).scopes(), expected, "{policies}");
        assert_eq!(Asked::of(&program).scopes_to_list(), expected, "{policies}");
        let mut stepped_up = Asked::of(&program);
        if !expected.is_empty() {
            let all: BTreeSet<_> = expected.iter().copied().chain(["mcp"]).collect();
            stepped_up.told.scopes = names(&all.into_iter().collect::<Vec<_>>());
            assert!(stepped_up.is_permitted(), "{policies}");
            stepped_up.told.scopes = Memberships::Absent;
            assert!(!stepped_up.scopes().is_empty(), "{policies}");
        }
    }
}

#[test]
fn what_scopes_help_may_rest_on_the_arguments() {
    let program = program(
        "permit(principal in Scope::\"read\", action, resource);\n\
         forbid(principal, action, resource is Tool) when { context.arguments has namespace && \
           context.arguments.namespace == \"prod\" } unless { principal in Scope::\"prod\" };",
    );
    let mut asked = Asked::of(&program);
    asked.arguments = json!({"namespace": "prod"});
    assert_eq!(asked.scopes(), ["prod", "read"]);
    asked.arguments = json!({"namespace": "dev"});
    assert_eq!(asked.scopes(), ["read"]);
    assert_eq!(asked.scopes_to_list(), ["read"], "some arguments are enough");
}
