//! What a token does not tell, and errors: both keep closed.

use obolus_core::policy::cedar::{Decision, DeniedBy, Fault, Told};
use obolus_core::token::Memberships;
use serde_json::json;

use crate::{Asked, names, program, told};

/// Permitted, with these groups.
fn with_groups(policies: &str, groups: Memberships) -> bool {
    let program = program(policies);
    let mut asked = Asked::of(&program);
    asked.told.groups = groups;
    let permitted = asked.is_permitted();
    assert_eq!(asked.is_listed(), permitted, "nothing here reads arguments");
    permitted
}

#[test]
fn a_permit_that_reads_a_claim_which_is_not_told_does_not_apply() {
    for condition in [
        "principal in Group::\"dev\"",
        "principal in [Group::\"dev\", Group::\"ops\"]",
        "principal.groups.contains(\"dev\")",
        "!principal.groups.contains(\"contractors\")",
        "principal.groups == [\"dev\"]",
        "[principal.groups].contains([\"dev\"])",
        "{a: principal.groups} == {a: [\"dev\"]}",
        "!(principal in Group::\"contractors\") && resource.readOnlyHint",
        "principal.groups.contains(\"dev\") || true",
        "if principal in Group::\"dev\" then true else true",
    ] {
        let policies =
            format!("permit(principal, action, resource is Tool) when {{ {condition} }};");
        assert!(with_groups(&policies, names(&["dev"])), "{condition}");
        assert!(!with_groups(&policies, Memberships::Absent), "{condition}");
        assert!(!with_groups(&policies, Memberships::Unresolved), "{condition}");
    }
    let head = "permit(principal in Group::\"dev\", action, resource);";
    assert!(with_groups(head, names(&["dev"])));
    assert!(!with_groups(head, names(&[])));
    assert!(!with_groups(head, Memberships::Unresolved));
}

#[test]
fn a_forbid_that_reads_a_claim_which_is_not_told_applies() {
    for condition in [
        "principal in Group::\"contractors\"",
        "principal.groups.contains(\"contractors\")",
        "!(principal in Group::\"dev\")",
        "!principal.groups.contains(\"dev\")",
        "principal.groups.contains(\"contractors\") && !resource.readOnlyHint",
        "principal.groups.isEmpty()",
    ] {
        let policies = format!(
            "permit(principal, action, resource);\n\
             @id(\"f\") @reason(\"not for you\") forbid(principal, action, resource is Tool) when {{ {condition} }};"
        );
        assert!(with_groups(&policies, names(&["dev"])), "{condition}");
        assert!(!with_groups(&policies, Memberships::Absent), "{condition}");
        assert!(!with_groups(&policies, Memberships::Unresolved), "{condition}");
        let program = program(&policies);
        let mut asked = Asked::of(&program);
        asked.told.groups = Memberships::Unresolved;
        let denied = Decision::Deny {
            by: DeniedBy::Forbid,
            policies: vec!["f".into()],
            reason: Some("not for you".into()),
        };
        assert_eq!(asked.decide(), denied);
    }
}

#[test]
fn what_is_not_reached_is_not_read() {
    for (effect, expected) in [("permit", true), ("forbid", false)] {
        let policies = format!(
            "{}\n\
             {effect}(principal, action, resource is Tool) when {{ resource.readOnlyHint || principal in Group::\"x\" }};",
            if effect == "forbid" { "permit(principal, action, resource);" } else { "" }
        );
        assert_eq!(with_groups(&policies, Memberships::Unresolved), expected);
    }
    let unread = "permit(principal, action, resource);\n\
         forbid(principal, action, resource is Tool) when { !resource.readOnlyHint && principal in Group::\"x\" };\n\
         forbid(principal in Group::\"x\", action, resource == Tool::\"kubernetes/scale\");";
    assert!(with_groups(unread, Memberships::Unresolved), "neither gets as far as the group");
}

#[test]
fn whether_a_claim_is_there_may_be_asked_and_an_unresolved_one_is_neither() {
    let has = "permit(principal, action, resource) when { principal has groups };";
    let has_not = "permit(principal, action, resource) when { !(principal has groups) };";
    let otherwise = "permit(principal, action, resource) when {\n\
         if principal has groups then principal.groups.contains(\"dev\") else principal.scopes.contains(\"mcp\") };";
    let forbid = "permit(principal, action, resource);\n\
         forbid(principal, action, resource) when { principal has groups };";
    for (policies, present, absent, unresolved) in [
        (has, true, false, false),
        (has_not, false, true, false),
        (otherwise, true, true, false),
        (forbid, false, true, false),
    ] {
        assert_eq!(with_groups(policies, names(&["dev"])), present, "{policies}");
        assert_eq!(with_groups(policies, Memberships::Absent), absent, "{policies}");
        assert_eq!(with_groups(policies, Memberships::Unresolved), unresolved, "{policies}");
    }
}

#[test]
fn the_same_holds_for_every_claim_that_a_token_may_not_tell() {
    for (permit, change) in [
        ("principal in Role::\"r\"", (|told| told.roles = names(&["r"])) as fn(&mut Told)),
        ("principal.roles.contains(\"r\")", |told| told.roles = names(&["r"])),
        ("principal in Scope::\"s\"", |told| told.scopes = names(&["s"])),
        ("principal.authContexts.contains(\"c1\")", |told| told.auth_contexts = names(&["c1"])),
        ("principal.authMethods.contains(\"mfa\")", |told| told.auth_methods = names(&["mfa"])),
        ("principal.client == \"c\"", |told| told.client = Some("c".to_owned())),
        ("principal.tenant == \"t\"", |told| told.tenant = Some("t".to_owned())),
    ] {
        let permits = program(&format!("permit(principal, action, resource) when {{ {permit} }};"));
        let forbids = program(&format!(
            "permit(principal, action, resource);\n\
             forbid(principal, action, resource) when {{ !({permit}) }};"
        ));
        for program in [&permits, &forbids] {
            let mut asked = Asked::of(program);
            change(&mut asked.told);
            assert!(asked.is_permitted(), "{permit}");
            asked.told = Told {
                client: None,
                tenant: None,
                roles: Memberships::Unresolved,
                scopes: Memberships::Absent,
                ..told()
            };
            assert!(!asked.is_permitted(), "{permit}");
        }
    }
}

#[test]
fn a_role_that_is_told_is_enough_where_the_groups_are_not() {
    let program = program(
        "permit(principal in Group::\"ops\", action, resource);\n\
                 permit(principal, action, resource) when { principal in Role::\"admin\" || principal in Group::\"ops\" };",
    );
    let mut asked = Asked::of(&program);
    asked.told.groups = Memberships::Unresolved;
    assert!(!asked.is_permitted());
    asked.told.roles = names(&["viewer"]);
    assert!(!asked.is_permitted());
    asked.told.roles = names(&["admin"]);
    assert!(asked.is_permitted());
}

#[test]
fn an_error_denies_whoever_it_is_for() {
    for effect in ["permit", "forbid"] {
        let policies = format!(
            "@id(\"all\") permit(principal, action, resource);\n\
             @id(\"sum\") {effect}(principal, action, resource == Tool::\"kubernetes/scale\")\n\
               when {{ context.arguments.replicas + 1 > 5 }};"
        );
        let program = program(&policies);
        let mut asked = Asked::of(&program);
        asked.tool = "scale";
        asked.arguments = json!({"replicas": 1});
        assert!(asked.is_permitted());
        asked.arguments = json!({"replicas": i64::MAX});
        let denied = Decision::Deny {
            by: DeniedBy::Error(Fault::Overflow),
            policies: vec!["sum".into()],
            reason: None,
        };
        assert_eq!(asked.decide(), denied, "{effect}");
    }
}
