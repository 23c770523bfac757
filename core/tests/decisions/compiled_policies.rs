//! The compiled form of policies: what is taken, and that every fault is told at once, with its place.
//!
//! Not proved here: that decisions are Cedar's; `policy/tests` holds them against Cedar's own.

use obolus_core::policy::cedar::{Decision, DeniedBy, Object, Program, Request, Told, Type, User};
use obolus_core::token::{Memberships, Principal};
use serde_json::{Value, json};

use crate::{entra, issuer};

fn problems(compiled: &Value) -> Vec<String> {
    let problems = Program::from_json(compiled).err().unwrap_or_default();
    problems.list().iter().map(|one| format!("{}: {}", one.path, one.message)).collect()
}

fn with_condition(when: &Value) -> Value {
    json!({"form": 1, "policies": [
        {"id": "p", "effect": "permit", "actions": ["tools/call", "prompts/get"], "when": when},
    ]})
}

fn user() -> User {
    let names =
        |names: &[&str]| Memberships::Present(names.iter().map(ToString::to_string).collect());
    User::new(&Told {
        id: "keycloak/alice".to_owned(),
        subject: "alice".to_owned(),
        issuer: "keycloak".to_owned(),
        tenant: None,
        client: None,
        scopes: names(&["mcp"]),
        roles: Memberships::Absent,
        groups: names(&["dev"]),
        auth_contexts: Memberships::Absent,
        auth_methods: Memberships::Absent,
        is_app_only: false,
    })
}

fn decide(program: &Program, object: &Object, arguments: &Value) -> Decision {
    let (user, arguments) = (user(), arguments.as_object());
    program.decide(&Request { user: &user, object, arguments, target: "t", revision: "2026-07-28" })
}

#[test]
fn every_fault_is_told_at_once_with_its_place() {
    let told = problems(&json!({
        "form": 2,
        "policies": [
            {"id": "a", "effect": "allow", "actions": ["tools/list"]},
            {"effect": "permit", "actions": [], "when": ["&&", true, ["nand", 1, 2], 1.5], "whenn": 1},
            {"id": "b", "effect": "forbid", "actions": ["tools/call"], "resource": {"eq": ["Tool"], "on": "x"},
             "when": ["==", [".", ["principal"], 1], ["record", "a", 1, "a", 2]]},
            {"id": "c", "effect": "permit", "actions": ["tools/call"], "when": true},
            {"id": "c", "effect": "permit", "actions": ["tools/call"], "when": true},
        ],
        "tools": {"kubernetes": {"pods_list": {"readOnlyHint": 1, "tags": "x", "arguments": {"a": "Float"}}}},
        "policy": [],
    }));
    assert_eq!(
        told,
        [
            "form: must be a whole number from 1 to 1",
            "policies[0].effect: must be permit or forbid",
            "policies[0].actions: tools/list is no method that policies govern",
            "policies[1].id: is missing: write the policy's name",
            "policies[1].actions: must not be empty: write the methods that it is about",
            "policies[1].when[2]: nand is not an operation",
            "policies[1].when[3]: must be a whole number of 64 bits",
            "policies[1].whenn: is not a setting here; the settings are: actions, effect, id, reason, resource, when",
            "policies[2].resource.eq: must be a type and an id",
            "policies[2].resource.on: is not a setting here: did you mean in?",
            "policies[2].when[1][2]: must be a string",
            "policies[2].when[2][3]: stands twice in one record",
            "policies[4].id: stands at two policies",
            "tools.kubernetes.pods_list.readOnlyHint: must be true or false",
            "tools.kubernetes.pods_list.tags: must be an array of strings that are not empty",
            "tools.kubernetes.pods_list.arguments.a: is not a type",
            "policy: is not a setting here; the settings are: form, policies, tools",
        ]
    );
    assert_eq!(problems(&json!([])), [": must be an object (a table)"]);
    assert_eq!(problems(&json!({"form": 1})), [""; 0]);
    assert_eq!(
        problems(&json!({"form": 1, "tools": {"a/b": {"c": {}}, "a": {"b/c": {}}}})),
        ["tools.a/b: is no name of a server"]
    );
    assert_eq!(problems(&json!({})), ["form: is missing: compile the policies with obolus-policy"]);
}

#[test]
fn what_is_no_expression_is_refused() {
    for (when, told) in [
        (json!({}), "policies[0].when: is not an expression"),
        (json!([]), "policies[0].when: must begin with the name of an operation"),
        (json!([["context"]]), "policies[0].when: must begin with the name of an operation"),
        (json!(["!", null]), "policies[0].when[1]: is not an expression"),
        (json!(["!"]), "policies[0].when: must have 1 operand(s)"),
        (json!(["if", true, false]), "policies[0].when: must have 3 operand(s)"),
        (json!(["context", 1]), "policies[0].when: must have 0 operand(s)"),
        (json!(["==", 1]), "policies[0].when: must have 2 operand(s)"),
        (json!(["&&", true]), "policies[0].when: must have two operands or more"),
        (json!(["."]), "policies[0].when: must have an operand"),
        (json!(["has", ["context"]]), "policies[0].when: must have a name behind its operand"),
        (
            json!([".", ["context"], "a", "b"]),
            "policies[0].when: must have one name behind its operand",
        ),
        (json!(["like", "a", 1]), "policies[0].when[2]: must be a string"),
        (
            json!(["is", ["principal"], "A", "B"]),
            "policies[0].when: must have one name behind its operand",
        ),
        (json!(["entity", "Group"]), "policies[0].when: must have a type and an id"),
        (json!(["entity", "Group", 1]), "policies[0].when[2]: must be a string"),
        (json!(["record", 1, 2]), "policies[0].when[1]: must be a name"),
        (json!(["record", "a"]), "policies[0].when[1]: must have a value behind it"),
        (json!(["decimal", "1.0"]), "policies[0].when: decimal is not an operation"),
        (json!(u64::MAX), "policies[0].when: must be a whole number of 64 bits"),
    ] {
        assert_eq!(problems(&with_condition(&when)), [told], "{when}");
    }
}

#[test]
fn what_narrows_a_policy_is_not_left_out_by_null() {
    let policy = |key: &str, value: Value| {
        let mut policy = json!({"id": "p", "effect": "permit", "actions": ["tools/call"],
            "resource": {"eq": ["Tool", "a/b"]}, "when": false});
        match key.split_once('.') {
            Some((outer, inner)) => policy[outer][inner] = value,
            None => policy[key] = value,
        }
        problems(&json!({"form": 1, "policies": [policy]}))
    };
    assert_eq!(policy("when", json!(true)), [""; 0]);
    for key in ["when", "resource", "resource.eq", "resource.in", "resource.is"] {
        assert_eq!(policy(key, Value::Null), [format!("policies[0].{key}: must not be null")]);
    }
}

#[test]
fn depth_and_size_are_bounded() {
    let nested = |depth: usize| (0..depth).fold(json!(true), |inner, _| json!(["!", inner]));
    assert_eq!(problems(&with_condition(&nested(64))), [""; 0]);
    let too_deep = problems(&with_condition(&nested(65)));
    assert_eq!(too_deep.len(), 1);
    assert!(too_deep[0].ends_with("nested more than 64 deep"), "{too_deep:?}");
    let wide = |count: usize| {
        let mut parts = vec![json!("||")];
        parts.resize(count, json!(false));
        with_condition(&Value::Array(parts))
    };
    assert_eq!(problems(&wide(20_000)), [""; 0]);
    assert_eq!(
        problems(&wide(20_100)),
        ["policies[0].when[20000]: more than 20000 expressions in one program"]
    );
    let policy = |number: usize| json!({"id": number.to_string(), "effect": "permit", "actions": ["tools/call"]});
    let many =
        |count: usize| json!({"form": 1, "policies": (0..count).map(policy).collect::<Vec<_>>()});
    assert_eq!(problems(&many(1_000)), [""; 0]);
    assert_eq!(problems(&many(1_001)), ["policies: more than 1000"]);
    let deep = |depth: usize| (0..depth).fold(json!("Long"), |inner, _| json!(["Set", inner]));
    let typed = |of: Value| json!({"form": 1, "tools": {"s": {"t": {"arguments": {"a": of}}}}});
    assert_eq!(problems(&typed(deep(15))), [""; 0]);
    assert_eq!(problems(&typed(deep(16))), ["tools.s.t.arguments.a: is not a type"]);
}

#[test]
fn what_was_compiled_decides() {
    let arguments = Type::Record(vec![("namespace".into(), Type::Optional(Box::new(Type::Text)))]);
    let program = Program::from_json(&json!({
        "form": 1,
        "policies": [
            {"id": "dev", "effect": "permit", "actions": ["tools/call"],
             "resource": {"is": "Tool", "in": ["Server", "kubernetes"]},
             "when": ["in", ["principal"], ["entity", "Group", "dev"]]},
            {"id": "one", "effect": "permit", "actions": ["prompts/get"],
             "resource": {"eq": ["Prompt", "kubernetes/help"]}},
            {"id": "system", "effect": "forbid", "reason": "not here", "actions": ["tools/call"],
             "when": ["&&", ["has", ["context"], "arguments", "namespace"],
                ["like", [".", [".", ["context"], "arguments"], "namespace"], "kube-", ""]]},
        ],
        "tools": {
            "kubernetes": {"pods_list": {"arguments": arguments.to_json()}, "other": {}},
            "files": {"read": {"readOnlyHint": true}},
        },
    }))
    .unwrap();
    let tool = |server: &str, name: &str| program.tool(server, name).unwrap();
    let pods = tool("kubernetes", "pods_list");
    let permit = |id: &str| Decision::Permit { policies: vec![id.into()] };
    let unpermitted = Decision::Deny { by: DeniedBy::NoPermit, policies: vec![], reason: None };
    let none = json!({});
    assert_eq!(decide(&program, &pods, &json!({"namespace": "dev"})), permit("dev"));
    assert_eq!(decide(&program, &tool("kubernetes", "other"), &none), permit("dev"));
    assert_eq!(decide(&program, &tool("files", "read"), &none), unpermitted);
    assert_eq!(
        decide(&program, &pods, &json!({"namespace": "kube-system"})),
        Decision::Deny {
            by: DeniedBy::Forbid,
            policies: vec!["system".into()],
            reason: Some("not here".into()),
        }
    );
    assert_eq!(decide(&program, &Object::prompt("kubernetes", "help"), &none), permit("one"));
    assert_eq!(decide(&program, &Object::prompt("kubernetes", "pods_list"), &none), unpermitted);
    assert_eq!(decide(&program, &Object::resource("kubernetes", "help"), &none), unpermitted);
}

/// What a policy makes of a verified token.
fn is_permitted(policy: &Value, principal: &Principal) -> bool {
    let mut policy = policy.clone();
    policy["id"] = json!("p");
    policy["effect"] = json!("permit");
    policy["actions"] = json!(["prompts/get"]);
    let program = Program::from_json(&json!({"form": 1, "policies": [policy]})).unwrap();
    let (user, object) = (User::of(principal), Object::prompt("kubernetes", "help"));
    let request =
        Request { user: &user, object: &object, arguments: None, target: "t", revision: "r" };
    program.decide(&request).is_permit()
}

#[test]
fn a_verified_token_is_the_user_of_policies() {
    let claim =
        |name: &str, value: &str| json!({"when": ["==", [".", ["principal"], name], value]});
    let within =
        |kind: &str, id: &str| json!({"when": ["in", ["principal"], ["entity", kind, id]]});
    let has = |name: &str| json!({"when": ["has", ["principal"], name]});
    let user = |id: &str| json!({"when": ["==", ["principal"], ["entity", "User", id]]});
    let entra = |changes: Value| entra::verify(&entra::but(entra::v2(), changes)).unwrap();
    let contains =
        |name: &str, value: &str| json!({"when": ["contains", [".", ["principal"], name], value]});
    let alice =
        entra(json!({"groups": ["g1"], "roles": ["r1"], "acrs": ["c1"], "amr": ["pwd", "mfa"]}));
    for (policy, expected) in [
        (user(&format!("entra/{}/{}", entra::CONTOSO, entra::ALICE)), true),
        (user(&format!("entra/{}/{}", entra::CONTOSO, entra::BOB)), false),
        (claim("subject", entra::ALICE), true),
        (claim("issuer", "entra"), true),
        (claim("tenant", entra::CONTOSO), true),
        (claim("client", entra::CLIENT), true),
        (within("Group", "g1"), true),
        (within("Group", "r1"), false),
        (within("Role", "r1"), true),
        (contains("authContexts", "c1"), true),
        (contains("authContexts", "mfa"), false),
        (contains("authMethods", "mfa"), true),
        (contains("authMethods", "c1"), false),
        (within("Scope", "access_as_user"), true),
        (within("Scope", "other"), false),
        (json!({"when": ["!", [".", ["principal"], "appOnly"]]}), true),
    ] {
        assert_eq!(is_permitted(&policy, &alice), expected, "{policy}");
    }
    let overage = entra(json!({"groups": ["g1"], "hasgroups": true}));
    assert!(!is_permitted(&within("Group", "g1"), &overage));
    assert!(!is_permitted(&has("groups"), &overage));
    assert!(is_permitted(&has("groups"), &alice));
    let keycloaks = issuer::principal(&issuer::alice());
    assert!(is_permitted(&user(&format!("keycloak/{}", keycloaks.identity().subject)), &keycloaks));
    for absent in ["groups", "roles", "tenant", "authContexts", "authMethods"] {
        assert!(!is_permitted(&has(absent), &keycloaks), "{absent}");
    }
    for scope in keycloaks.scopes() {
        assert!(is_permitted(&within("Scope", scope), &keycloaks), "{scope}");
    }
    assert!(is_permitted(&has("scopes"), &keycloaks));
}

#[test]
fn a_user_is_of_one_token_and_stays_so_when_its_groups_are_known() {
    let entra = |changes: Value| entra::verify(&entra::but(entra::v2(), changes)).unwrap();
    let overage = entra(json!({"hasgroups": true}));
    let other = entra(json!({"hasgroups": true, "uti": "other"}));
    let user = User::of(&overage);
    assert!(user.is_of(&overage) && !user.is_of(&other));
    let told = self::user();
    assert!(!told.is_of(&overage));

    let policy = json!({"form": 1, "policies": [{
        "id": "p", "effect": "permit", "actions": ["prompts/get"],
        "when": ["in", ["principal"], ["entity", "Group", "g1"]],
    }]});
    let program = Program::from_json(&policy).unwrap();
    let object = Object::prompt("kubernetes", "help");
    let is_permitted = |user: &User| {
        let request =
            Request { user, object: &object, arguments: None, target: "t", revision: "r" };
        program.decide(&request).is_permit()
    };
    let within =
        |names: &[&str]| user.with_groups(&names.iter().map(ToString::to_string).collect());
    assert!(!is_permitted(&user));
    assert!(is_permitted(&within(&["g1", "g2"])) && within(&["g1"]).is_of(&overage));
    assert!(!is_permitted(&within(&["g2"])));
    assert!(!is_permitted(&within(&[])));
}
