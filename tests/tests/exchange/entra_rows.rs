//! What Entra ID refuses, row by row of its catalogue, in each shape that has been seen.

use obolus_tests::entra::{Body, Directory, Policy, Requirement, RetryAfter, Shape, What};
use obolus_tests::fixtures::entra::{CLUSTER, SERVER};
use serde_json::{Value, json};

use crate::table::Said;
use crate::told::{BLOCKED, CLAIMS, CONSENT, DO_MORE, LATER, NO_ACCESS, OURS, SIGN_IN_AGAIN, Told};

/// What troubles a person, and nobody else.
pub(crate) enum Trouble {
    /// A fault of the emulator, for this person.
    Fault(What),
    /// What an administrator of the tenant did to this person.
    Change(fn(&mut Directory, &str)),
}

/// How old the person's token is: of an old one Entra's bare `invalid_grant` means a sign-in that is over, of a new one a
/// person who may not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    New,
    Old,
}

pub(crate) struct Cause {
    pub(crate) name: String,
    pub(crate) trouble: Trouble,
    pub(crate) age: Age,
    pub(crate) said: Said,
    pub(crate) told: Told,
}

fn cause(name: &str, trouble: Trouble, said: Said, told: Told) -> Cause {
    Cause { name: name.to_owned(), trouble, age: Age::New, said, told }
}

/// The catalogue's answer.
fn refused(code: u32, name: &str, error: &'static str, told: Told) -> Cause {
    cause(name, Trouble::Fault(What::Refuse { code }), Said::Code(error, code), told)
}

/// The catalogue's answer with other members.
fn otherwise(code: u32, name: &str, members: Value, error: &'static str, told: Told) -> Cause {
    let what = What::RefuseAs { code, status: None, members };
    cause(name, Trouble::Fault(what), Said::Code(error, code), told)
}

fn with_status(status: u16, cause: Cause) -> Cause {
    let trouble = match cause.trouble {
        Trouble::Fault(What::Refuse { code }) => {
            Trouble::Fault(What::RefuseAs { code, status: Some(status), members: json!({}) })
        }
        other => other,
    };
    Cause { trouble, ..cause }
}

fn old(cause: Cause) -> Cause {
    Cause { age: Age::Old, ..cause }
}

/// Our client or our request is at fault: an operator's matter, whatever Entra calls it.
pub(crate) fn ours() -> Vec<Cause> {
    let mut all = Vec::new();
    for (code, name) in [
        (7_000_215, "a wrong secret"),
        (7_000_222, "an expired secret"),
        (7_000_218, "no credential"),
        (700_025, "a public client with a credential"),
        (700_027, "a certificate that is not registered"),
        (700_024, "an assertion outside its time"),
        (50012, "an assertion for another audience"),
        (700_211, "a federated issuer without a match"),
        (700_212, "a federated audience without a match"),
        (700_213, "a federated subject without a match"),
        (7_002_137, "a federated issuer in another case"),
        (7_002_138, "a federated subject in another case"),
        (650_052, "no service principal in the tenant"),
        (65002, "a first party that is not preauthorized"),
    ] {
        all.push(refused(code, name, "invalid_client", OURS));
    }
    for (code, name) in [
        (70021, "a federated credential of old without a match"),
        (5_002_738, "an assertion signed with ES256"),
        (5_002_730, "a key that does not fit the algorithm"),
        (9_002_313, "a malformed request"),
        (900_144, "a parameter is missing"),
        (90014, "a field is missing"),
        (90002, "an unknown tenant"),
        (50027, "an assertion that is no JWT, says Entra"),
        (901_002, "the parameter resource is not supported"),
        (900_561, "not POST, with 405"),
        (5_000_224, "a code that nobody has described"),
    ] {
        all.push(refused(code, name, "invalid_request", OURS));
    }
    for (code, name) in [
        (700_016, "an unknown application"),
        (7_000_112, "a disabled application"),
        (7_000_114, "an application's own assertion, says Entra"),
    ] {
        all.push(refused(code, name, "unauthorized_client", OURS));
    }
    for (code, name) in
        [(70011, "a scope that is not valid"), (650_053, "a scope that the resource does not have")]
    {
        all.push(refused(code, name, "invalid_scope", OURS));
    }
    for (code, name) in [
        (500_011, "an unknown resource"),
        (50001, "a disabled resource"),
        (650_057, "a resource that is not among the permissions"),
    ] {
        all.push(refused(code, name, "invalid_resource", OURS));
    }
    let request = || json!({"error": "invalid_request"});
    all.extend([
        refused(9_010_010, "resource and scope differ", "invalid_target", OURS),
        otherwise(9_010_010, "the same by its other name", request(), "invalid_request", OURS),
        refused(70003, "an unsupported grant", "unsupported_grant_type", OURS),
        otherwise(
            240_002,
            "an ID token as assertion, by its other name",
            request(),
            "invalid_request",
            OURS,
        ),
        with_status(400, refused(900_561, "not POST, with 400", "invalid_request", OURS)),
        otherwise(
            70_000,
            "client_mismatch",
            json!({"suberror": "client_mismatch"}),
            "invalid_grant",
            OURS,
        ),
    ]);
    all
}

/// The person's token is no longer good, or an administrator has to act.
pub(crate) fn grants() -> Vec<Cause> {
    let again = |code, name| old(refused(code, name, "invalid_grant", SIGN_IN_AGAIN));
    let over = |code, name: &str| {
        let trouble = Trouble::Fault(What::SessionsRevoked { code });
        cause(name, trouble, Said::Code("invalid_grant", code), SIGN_IN_AGAIN)
    };
    let change = |name: &str, code, told, change: fn(&mut Directory, &str)| {
        cause(name, Trouble::Change(change), Said::Code("invalid_grant", code), told)
    };
    vec![
        again(50013, "a signature that Entra does not take"),
        again(500_131, "an assertion for another application"),
        again(500_133, "an assertion that has expired meanwhile"),
        again(240_002, "an ID token as assertion"),
        old(otherwise(
            9_002_313,
            "a malformed grant",
            json!({"error": "invalid_grant"}),
            "invalid_grant",
            SIGN_IN_AGAIN,
        )),
        again(50196, "a loop, of an old sign-in"),
        refused(50196, "a loop, of a new sign-in", "invalid_grant", NO_ACCESS),
        over(50173, "a fresh sign-in is wanted"),
        over(70043, "the sign-in frequency"),
        refused(700_082, "a grant that was not used for too long", "invalid_grant", SIGN_IN_AGAIN),
        over(50132, "the password has expired"),
        over(50133, "the session is not valid"),
        change("nobody has consented for this person", 65001, CONSENT, |directory, person| {
            let others = others(directory, person);
            for consent in &mut directory.consents {
                if consent.client == SERVER && consent.resource == CLUSTER {
                    let users = consent.users.get_or_insert(others.clone());
                    users.retain(|user| user != person);
                }
            }
        }),
        change("not assigned to the cluster", 50105, NO_ACCESS, |directory, person| {
            let others = others(directory, person);
            directory.app_mut(CLUSTER).assignment_required = true;
            for assignment in &mut directory.assignments {
                if assignment.app == CLUSTER {
                    assignment.groups.clear();
                    assignment.users.clone_from(&others);
                }
            }
        }),
        otherwise(
            50105,
            "the same as an interaction that nobody names",
            json!({"error": "interaction_required"}),
            "interaction_required",
            DO_MORE,
        ),
        change("a disabled account", 50057, NO_ACCESS, |directory, person| {
            directory.user_mut(person).enabled = false;
        }),
        change("an account that is gone", 50034, NO_ACCESS, |directory, person| {
            directory.users.retain(|user| user.name != person);
        }),
        old(change(
            "a disabled account, of an old sign-in",
            50057,
            SIGN_IN_AGAIN,
            |all, person| {
                all.user_mut(person).enabled = false;
            },
        )),
    ]
}

/// The person has to do more, or a policy forbids it.
pub(crate) fn policies() -> Vec<Cause> {
    let mut all = Vec::new();
    for code in [50076, 50079, 50072, 50074, 50158] {
        for (shape, error) in [
            (Shape::InvalidGrant, "invalid_grant"),
            (Shape::InteractionRequired, "interaction_required"),
        ] {
            let what = What::Mfa { code, shape };
            let name = format!("more than a password, {code}, as {error}");
            all.push(cause(&name, Trouble::Fault(what), Said::Code(error, code), CLAIMS));
        }
        let name = format!("more than a password, {code}, without claims");
        all.push(refused(code, &name, "invalid_grant", DO_MORE));
    }
    for (name, claims) in [
        ("claims that are no JSON", json!("not JSON")),
        ("claims that are a list", json!([1])),
        ("claims that are empty", json!("{}")),
        ("claims that are too long", json!(json!({"a": "x".repeat(4096)}).to_string())),
        ("claims that can be read in two ways", json!(r#"{"a":1,"a":2}"#)),
    ] {
        let members = json!({ "claims": claims });
        all.push(otherwise(50076, name, members, "invalid_grant", DO_MORE));
    }
    // Not its text, as it always is, and as good.
    let members = json!({"claims": {"access_token": {"nbf": {"value": "1"}}}});
    let name = "claims that are an object";
    all.push(otherwise(50076, name, members, "invalid_grant", CLAIMS));
    let policy = |name: &str, code, told, change: fn(&mut Directory, &str)| {
        cause(name, Trouble::Change(change), Said::Code("invalid_grant", code), told)
    };
    all.extend([
        policy("an authentication context", 50076, CLAIMS, |directory, person| {
            require(directory, person, Requirement::Context("c1".to_owned()));
        }),
        policy("Conditional Access blocks", 53003, BLOCKED, |directory, person| {
            require(directory, person, Requirement::Block { claims: false });
        }),
        policy("Conditional Access blocks, with claims", 53003, CLAIMS, |directory, person| {
            require(directory, person, Requirement::Block { claims: true });
        }),
        policy("a device that is not compliant", 53000, BLOCKED, |directory, person| {
            require(directory, person, Requirement::Device(53000));
        }),
        policy("a device that is not joined", 53001, BLOCKED, |directory, person| {
            require(directory, person, Requirement::Device(53001));
        }),
        policy("an application that is not approved", 53002, BLOCKED, |directory, person| {
            require(directory, person, Requirement::Device(53002));
        }),
        otherwise(
            65001,
            "consent, whatever claims come with it",
            json!({"claims": r#"{"access_token":{"nbf":{"value":"1"}}}"#}),
            "invalid_grant",
            CONSENT,
        ),
    ]);
    all
}

/// It passes by itself.
pub(crate) fn outages() -> Vec<Cause> {
    let throttled = |name: &str, body, retry_after, told| {
        let said = match body {
            Body::Text => Said::Nothing,
            Body::Json => Said::Code("temporarily_unavailable", 90055),
        };
        cause(name, Trouble::Fault(What::Throttled { body, retry_after }), said, told)
    };
    let within = |seconds| Told::Within(LATER.reason(), seconds);
    let transient = |code, name: &str| refused(code, name, "temporarily_unavailable", LATER);
    let (seconds, date) = (RetryAfter::Seconds(2), RetryAfter::Date(3));
    let unavailable = |retry_after| Trouble::Fault(What::Unavailable { retry_after });
    let said = || Said::Code("temporarily_unavailable", 90033);
    vec![
        throttled("throttled in words, seconds", Body::Text, seconds, within(2)),
        throttled("throttled in words, a date", Body::Text, date, within(3)),
        throttled("throttled in words, no time", Body::Text, RetryAfter::Absent, LATER),
        throttled("throttled in JSON, seconds", Body::Json, seconds, within(2)),
        throttled("throttled in JSON, a date", Body::Json, date, within(3)),
        cause("unavailable, seconds", unavailable(seconds), said(), within(2)),
        cause("unavailable, no time", unavailable(RetryAfter::Absent), said(), LATER),
        transient(50033, "a transient error"),
        transient(90024, "a budget that is used up"),
        with_status(400, transient(90033, "a transient error, with 400")),
        cause("a page in HTML", Trouble::Fault(What::Html { status: 502 }), Said::Nothing, LATER),
        cause("a connection that is reset", Trouble::Fault(What::Reset), Said::Nothing, LATER),
    ]
}

fn others(directory: &Directory, person: &str) -> Vec<String> {
    let names = directory.users.iter().map(|user| user.name.clone());
    names.filter(|name| name != person).collect()
}

fn require(directory: &mut Directory, person: &str, require: Requirement) {
    directory.policies.push(Policy {
        name: format!("for {person}"),
        id: format!("90110000-0000-4000-8000-{:012}", directory.policies.len()),
        users: Some(vec![person.to_owned()]),
        apps: Some(vec![CLUSTER.to_owned()]),
        require,
        shape: Shape::InvalidGrant,
    });
}
