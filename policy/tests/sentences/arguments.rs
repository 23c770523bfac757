//! Arguments that are not what the schema says.

use obolus_core::policy::cedar::{Decision, DeniedBy, Fault};
use serde_json::{Value, json};

use crate::TOOLS;
use crate::{Asked, program};

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
fn an_object_is_compared_member_by_member_and_never_whole() {
    let tools = obolus_policy::read_tools(Some("kubernetes"), "tools.json", TOOLS).unwrap();
    let compile = |condition: &str| {
        let policy = format!(
            "permit(principal, action == Action::\"tools/call\", resource == Tool::\"kubernetes/scale\") \
             when {{ context.arguments has spec && {condition} }};"
        );
        obolus_policy::compile(&[("p.cedar".to_owned(), policy)], &tools)
    };
    let member = "context.arguments.spec has kind && context.arguments.spec.kind == \"Pod\"";
    assert!(compile(member).is_ok(), "{:?}", compile(member));
    // A call could bring `privileged` beside the kind, and the comparison would not see it.
    let whole = compile("context.arguments.spec == {kind: \"Pod\"}").unwrap_err();
    assert!(
        whole.iter().any(|problem| problem.to_string().contains("is not compared whole")),
        "{whole:?}"
    );
}
