//! Which tools a program knows, and what it reads of them.

use obolus_core::policy::cedar::{Object, Program, Request, User};
use serde_json::json;

use crate::{program, told};

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
