//! Our evaluator decides as Cedar's does, where no claim is missing and every argument is known. One difference is
//! meant: a request on which Cedar skips a policy that erred is denied by ours.
//!
//! Not proved here: what happens with claims that are not told, and in lists; Cedar has no word for either.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod programs;
mod random;
mod requests;

use std::collections::BTreeSet;

use cedar_policy::{AuthorizationError, Authorizer, Decision as Cedars, PolicySet, Response};
use obolus_core::policy::cedar::{Decision, DeniedBy, Fault, Program};

use programs::Writer;
use random::Random;
use requests::World;

fn compiled(text: &str, world: &World) -> Program {
    let files = [("p.cedar".to_owned(), text.to_owned())];
    let json = obolus_policy::compile_unchecked(&files, &world.tools).unwrap_or_else(|problems| {
        panic!("{text}\n{problems:?}");
    });
    Program::from_json(&json).unwrap_or_else(|problems| panic!("{text}\n{problems}"))
}

/// What was seen, so that a generator that has become dull is found out.
#[derive(Debug, Default)]
struct Seen {
    permits: usize,
    forbids: usize,
    unpermitted: usize,
    errors: usize,
    validated: usize,
    hidden: usize,
}

fn ids<'a>(ids: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    ids.map(str::to_owned).collect()
}

fn compare(ours: &Decision, cedars: &Response, shown: &dyn Fn() -> String, seen: &mut Seen) {
    let determining = ids(cedars.diagnostics().reason().map(AsRef::as_ref));
    let erring = ids(cedars.diagnostics().errors().map(|error| match error {
        AuthorizationError::PolicyEvaluationError(error) => error.policy_id().as_ref(),
    }));
    match ours {
        Decision::Permit { policies } => {
            seen.permits += 1;
            assert_eq!(cedars.decision(), Cedars::Allow, "{}", shown());
            assert_eq!(ids(policies.iter().map(AsRef::as_ref)), determining, "{}", shown());
            assert!(erring.is_empty(), "{}", shown());
        }
        Decision::Deny { by, policies, .. } => {
            let policies = ids(policies.iter().map(AsRef::as_ref));
            match by {
                DeniedBy::Forbid => {
                    seen.forbids += 1;
                    assert_eq!(cedars.decision(), Cedars::Deny, "{}", shown());
                    assert_eq!(policies, determining, "{}", shown());
                }
                DeniedBy::NoPermit => {
                    seen.unpermitted += 1;
                    assert_eq!(cedars.decision(), Cedars::Deny, "{}", shown());
                    assert!(determining.is_empty() && erring.is_empty(), "{}", shown());
                }
                DeniedBy::Error(_) => {
                    seen.errors += 1;
                    assert_eq!(policies, erring, "{}", shown());
                    assert!(!erring.is_empty(), "{}", shown());
                    let is_forbidden = cedars.decision() == Cedars::Deny && !determining.is_empty();
                    assert!(!is_forbidden, "a forbid goes before an error: {}", shown());
                }
            }
        }
    }
}

fn decide_both(text: &str, world: &World, random: &mut Random, requests: usize, seen: &mut Seen) {
    let program = compiled(text, world);
    let set: PolicySet = text.parse().unwrap();
    for _ in 0..requests {
        let asked = world.request(random);
        let (ours, is_shown) = asked.decide(&program);
        let cedars =
            Authorizer::new().is_authorized(&asked.cedar(world), &set, &asked.entities(world));
        let shown = || format!("{text}\n{asked:#?}\nours: {ours:?}\ncedar's: {cedars:?}");
        compare(&ours, &cedars, &shown, seen);
        // What is permitted is never hidden; of what rests on no arguments, nothing else is shown.
        assert!(is_shown || !ours.is_permit(), "{}", shown());
        let rests_on_arguments = text.contains("context");
        assert!(rests_on_arguments || is_shown == ours.is_permit(), "{}", shown());
        seen.hidden += usize::from(!is_shown);
    }
}

fn random_policies(seed: u64, programs: usize) -> Seen {
    let world = World::new();
    let mut random = Random(seed);
    let mut seen = Seen::default();
    for _ in 0..programs {
        let policies = 1 + random.below(5);
        let text = Writer { random: &mut random, slips: 30 }.policies(policies);
        decide_both(&text, &world, &mut random, 8, &mut seen);
    }
    println!("{seen:?}");
    seen
}

/// How many times as much as is enough for every day: `OBOLUS_RANDOM_POLICIES=50` takes minutes, for a change of the
/// evaluator or another version of Cedar.
fn times() -> usize {
    std::env::var("OBOLUS_RANDOM_POLICIES").map_or(1, |times| times.parse().unwrap())
}

#[test]
fn random_policies_are_decided_alike() {
    for seed in 0..times() {
        let seen = random_policies(0x0b01 + seed as u64, 200);
        assert!(seen.permits > 80 && seen.forbids > 80, "{seen:?}");
        assert!(seen.unpermitted > 80 && seen.errors > 80 && seen.hidden > 200, "{seen:?}");
    }
}

/// Every operator in the places where evaluators differ.
#[test]
fn conditions_of_which_evaluators_have_different_opinions_are_decided_alike() {
    let world = World::new();
    let mut random = Random(7);
    let mut seen = Seen::default();
    for condition in [
        // An entity that is not there.
        r#"User::"nobody" has subject"#,
        r#"User::"nobody".subject == "x""#,
        r#"Group::"dev" has x"#,
        r#"Group::"dev".x == 1"#,
        r#"Action::"tools/call" has x"#,
        r#"action.x == 1"#,
        r#"Server::"kubernetes" in Server::"kubernetes""#,
        // `in`.
        r#"principal in principal"#,
        r#"principal in [Group::"dev", 1]"#,
        r#"principal in []"#,
        r#"principal in [Group::"dev", Role::"admin"]"#,
        r#"principal in "dev""#,
        r#"1 in Group::"dev""#,
        r#"Group::"dev" in principal"#,
        r#"Group::"dev" in Group::"dev""#,
        r#"action in Action::"use""#,
        r#"action in [Action::"use", Group::"dev"]"#,
        r#"Action::"prompts/get" in Action::"use""#,
        r#"Action::"nothing" in Action::"use""#,
        r#"Action::"use" in Action::"tools/call""#,
        r#"resource in Server::"kubernetes""#,
        r#"Tool::"kubernetes/scale" in Server::"kubernetes""#,
        // Arithmetic at the ends.
        "9223372036854775807 + 1 > 0",
        "-9223372036854775807 - 2 > 0",
        "-(-9223372036854775807 - 1) > 0",
        "9223372036854775807 * 2 == 0",
        "-9223372036854775808 < 0",
        // Equality across types, and of sets and records.
        r#"1 == "1""#,
        r#"principal == "User""#,
        "[1, 2, 2] == [2, 1]",
        "[[1], [1]] == [[1]]",
        r#"[1, "a"].contains("a")"#,
        "{a: 1, b: 2} == {b: 2, a: 1}",
        "{a: 1} == {a: 1, b: 2}",
        "[{a: 1}].contains({a: 1})",
        r#"{"a b": 1}["a b"] == 1"#,
        "{a: 1} has a && {a: {b: 1}} has a.b",
        "{a: 1} has a.b",
        "{a: {b: 1}} has a.c",
        "[].isEmpty()",
        "[1].isEmpty()",
        "1.isEmpty()",
        "[].containsAll([])",
        "[].containsAny([])",
        "[1].containsAll([])",
        "[1, 2].containsAny([2, 3])",
        "[1, 2].containsAll([2, 3])",
        "1.contains(1)",
        "[1].containsAll(1)",
        // Only what is reached has to be a Bool.
        "true || 1",
        "false || 1",
        "false && 1",
        "true && 1",
        "1 && false",
        "1 || true",
        "(true || 1) && false",
        "if true then true else 1",
        "if true then 1 else true",
        "if 1 then true else true",
        "if false then 1 == 1 + \"a\" else true",
        "!1",
        "!(1 == 2)",
        "-principal.subject == 1",
        // Texts.
        r#""a*b" like "a\*b""#,
        r#""axb" like "a\*b""#,
        r#""axb" like "a*b""#,
        r#""äöü" like "ä*ü""#,
        r#""" like "*""#,
        r#""" like """#,
        r#""aab" like "*ab""#,
        r#""abab" like "ab*ab*ab""#,
        r#""a**b" like "a\*\*b""#,
        "1 like \"*\"",
        r#""a" < "b""#,
        r#""\u{0}\n\"" == "\0\n\"""#,
        // Types of entities.
        "principal is User",
        "principal is Tool",
        "principal is A::User",
        r#"principal is User in Group::"dev""#,
        r#"resource is Tool in Server::"kubernetes""#,
        "1 is User",
        r#"A::B::"x" is A::B"#,
        r#"A::B::"x" == B::"x""#,
        // Attributes that are there or not.
        "principal has client && principal has nothing",
        "principal.nothing == 1",
        "resource has tags",
        "resource.tags.contains(\"view\")",
        "context has arguments",
        "context has arguments.spec.deep.port",
        "context.arguments has spec.deep.port && context.arguments.spec.deep.port > 1",
        "context.arguments has namespace && context.arguments.namespace == \"dev\"",
        "context.arguments.namespace == \"dev\"",
        "context.arguments == {}",
        "context == context",
        "context.target.x == 1",
        "context.target has x",
        "1 has x",
    ] {
        for effect in ["permit", "forbid"] {
            let text = format!(
                "@id(\"policy0\") permit(principal, action, resource);\n\
                 @id(\"policy1\") {effect}(principal, action, resource) when {{ {condition} }};"
            );
            decide_both(&text, &world, &mut random, 6, &mut seen);
            let text = text.replace(
                "permit(principal, action, resource);",
                "permit(principal, action, resource) when { false };",
            );
            decide_both(&text, &world, &mut random, 3, &mut seen);
        }
    }
    println!("{seen:?}");
    assert!(seen.permits > 100 && seen.forbids > 100 && seen.errors > 100, "{seen:?}");
}

/// The validator cannot know how large a number will be; nothing else that it lets pass may err.
#[test]
fn validated_policies_do_not_err_on_requests_that_fit_the_schema() {
    let world = World::new();
    let mut random = Random(0x5c4e_u64);
    let mut seen = Seen::default();
    for _ in 0..100 * times() {
        let text = Writer { random: &mut random, slips: 0 }.policies(1);
        let files = [("p.cedar".to_owned(), text.clone())];
        let Ok(json) = obolus_policy::compile(&files, &world.tools) else { continue };
        seen.validated += 1;
        let program = Program::from_json(&json).unwrap();
        for _ in 0..12 {
            let asked = world.request(&mut random);
            match asked.decide(&program).0 {
                Decision::Permit { .. } => seen.permits += 1,
                Decision::Deny { by: DeniedBy::Forbid, .. } => seen.forbids += 1,
                Decision::Deny { by: DeniedBy::NoPermit, .. } => seen.unpermitted += 1,
                Decision::Deny { by: DeniedBy::Error(fault), .. } => {
                    assert_eq!(fault, Fault::Overflow, "{text}\n{asked:#?}");
                    seen.errors += 1;
                }
            }
        }
    }
    println!("{seen:?}");
    assert!(seen.validated > 15 && seen.permits > 5 && seen.forbids > 5, "{seen:?}");
}
