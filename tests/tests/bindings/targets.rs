//! Several targets of one resource, chosen by an argument of the body: what was exchanged for one of them never goes with
//! a request for another.

use anyhow::{Context as _, Result, ensure};
use obolus_tests::fixtures::idp::Behaviour;
use obolus_tests::fixtures::workbench::{Plan, Workbench};
use serde_json::{Value, json};

use crate::answer::{Answer, arrived, forwarded};
use crate::sts_stand_in::{Reply, StandIn};

/// More than a worker remembers of one token.
const CONTEXTS: usize = 12;

/// The target of a context, by name and audience alike.
fn cluster(context: &str) -> String {
    format!("cluster-of-{context}")
}

fn contexts() -> Vec<String> {
    (0..CONTEXTS).map(|number| format!("context-{number}")).collect()
}

/// Puts `targets` in the place of `target`, which becomes the default.
fn with_targets(filter: &mut Value, contexts: &[String]) {
    let resource = filter["resources"][0].as_object_mut().unwrap();
    let default = resource.remove("target").unwrap();
    let target = |context| json!({"name": cluster(context), "audience": cluster(context)});
    let by_value: serde_json::Map<_, _> =
        contexts.iter().map(|context| (context.clone(), target(context))).collect();
    resource.insert("targets".to_owned(), json!({"byValue": by_value, "default": default}));
}

async fn start() -> Result<Workbench> {
    let mut plan = Plan::new().await?;
    plan.sts.issuers[0].other_targets.extend(contexts().iter().map(|context| cluster(context)));
    plan.configure(|filter| with_targets(filter, &contexts()));
    plan.start().await
}

fn body(arguments: &Value) -> String {
    let params = json!({"name": "pods_list", "arguments": arguments});
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string()
}

fn for_context(context: &str) -> String {
    body(&json!({"namespace": "default", "context": context}))
}

/// Every request that arrived carries a token for the cluster that its own body names. Returns how many did.
fn each_has_its_own_clusters_token(bench: &Workbench) -> Result<usize> {
    let all = bench.upstream.take();
    for request in &all {
        let asked: Value = serde_json::from_str(&request.text())?;
        let context = asked["params"]["arguments"]["context"].as_str();
        let expected = context.map_or_else(|| "kubernetes".to_owned(), cluster);
        let claims = forwarded(request)?;
        ensure!(claims["aud"] == expected, "a token for {} with {asked}", claims["aud"]);
    }
    Ok(all.len())
}

#[tokio::test]
async fn a_token_of_one_target_never_goes_with_a_request_for_another() -> Result<()> {
    let bench = start().await?;
    let alice = bench.token("alice")?;
    let send = async |body: String, token: &str| -> Result<u16> {
        Ok(Answer::to(bench.post(body).bearer_auth(token)).await?.status)
    };
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
    let mut bodies: Vec<_> = contexts().iter().map(|context| for_context(context)).collect();
    bodies.extend([body(&json!({})), list]);
    // Cold, warm, and forgotten in between.
    for _ in 0..3 {
        for body in &bodies {
            assert_eq!(send(body.clone(), &alice).await?, 200, "{body}");
            assert_eq!(each_has_its_own_clusters_token(&bench)?, 1, "{body}");
        }
    }
    assert_eq!(bench.idp.exchanges(), CONTEXTS + 1, "one for each target, whatever asks");

    // All at once, while none is there yet.
    let before = bench.idp.exchanges();
    let carol = bench.token("carol")?;
    bench.idp.behave(Behaviour::Hold);
    let mut all = tokio::task::JoinSet::new();
    for body in bodies.iter().cycle().take(bodies.len() * 5) {
        all.spawn(Answer::to(bench.post(body.clone()).bearer_auth(&carol)));
    }
    bench.idp.let_go(bodies.len() * 5);
    for answer in all.join_all().await {
        assert_eq!(answer?.status, 200);
    }
    assert_eq!(each_has_its_own_clusters_token(&bench)?, bodies.len() * 5);
    assert_eq!(bench.idp.exchanges() - before, CONTEXTS + 1);
    Ok(())
}

#[tokio::test]
async fn only_the_body_chooses_and_the_record_says_what() -> Result<()> {
    let bench = start().await?;
    let alice = bench.token("alice")?;
    let zero = for_context("context-0");
    let request = bench.post(zero.clone()).bearer_auth(&alice);
    assert_eq!(Answer::to(request).await?.status, 200);
    let request = bench.post(body(&json!({}))).bearer_auth(&alice);
    assert_eq!(Answer::to(request).await?.status, 200);
    for name in ["mcp-param-context", "x-context", "context", "x-obolus-target"] {
        for body in [zero.clone(), body(&json!({}))] {
            // One of them mirrors the argument, if there is any, and says something else.
            let lies = name == "mcp-param-context" && body == zero;
            let request = bench.post(body).bearer_auth(&alice).header(name, "context-1");
            let expected = if lies { 400 } else { 200 };
            assert_eq!(Answer::to(request).await?.status, expected, "{name}");
        }
    }
    assert_eq!(each_has_its_own_clusters_token(&bench)?, 9);
    assert_eq!(bench.idp.exchanges(), 2, "a header chose");

    // A refusal of one target is none of the others, and both are recorded with their target.
    bench.idp.behave(Behaviour::Answer(403, json!({"error": "access_denied"})));
    let refused = bench.post(for_context("context-1")).bearer_auth(&alice);
    assert_eq!(Answer::to(refused).await?.verdict(), (403, "exchange_denied"));
    assert_eq!(Answer::to(bench.post(zero).bearer_auth(&alice)).await?.status, 200);
    assert_eq!(each_has_its_own_clusters_token(&bench)?, 1);
    let records = bench.gateway.audited("each request", |records| records.len() >= 12).await?;
    let of = |decision: &str, target: &str| {
        let is = |record: &&Value| record["decision"] == decision && record["target"] == target;
        records.iter().filter(is).count()
    };
    let (zero, one) = (cluster("context-0"), cluster("context-1"));
    let counted = (of("permit", &zero), of("permit", "kubernetes"), of("deny", &one));
    assert_eq!((counted, records.len()), ((5, 5, 1), 12), "{records:?}");
    Ok(())
}

#[tokio::test]
async fn what_names_no_target_is_refused_before_anything_is_exchanged() -> Result<()> {
    let bench = start().await?;
    let text = |arguments: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"pods_list","arguments":{arguments}}}}}"#
        )
    };
    for (arguments, reason) in [
        (r#"{"context":"elsewhere"}"#, "target_not_served"),
        (r#"{"context":"Context-0"}"#, "target_not_served"),
        (r#"{"context":"cluster-of-context-0"}"#, "target_not_served"),
        (r#"{"context":""}"#, "target_not_served"),
        (r#"{"context":null}"#, "target_not_served"),
        (r#"{"context":["context-0"]}"#, "target_not_served"),
        (r#"{"context":"context-0","Context":"context-1"}"#, "params_malformed"),
        (r#"{"context":"context-0","context":"context-1"}"#, "json_duplicate_key"),
        (r#"{"context":"context-0","c\u006fntext":"context-1"}"#, "json_duplicate_key"),
    ] {
        let bob = bench.token("bob")?;
        let answer = Answer::to(bench.post(text(arguments)).bearer_auth(&bob)).await?;
        assert_eq!(answer.verdict(), (400, reason), "{arguments}");
    }
    let raw = bench.post(for_context("elsewhere")).bearer_auth(bench.token("bob")?).send().await?;
    let raw: Value = raw.json().await?;
    assert_eq!((&raw["error"]["code"], &raw["id"]), (&json!(-32602), &json!(1)), "{raw}");
    assert_eq!((arrived(&bench.upstream), bench.idp.exchanges()), (0, 0));
    let good = bench.post(for_context("context-0")).bearer_auth(bench.token("bob")?);
    assert_eq!(Answer::to(good).await?.status, 200);
    assert_eq!((each_has_its_own_clusters_token(&bench)?, bench.idp.exchanges()), (1, 1));
    Ok(())
}

/// A resource of another cluster is read with a token for that cluster.
#[tokio::test]
async fn the_cluster_that_a_uri_names_is_the_one_that_its_token_is_for() -> Result<()> {
    let bench = start().await?;
    let alice = bench.token("alice")?;
    let read = async |uri: &str| -> Result<Answer> {
        let body =
            json!({"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": uri}});
        Answer::to(bench.post(body.to_string()).bearer_auth(&alice)).await
    };
    for uri in ["k8s://elsewhere/namespaces/shop/v1/Pod/web", "k8s://context-0@context-1/v1/Pod"] {
        assert_eq!(read(uri).await?.verdict(), (400, "target_not_served"), "{uri}");
    }
    assert_eq!((arrived(&bench.upstream), bench.idp.exchanges()), (0, 0));
    for (uri, audience) in [
        ("k8s://context-1/namespaces/shop/v1/Pod/web", cluster("context-1")),
        ("k8s:///namespaces/context-1/v1/Pod/context-1", "kubernetes".to_owned()),
        ("k8s://context-0/cluster/v1/Node", cluster("context-0")),
    ] {
        assert_eq!(read(uri).await?.status, 200, "{uri}");
        let requests = bench.upstream.take();
        let [request] = requests.as_slice() else { panic!("{} arrived: {uri}", requests.len()) };
        assert_eq!(forwarded(request)?["aud"], audience, "{uri}");
    }
    Ok(())
}

/// The STS is asked for the chosen target, and its answer is held against that one.
#[tokio::test]
async fn an_answer_for_another_of_the_targets_is_not_believed() -> Result<()> {
    let contexts = ["context-0".to_owned(), "context-1".to_owned()];
    let stand_in = StandIn::start_with(move |filter| with_targets(filter, &contexts)).await?;
    let token = stand_in.token("alice")?;
    let (own, others) = (cluster("context-0"), cluster("context-1"));
    for lie in [others.as_str(), "kubernetes"] {
        stand_in.answers(Reply::Token(json!({"aud": lie})));
        let request = stand_in.request(&token).body(for_context("context-0"));
        let answer = Answer::to(request).await?;
        assert_eq!(answer.verdict(), (502, "exchanged_audience_mismatch"), "{lie}");
        assert_eq!(arrived(&stand_in.upstream), 0, "{lie}");
    }
    stand_in.answers(Reply::Token(json!({"aud": own})));
    let request = stand_in.request(&token).body(for_context("context-0"));
    assert_eq!(Answer::to(request).await?.status, 200);
    assert_eq!(arrived(&stand_in.upstream), 1);
    let asked = stand_in.asked();
    assert_eq!(asked.len(), 3);
    for request in asked {
        let form = request.text();
        let audience = form_urlencoded::parse(form.as_bytes()).find(|(name, _)| name == "audience");
        assert_eq!(audience.context("no audience")?.1, own);
    }
    Ok(())
}
