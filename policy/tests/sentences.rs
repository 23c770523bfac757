//! What is ours, and not Cedar's: claims that a token does not tell, lists, scopes that would help, arguments that
//! are not what the schema says.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

use std::collections::BTreeSet;

use obolus_core::policy::cedar::{Decision, DeniedBy, Fault, Object, Program, Request, Told, User};
use obolus_core::token::Memberships;
use serde_json::{Value, json};

const TOOLS: &str = r#"{"tools": [
    {"name": "pods_list", "annotations": {"readOnlyHint": true}, "tags": ["view"], "inputSchema": {"type": "object",
        "properties": {"namespace": {"type": "string"}, "limit": {"type": "integer"}}}},
    {"name": "scale", "inputSchema": {"type": "object", "required": ["replicas"],
        "properties": {"namespace": {"type": "string"}, "replicas": {"type": "integer"},
            "spec": {"type": "object", "properties": {"kind": {"type": "string"}}}}}}
]}"#;

fn program(policies: &str) -> Program {
    let tools = obolus_policy::read_tools(Some("kubernetes"), "tools.json", TOOLS).unwrap();
    let compiled = obolus_policy::compile(&[("p.cedar".to_owned(), policies.to_owned())], &tools);
    Program::from_json(&compiled.unwrap_or_else(|problems| panic!("{problems:?}"))).unwrap()
}

fn names(names: &[&str]) -> Memberships {
    Memberships::Present(names.iter().map(ToString::to_string).collect())
}

fn told() -> Told {
    Told {
        id: "keycloak/alice".to_owned(),
        subject: "alice".to_owned(),
        issuer: "keycloak".to_owned(),
        tenant: None,
        client: Some("agent".to_owned()),
        scopes: names(&["mcp"]),
        roles: Memberships::Absent,
        groups: names(&["dev"]),
        auth_contexts: Memberships::Absent,
        auth_methods: Memberships::Absent,
        is_app_only: false,
    }
}

struct Asked<'p> {
    program: &'p Program,
    told: Told,
    tool: &'p str,
    arguments: Value,
}

impl<'p> Asked<'p> {
    fn of(program: &'p Program) -> Self {
        Self { program, told: told(), tool: "pods_list", arguments: json!({}) }
    }

    fn with<T>(&self, ask: impl Fn(&Request<'_>) -> T) -> T {
        let user = User::new(&self.told);
        let object = &*self.program.tool("kubernetes", self.tool).unwrap();
        let arguments = self.arguments.as_object();
        let (target, revision) = ("kubernetes", "2026-07-28");
        ask(&Request { user: &user, object, arguments, target, revision })
    }

    fn decide(&self) -> Decision {
        self.with(|request| self.program.decide(request))
    }

    fn is_permitted(&self) -> bool {
        self.decide().is_permit()
    }

    fn is_listed(&self) -> bool {
        self.with(|request| self.program.is_listable(request))
    }

    fn scopes(&self) -> Vec<String> {
        let scopes = self.with(|request| self.program.scopes_to_permit(request));
        scopes.iter().map(ToString::to_string).collect()
    }

    fn scopes_to_list(&self) -> Vec<String> {
        let scopes = self.with(|request| self.program.scopes_to_list(request));
        scopes.iter().map(ToString::to_string).collect()
    }
}

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

#[test]
fn arguments_that_policies_read_have_to_be_what_the_schema_says() {
    let program = program(
        "permit(principal, action, resource);\n\
         forbid(principal, action, resource is Tool)\n\
           when { context.arguments has namespace && context.arguments.namespace == \"kube-system\" };\n\
         forbid(principal, action, resource == Tool::\"kubernetes/scale\")\n\
           when { context.arguments.replicas > 3 || context.arguments has spec.kind };",
    );
    let decide =
        |tool: &str, arguments: Value| Asked { tool, arguments, ..Asked::of(&program) }.decide();
    for arguments in [
        json!({}),
        json!({"namespace": "dev"}),
        json!({"namespace": null}),
        json!({"namespace": "dev", "limit": 3}),
        // Nobody reads it, so it may be anything.
        json!({"limit": ["x"], "unheard": {"of": null}}),
    ] {
        assert!(decide("pods_list", arguments.clone()).is_permit(), "{arguments}");
    }
    for (tool, arguments, wrong) in [
        ("pods_list", json!({"namespace": ["kube-system"]}), "namespace"),
        ("pods_list", json!({"namespace": 1}), "namespace"),
        ("scale", json!({}), "replicas"),
        ("scale", json!({"replicas": null}), "replicas"),
        ("scale", json!({"replicas": 1.5}), "replicas"),
        ("scale", json!({"replicas": "1"}), "replicas"),
        ("scale", json!({"replicas": u64::MAX}), "replicas"),
        ("scale", json!({"replicas": 1, "spec": "Pod"}), "spec"),
        ("scale", json!({"replicas": 1, "spec": {"kind": 1}}), "spec"),
    ] {
        let Decision::Deny { by, .. } = decide(tool, arguments.clone()) else {
            panic!("{arguments}")
        };
        assert_eq!(by, DeniedBy::Error(Fault::Argument(wrong.into())), "{arguments}");
    }
    assert!(decide("scale", json!({"replicas": 3.0})).is_permit(), "a whole number to JSON Schema");
    assert!(decide("scale", json!({"replicas": 3, "spec": {"other": 1}})).is_permit());
    for (tool, arguments) in [
        ("pods_list", json!({"namespace": "kube-system"})),
        ("scale", json!({"replicas": 4})),
        ("scale", json!({"replicas": 1, "spec": {"kind": "Pod"}})),
    ] {
        let Decision::Deny { by, .. } = decide(tool, arguments.clone()) else {
            panic!("{arguments}")
        };
        assert_eq!(by, DeniedBy::Forbid, "{arguments}");
    }
}

#[test]
fn an_argument_of_another_tool_that_a_policy_reads_is_none_of_this_one() {
    let program = program(
        "permit(principal, action, resource is Tool) when { context.arguments has replicas };",
    );
    let mut asked = Asked::of(&program);
    assert!(!asked.is_permitted());
    asked.arguments = json!({"replicas": 1});
    let Decision::Deny { by, .. } = asked.decide() else {
        panic!("a permit by what no server reads")
    };
    assert_eq!(by, DeniedBy::Error(Fault::Argument("replicas".into())));
    asked.tool = "scale";
    assert!(asked.is_permitted());
}

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

#[test]
fn only_tools_that_the_policies_were_checked_against_are_anybodys() {
    let program = program(
        "permit(principal, action, resource);\n\
         forbid(principal, action == Action::\"resources/read\", resource) when { resource.uri like \"secret:*\" };",
    );
    assert!(program.tool("kubernetes", "exec").is_none());
    assert!(program.tool("other", "pods_list").is_none());
    let elsewhere =
        Program::from_json(&json!({"form": 1, "policies": [], "tools": {"x": {"exec": {}}}}))
            .unwrap();
    let user = User::new(&told());
    let ask = |object: &Object| {
        program
            .decide(&Request { user: &user, object, arguments: None, target: "t", revision: "r" })
            .is_permit()
    };
    assert!(!ask(&elsewhere.tool("x", "exec").unwrap()));
    assert!(ask(&program.tool("kubernetes", "pods_list").unwrap()));
    assert!(ask(&Object::prompt("kubernetes", "pods_list")));
    assert!(ask(&Object::resource("kubernetes", "file:///a")));
    assert!(!ask(&Object::resource("kubernetes", "secret:a")));
}

#[test]
fn what_a_program_reads_is_known_before_anybody_asks() {
    let reading = program(
        "permit(principal, action, resource is Tool) when { context.arguments has namespace && \
           context.arguments.namespace == \"x\" && principal.scopes.contains(\"s\") };\n\
         permit(principal in Scope::\"t\", action, resource == Tool::\"kubernetes/scale\") \
           when { context has arguments.spec.kind };",
    );
    let read = |tool: &str| {
        let names = reading.arguments_read(&reading.tool("kubernetes", tool).unwrap()).unwrap();
        names.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(read("pods_list"), ["namespace"]);
    assert_eq!(read("scale"), ["namespace", "spec"]);
    assert!(!reading.reads_groups());
    let scopes: Vec<_> = reading.scopes().iter().map(ToString::to_string).collect();
    assert_eq!(scopes, ["s", "t"]);
    for policies in [
        "permit(principal in Group::\"x\", action, resource);",
        "permit(principal, action, resource) when { principal in [Group::\"x\"] };",
        "permit(principal, action, resource) when { principal.groups.contains(\"x\") };",
        "permit(principal, action, resource) when { principal has groups };",
    ] {
        assert!(program(policies).reads_groups(), "{policies}");
    }
}
