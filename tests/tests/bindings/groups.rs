//! Groups that a token does not tell, and policies read: asked of the STS, once for all who wait, and never believed to
//! be none because nobody told.
//!
//! Three tools: `pods_list` is permitted to a group, `pods_get` is forbidden to another one, `pods_log` is everybody's.
//! The real STS and Graph's emulator: `entra_end_to_end`.

use std::time::Duration;

use anyhow::{Result, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::idp::now;
use obolus_tests::fixtures::workbench::tool_call;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::answer::arrived;
use crate::sts_stand_in::{Reply, StandIn};

const TENANT: &str = "11111111-aaaa-4aaa-8aaa-111111111111";
const API: &str = "bbbbbbbb-0000-4000-8000-00000000000b";
const CLUSTER: &str = "aaaaaaaa-0000-4000-8000-00000000000a";
/// In which order they are asked for.
const TOOLS: [&str; 3] = ["pods_list", "pods_get", "pods_log"];
const SOON: Duration = Duration::from_secs(10);

/// Which of [`TOOLS`] may be called.
const WHO_DEVELOPS: [bool; 3] = [true, true, true];
const WHO_IS_IN_NO_GROUP: [bool; 3] = [false, true, true];
const WHO_IS_BLOCKED: [bool; 3] = [false, false, true];
/// A permit that reads groups does not apply, a forbid does.
const OF_WHOM_NOTHING_IS_KNOWN: [bool; 3] = [false, false, true];

fn policies() -> Value {
    let within = |group: &str| json!(["in", ["principal"], ["entity", "Group", group]]);
    let named = |tool: &str| json!(["==", [".", ["resource"], "name"], tool]);
    let policy = |id: &str, effect: &str, when: Value| json!({"id": id, "effect": effect, "actions": ["tools/call"], "when": when});
    json!({
        "form": 1,
        "policies": [
            policy("developers", "permit", json!(["&&", named("pods_list"), within("developers")])),
            policy("everybody", "permit", json!(["||", named("pods_get"), named("pods_log")])),
            policy("blocked", "forbid", json!(["&&", named("pods_get"), within("blocked")])),
        ],
        "tools": {"kubernetes": {"pods_list": {}, "pods_get": {}, "pods_log": {}}},
    })
}

/// The stand-in behind a filter for Entra ID's people, with these policies.
async fn start_with(access: Value) -> Result<StandIn> {
    let stand_in = StandIn::start_with(move |configuration| {
        let host = configuration["issuers"][0]["issuer"].clone();
        configuration["issuers"] = json!([
            {"name": "idp", "profile": "entra", "tenants": [TENANT], "authorityHost": host},
        ]);
        let resource = &mut configuration["resources"][0];
        resource["audiences"] = json!([API]);
        resource["requiredScopes"] = json!([format!("api://{API}/access_as_user")]);
        resource["target"] = json!({"name": "kubernetes", "audience": CLUSTER});
        resource["access"] = access;
    })
    .await?;
    stand_in.answers(Reply::Token(json!({"aud": CLUSTER})));
    Ok(stand_in)
}

async fn start() -> Result<StandIn> {
    start_with(json!({"policies": policies()})).await
}

/// A new token of Entra ID's that says these things besides.
fn token(stand_in: &StandIn, id: &str, more: Value) -> Result<String> {
    let now = now();
    let mut claims = json!({
        "iss": format!("{}/{TENANT}/v2.0", stand_in.issuer()), "tid": TENANT, "ver": "2.0", "aud": API,
        "oid": "0a11ce00-0000-4000-8000-000000000001", "sub": "pairwise", "azp": "mcp-client",
        "scp": "access_as_user", "iat": now, "nbf": now, "exp": now + 300, "uti": id,
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
    stand_in.mint(&claims)
}

fn overage(stand_in: &StandIn, id: &str) -> Result<String> {
    token(stand_in, id, json!({"_claim_names": {"groups": "src1"}}))
}

/// Whether a call passes. What does not is answered as if there were no such tool.
async fn passes(stand_in: &StandIn, token: &str, tool: &str) -> Result<bool> {
    let response = stand_in.post(token, tool_call(tool)).send().await?;
    let status = response.status().as_u16();
    let body: Value = response.json().await?;
    let passed = body.get("result").is_some();
    let is_hidden = body["error"]["code"] == -32602;
    ensure!(status == 200 && passed != is_hidden, "{tool}: {status} {body}");
    ensure!(arrived(&stand_in.upstream) == usize::from(passed), "{tool}: {body}");
    Ok(passed)
}

/// Which of [`TOOLS`] this token may call, and how often the STS was asked for groups meanwhile.
async fn may(stand_in: &StandIn, token: &str) -> Result<([bool; 3], usize)> {
    stand_in.sts.take();
    let mut all = [false; 3];
    for (tool, may) in TOOLS.into_iter().zip(&mut all) {
        *may = passes(stand_in, token, tool).await?;
    }
    Ok((all, stand_in.asked_at("/groups").len()))
}

async fn tells(stand_in: &StandIn, status: u16, body: impl ToString) {
    *stand_in.groups.lock().await = (status, body.to_string());
}

#[tokio::test]
async fn groups_that_a_token_tells_or_does_not_speak_of_are_not_asked_for() -> Result<()> {
    let stand_in = start().await?;
    tells(&stand_in, 200, json!({"groups": ["developers"], "expires_in": 300})).await;
    for (number, (claims, expected)) in [
        (json!({"groups": ["developers", "others"]}), WHO_DEVELOPS),
        (json!({"groups": []}), WHO_IS_IN_NO_GROUP),
        (json!({"groups": ["blocked"]}), WHO_IS_BLOCKED),
        (json!({}), OF_WHOM_NOTHING_IS_KNOWN),
    ]
    .into_iter()
    .enumerate()
    {
        let token = token(&stand_in, &format!("told-{number}"), claims.clone())?;
        assert_eq!(may(&stand_in, &token).await?, (expected, 0), "{claims}");
    }
    let control = overage(&stand_in, "control")?;
    assert_eq!(may(&stand_in, &control).await?, (WHO_DEVELOPS, 1), "it can be asked");
    Ok(())
}

#[tokio::test]
async fn groups_that_a_token_does_not_tell_are_those_that_the_sts_tells() -> Result<()> {
    let stand_in = start().await?;
    for (number, (groups, expected)) in [
        (json!(["others", "developers"]), WHO_DEVELOPS),
        (json!([]), WHO_IS_IN_NO_GROUP),
        (json!(["blocked"]), WHO_IS_BLOCKED),
    ]
    .into_iter()
    .enumerate()
    {
        tells(&stand_in, 200, json!({"groups": groups, "expires_in": 300})).await;
        let told = overage(&stand_in, &format!("overage-{number}"))?;
        assert_eq!(may(&stand_in, &told).await?, (expected, 1), "{groups}");
        let partly = json!({"groups": ["developers"], "hasgroups": true});
        let partly = token(&stand_in, &format!("partly-{number}"), partly)?;
        assert_eq!(
            may(&stand_in, &partly).await?,
            (expected, 1),
            "a list that is not whole: {groups}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_sts_is_asked_in_the_form_of_an_exchange_with_our_credential() -> Result<()> {
    let stand_in = start().await?;
    tells(&stand_in, 200, json!({"groups": ["developers"], "expires_in": 300})).await;
    let token = overage(&stand_in, "form")?;
    assert!(passes(&stand_in, &token, "pods_list").await?);
    let seen = stand_in.sts.take();
    let of = |path: &str| seen.iter().find(|request| request.uri.path() == path).unwrap();
    let (groups, exchange) = (of("/groups"), of("/exchange"));
    assert_eq!(groups.text(), exchange.text());
    assert_eq!((groups.method.as_str(), exchange.method.as_str()), ("POST", "POST"));
    for header in ["authorization", "content-type"] {
        assert_eq!(groups.header(header), exchange.header(header), "{header}");
        assert!(groups.header(header).is_some());
    }
    Ok(())
}

#[tokio::test]
async fn whoever_is_not_told_about_is_in_unknown_groups_and_not_in_none() -> Result<()> {
    let stand_in = start().await?;
    let refusal = |reason: &str| {
        json!({"error": "x", "error_description": "x", "reason": reason}).to_string()
    };
    let many: Vec<_> = (0..5_001).map(|number| number.to_string()).collect();
    for (number, (status, body)) in [
        (403, refusal("exchange_denied")),
        (403, refusal("consent_required")),
        (400, refusal("target_unknown")),
        (401, refusal("caller_unauthenticated")),
        (503, refusal("idp_unavailable")),
        (500, String::new()),
        (403, json!({"groups": ["developers"], "expires_in": 300}).to_string()),
        (200, String::new()),
        (200, refusal("exchange_denied")),
        (200, json!({"groups": null, "expires_in": 300}).to_string()),
        (200, json!({"groups": ["developers", 1], "expires_in": 300}).to_string()),
        (200, json!({"groups": ["developers"]}).to_string()),
        (200, json!({"groups": many, "expires_in": 300}).to_string()),
        (200, json!({"groups": ["x".repeat(300 << 10)], "expires_in": 300}).to_string()),
    ]
    .into_iter()
    .enumerate()
    {
        tells(&stand_in, status, &body).await;
        let untold = overage(&stand_in, &format!("untold-{number}"))?;
        let about = body.get(..60).unwrap_or(&body);
        let found = may(&stand_in, &untold).await?;
        assert_eq!(found, (OF_WHOM_NOTHING_IS_KNOWN, 1), "{status} {about}");
        tells(&stand_in, 200, json!({"groups": ["developers"], "expires_in": 300})).await;
        let other = overage(&stand_in, &format!("told-{number}"))?;
        assert_eq!(may(&stand_in, &other).await?, (WHO_DEVELOPS, 1), "after {status} {about}");
    }
    assert_eq!(stand_in.gateway.counted("groups_untold").await?, 14);
    assert_eq!(stand_in.gateway.counted("groups_call").await?, 28);
    Ok(())
}

#[tokio::test]
async fn while_the_sts_is_down_groups_stay_unknown_and_are_asked_for_again_afterwards() -> Result<()>
{
    let stand_in = start().await?;
    tells(&stand_in, 200, json!({"groups": ["developers"], "expires_in": 1})).await;
    let token = overage(&stand_in, "outage")?;
    // The token is exchanged before the outage, so that all that is missing are the groups.
    assert_eq!(may(&stand_in, &token).await?.0, WHO_DEVELOPS);
    stand_in.sts.hang_up().await?;
    eventually("the end of what is known", SOON, || async {
        ensure!(!passes(&stand_in, &token, "pods_list").await?, "still known");
        Ok(())
    })
    .await?;
    assert_eq!(may(&stand_in, &token).await?, (OF_WHOM_NOTHING_IS_KNOWN, 0));
    tells(&stand_in, 200, json!({"groups": ["developers"], "expires_in": 300})).await;
    stand_in.sts.listen_again()?;
    // Nobody is asked again for a moment.
    assert_eq!(may(&stand_in, &token).await?, (OF_WHOM_NOTHING_IS_KNOWN, 0));
    eventually("another call", 2 * SOON, || async {
        ensure!(passes(&stand_in, &token, "pods_list").await?, "not asked again");
        Ok(())
    })
    .await?;
    assert_eq!(stand_in.asked_at("/groups").len(), 1);
    assert_eq!(may(&stand_in, &token).await?, (WHO_DEVELOPS, 0));
    Ok(())
}

#[tokio::test]
async fn one_call_is_for_all_who_wait_and_is_remembered_as_long_as_it_says() -> Result<()> {
    const MANY: u64 = 30;
    let stand_in = start().await?;
    tells(&stand_in, 200, json!({"groups": ["developers"], "expires_in": 4})).await;
    // Keys are fetched before.
    assert_eq!(may(&stand_in, &overage(&stand_in, "warm")?).await?, (WHO_DEVELOPS, 1));
    let tokens = [overage(&stand_in, "one")?, overage(&stand_in, "other")?];
    let held = stand_in.groups.lock().await;
    let mut calls = JoinSet::new();
    for number in 0..MANY {
        let token = if number == 0 { &tokens[1] } else { &tokens[0] };
        calls.spawn(stand_in.request(token).send());
    }
    eventually("all of them waiting", SOON, || async {
        ensure!(stand_in.gateway.counted("waiting").await? == MANY, "not yet");
        Ok(())
    })
    .await?;
    assert_eq!(arrived(&stand_in.upstream), 0);
    assert_eq!(stand_in.asked_at("/groups").len(), 2, "one for each token");
    drop(held);
    while let Some(answer) = calls.join_next().await {
        let body: Value = answer??.json().await?;
        assert!(body.get("result").is_some(), "{body}");
    }
    assert_eq!(arrived(&stand_in.upstream), usize::try_from(MANY)?);
    assert_eq!(may(&stand_in, &tokens[0]).await?, (WHO_DEVELOPS, 0));
    // What is told next counts only when the first has ended.
    tells(&stand_in, 200, json!({"groups": ["blocked"], "expires_in": 300})).await;
    eventually("the end of what was told", SOON, || async {
        ensure!(!passes(&stand_in, &tokens[0], "pods_list").await?, "still believed");
        Ok(())
    })
    .await?;
    assert_eq!(stand_in.asked_at("/groups").len(), 1);
    assert_eq!(may(&stand_in, &tokens[0]).await?, (WHO_IS_BLOCKED, 0));
    Ok(())
}

#[tokio::test]
async fn lists_show_what_the_groups_that_were_told_open() -> Result<()> {
    let stand_in = start().await?;
    let listed = json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": TOOLS.map(|tool| json!({"name": tool}))}});
    stand_in.upstream_answers(listed);
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
    let names = async |token: &str| -> Result<Vec<String>> {
        let answer = stand_in.post(token, list.clone()).send().await?;
        let body: Value = answer.json().await?;
        let tools = body["result"]["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(tools.iter().filter_map(|tool| tool["name"].as_str().map(str::to_owned)).collect())
    };
    tells(&stand_in, 200, json!({"groups": ["developers"], "expires_in": 300})).await;
    assert_eq!(names(&overage(&stand_in, "in")?).await?, TOOLS);
    tells(&stand_in, 200, json!({"groups": [], "expires_in": 300})).await;
    assert_eq!(names(&overage(&stand_in, "none")?).await?, ["pods_get", "pods_log"]);
    tells(&stand_in, 503, "").await;
    assert_eq!(names(&overage(&stand_in, "untold")?).await?, ["pods_log"]);
    Ok(())
}

#[tokio::test]
async fn policies_that_read_no_groups_ask_for_none() -> Result<()> {
    let stand_in =
        start_with(json!({"scopes": {format!("api://{API}/access_as_user"): ["pods_*"]}})).await?;
    tells(&stand_in, 200, json!({"groups": ["developers"], "expires_in": 300})).await;
    let token = overage(&stand_in, "unread")?;
    assert_eq!(may(&stand_in, &token).await?, ([true; 3], 0));
    let reading = start_with(json!({"groups": {"developers": ["pods_*"]}})).await?;
    tells(&reading, 200, json!({"groups": ["developers"], "expires_in": 300})).await;
    let token = overage(&reading, "read")?;
    assert_eq!(may(&reading, &token).await?, ([true; 3], 1));
    Ok(())
}
