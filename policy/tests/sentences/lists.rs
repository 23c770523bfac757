//! What is shown of tools before anybody knows with which arguments they will be called.

use obolus_core::token::Memberships;
use serde_json::json;

use crate::{Asked, names, program};

#[test]
fn a_list_shows_what_some_arguments_could_open() {
    for (policies, expected) in [
        ("permit(principal, action, resource);", true),
        ("", false),
        // Rests on the arguments.
        (
            "permit(principal, action, resource is Tool) when { context.arguments has namespace };",
            true,
        ),
        (
            "permit(principal, action, resource is Tool) when { context.arguments has namespace && \
             context.arguments.namespace == \"dev\" };",
            true,
        ),
        (
            "permit(principal, action, resource is Tool) unless { context.arguments has namespace };",
            true,
        ),
        (
            "permit(principal, action, resource); forbid(principal, action, resource is Tool) \
             when { context.arguments has namespace };",
            true,
        ),
        // Does not rest on them, whatever they are.
        (
            "permit(principal, action, resource is Tool) when { context.arguments has namespace && \
             principal.scopes.contains(\"other\") };",
            false,
        ),
        (
            "permit(principal, action, resource); forbid(principal, action, resource is Tool) \
             when { context.arguments has namespace || resource.readOnlyHint };",
            false,
        ),
        (
            "permit(principal, action, resource is Tool) when { \
             if context.arguments has namespace then false else resource.tags.contains(\"secret\") };",
            false,
        ),
        (
            "permit(principal, action, resource is Tool) when { \
             if context.arguments has namespace then false else resource.tags.contains(\"view\") };",
            true,
        ),
        (
            "permit(principal, action, resource is Tool) when { \
             [context.arguments has namespace, true].contains(false) };",
            true,
        ),
        // Of an entity that stands in the policy, and may be the one that is asked for.
        (
            "permit(principal, action, resource is Tool) \
             when { Tool::\"kubernetes/pods_list\" in Server::\"kubernetes\" };",
            true,
        ),
        // What is known of the context is known here, too.
        ("permit(principal, action, resource) when { context.target == \"kubernetes\" };", true),
        ("permit(principal, action, resource) when { context.target == \"other\" };", false),
    ] {
        let program = program(policies);
        let asked = Asked::of(&program);
        assert_eq!(asked.is_listed(), expected, "{policies}");
    }
}

#[test]
fn in_a_list_a_claim_that_is_not_told_counts_as_in_a_call() {
    for (condition, permitted, forbidden) in [
        // Whatever the arguments are, the permit reads the group or is false; the forbid may be false.
        ("context.arguments has namespace && principal in Group::\"x\"", false, false),
        // The permit may be true; the forbid is true, or reads the group.
        ("context.arguments has namespace || principal in Group::\"x\"", true, true),
        // Without the argument no group is read.
        ("(context.arguments has namespace && principal in Group::\"x\") == false", true, false),
    ] {
        let permit = program(&format!(
            "permit(principal, action, resource is Tool) when {{ {condition} }};"
        ));
        let forbid = program(&format!(
            "permit(principal, action, resource);\n\
             forbid(principal, action, resource is Tool) when {{ {condition} }};"
        ));
        for (program, expected) in [(&permit, permitted), (&forbid, !forbidden)] {
            let mut asked = Asked::of(program);
            asked.told.groups = Memberships::Unresolved;
            assert_eq!(asked.is_listed(), expected, "{condition}");
        }
    }
}

#[test]
fn a_call_is_never_permitted_that_no_list_would_show() {
    let program = program(
        "permit(principal, action, resource is Tool) when { context.arguments has namespace && \
           context.arguments.namespace like \"dev-*\" };\n\
         permit(principal in Group::\"ops\", action, resource);\n\
         forbid(principal, action, resource is Tool) when { context.arguments has namespace && \
           context.arguments.namespace == \"dev-secret\" && !(principal in Group::\"ops\") };\n\
         forbid(principal, action, resource == Tool::\"kubernetes/scale\") when { context.arguments.replicas > 9 };",
    );
    let mut permitted = 0;
    for tool in ["pods_list", "scale"] {
        for groups in [names(&[]), names(&["ops"]), Memberships::Absent, Memberships::Unresolved] {
            for namespace in [json!(null), json!("dev-a"), json!("dev-secret"), json!("prod")] {
                for replicas in [1, 20] {
                    let mut asked = Asked::of(&program);
                    asked.told.groups = groups.clone();
                    asked.tool = tool;
                    asked.arguments = json!({"namespace": namespace, "replicas": replicas});
                    if tool == "pods_list" {
                        asked.arguments = json!({"namespace": namespace});
                    }
                    if asked.is_permitted() {
                        permitted += 1;
                        assert!(asked.is_listed(), "{tool} {groups:?} {namespace} {replicas}");
                    }
                }
            }
        }
    }
    assert!(permitted > 10, "{permitted}");
}
