//! A workbench with a window: between two good requests nothing else has arrived upstream.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Result, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::idp::claims_of;
use obolus_tests::fixtures::recorder::Recorded;
use obolus_tests::fixtures::workbench::{Plan, Workbench};
use serde_json::{Value, json};

use crate::records::LogReader;
use crate::refusal::check_refusal;
use crate::wire::{Answer, Framing, Request};

/// For what is a matter of milliseconds.
const SOON: Duration = Duration::from_secs(10);

pub(crate) struct Story {
    pub(crate) bench: Workbench,
    /// What everything that the filter counts stood at when it was last looked at.
    counted: BTreeMap<String, u64>,
    /// Envoy's log from there on has not been looked at.
    log: LogReader,
    controls: u64,
    good: String,
    /// All tokens that clients sent.
    tokens: BTreeSet<String>,
    /// All that arrived upstream.
    forwarded: Vec<Recorded>,
}

/// A decision, as counters and audit records name it.
pub(crate) enum Decision<'a> {
    Permit,
    Deny(&'a str, u16),
    /// The request ended before.
    None,
}

impl Story {
    /// The usual workbench. Nothing is warm yet: no key has been fetched, no token verified.
    pub(crate) async fn begin() -> Self {
        Self::with(Plan::new().await.unwrap()).await
    }

    /// Another workbench.
    pub(crate) async fn with(plan: Plan) -> Self {
        let bench = plan.start().await.unwrap();
        let mut claims = bench.claims("alice");
        // Whatever a story's resource needs.
        claims["scope"] = json!("openid mcp:tools mcp:admin");
        let good = bench.idp.mint(&claims).unwrap();
        let log = LogReader { path: bench.gateway.envoy.log_path(), offset: 0 };
        Self {
            bench,
            counted: BTreeMap::new(),
            log,
            controls: 0,
            tokens: BTreeSet::from([good.clone()]),
            good,
            forwarded: Vec::new(),
        }
    }

    /// A call of a tool, without a token.
    pub(crate) fn call(&self) -> Request {
        Request::post(&self.bench.gateway, tool_call("call", "pods_list"))
    }

    /// A call of a tool with a token that is good and, after the first control, known.
    pub(crate) fn good_call(&self) -> Request {
        self.call().bearer(&self.good)
    }

    pub(crate) fn good_token(&self) -> &str {
        &self.good
    }

    /// Sends a request; its tokens are remembered as a client's.
    pub(crate) async fn send(&mut self, request: &Request, framing: Framing) -> Answer {
        self.remember_tokens(request);
        match request.send(&self.bench.gateway, framing).await {
            Ok(answer) => answer,
            Err(error) => panic!("{error:#}\n{}", self.log_tail()),
        }
    }

    fn log_tail(&self) -> String {
        let log = self.bench.gateway.envoy.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }

    pub(crate) fn remember_tokens(&mut self, request: &Request) {
        let values = request.headers.iter().filter(|(name, _)| name == "authorization");
        for (_, value) in values {
            let value = String::from_utf8_lossy(value);
            let token = value.rsplit(' ').next().unwrap_or_default();
            // Short ones would be found in anything.
            if token.len() > 40 {
                self.tokens.insert(token.to_owned());
            }
        }
    }

    /// The request is refused, with everything that belongs to a refusal, and nothing of it arrives upstream.
    pub(crate) async fn refuses(
        &mut self,
        case: &str,
        request: &Request,
        framing: Framing,
        status: u16,
        reason: &str,
    ) -> Answer {
        let answer = self.send(request, framing).await;
        self.was_refused(case, &answer, status, reason).await;
        answer
    }

    /// As [`Self::refuses`], for an answer that is here already.
    pub(crate) async fn was_refused(
        &mut self,
        case: &str,
        answer: &Answer,
        status: u16,
        reason: &str,
    ) {
        check_refusal(case, answer, &self.bench.gateway.resource(), status, reason);
        self.control(case, vec![Decision::Deny(reason, status)]).await;
    }

    /// As [`Self::refuses`], in every framing, all in one window.
    pub(crate) async fn refuses_in_every_framing(
        &mut self,
        case: &str,
        request: &Request,
        status: u16,
        reason: &str,
    ) -> Vec<Answer> {
        let mut answers = Vec::new();
        for framing in Framing::ALL {
            let answer = self.send(request, framing).await;
            let case = format!("{case}, {framing:?}");
            check_refusal(&case, &answer, &self.bench.gateway.resource(), status, reason);
            answers.push(answer);
        }
        let decisions = answers.iter().map(|_| Decision::Deny(reason, status));
        self.control(case, decisions.collect()).await;
        answers
    }

    /// As [`Self::lets_through`], in every framing.
    pub(crate) async fn lets_through_in_every_framing(&mut self, case: &str, request: &Request) {
        for framing in Framing::ALL {
            self.lets_through(&format!("{case}, {framing:?}"), request, framing).await;
        }
    }

    /// The answer is not one of our filter's decisions: no record, no count, and nothing upstream.
    pub(crate) async fn answers_without_decision(
        &mut self,
        case: &str,
        request: &Request,
        framing: Framing,
        status: u16,
    ) -> Answer {
        let answer = self.send(request, framing).await;
        assert_eq!(answer.status, status, "{case}: {answer:?}");
        self.control(case, Vec::new()).await;
        answer
    }

    /// The request arrives upstream, once, with an exchanged token in place of the client's.
    pub(crate) async fn lets_through(
        &mut self,
        case: &str,
        request: &Request,
        framing: Framing,
    ) -> (Answer, Recorded) {
        let answer = self.send(request, framing).await;
        let arrived = self.was_let_through(case, request, &answer).await;
        (answer, arrived)
    }

    /// As [`Self::lets_through`], for an answer that is here already.
    pub(crate) async fn was_let_through(
        &mut self,
        case: &str,
        request: &Request,
        answer: &Answer,
    ) -> Recorded {
        assert_eq!(answer.status, 200, "{case}: {}", answer.text());
        let arrived = self.arrived();
        assert_eq!(arrived.len(), 1, "{case}: {arrived:?}");
        let [arrived] = <[Recorded; 1]>::try_from(arrived).unwrap();
        assert_eq!(arrived.body.as_ref(), Some(&request.body), "{case}: the body");
        check_exchanged(case, &arrived);
        self.decided(case, vec![Decision::Permit]).await;
        arrived
    }

    /// The positive control: a good request goes through now, and nothing else has arrived since the last one.
    /// `before` is what was decided in the meantime.
    pub(crate) async fn control(&mut self, case: &str, before: Vec<Decision<'_>>) {
        self.controls += 1;
        let id = format!("control-{}", self.controls);
        let request = Request::post(&self.bench.gateway, tool_call(&id, "pods_get"));
        let request = request.bearer(&self.good);
        let answer = self.send(&request, Framing::Length).await;
        assert_eq!(answer.status, 200, "{case}: the control: {}", answer.text());
        let arrived = self.arrived();
        let bodies: Vec<_> = arrived.iter().map(Recorded::text).collect();
        assert_eq!(bodies, [String::from_utf8_lossy(&request.body)], "{case}: what arrived");
        check_exchanged(case, &arrived[0]);
        let decisions = before.into_iter().chain([Decision::Permit]).collect();
        self.decided(case, decisions).await;
    }

    /// As [`Self::control`], where Envoy's own answer may have come before our decision or after it.
    pub(crate) async fn control_after_envoys_answer(&mut self, case: &str, ours: Decision<'_>) {
        let Decision::Deny(reason, _) = ours else { panic!("{case}: only a refusal is Envoy's") };
        let counter = format!("deny.{reason}");
        let counted = self.bench.gateway.counters().await.unwrap();
        let of = |counters: &BTreeMap<String, u64>| counters.get(&counter).copied();
        let decided = of(&counted) > of(&self.counted);
        self.control(case, vec![if decided { ours } else { Decision::None }]).await;
    }

    /// The positive control alone, where a test cannot say what was decided: nothing else has arrived.
    pub(crate) async fn nothing_arrived(&mut self, case: &str) {
        self.controls += 1;
        // Of a name that the policies of every story permit.
        let tool = format!("pods_control_{}", self.controls);
        let request = self.good_call().body(tool_call("control", &tool));
        let answer = self.send(&request, Framing::Length).await;
        assert_eq!(answer.status, 200, "{case}: the control: {}", answer.text());
        let arrived = self.arrived();
        assert_eq!(arrived.len(), 1, "{case}: {arrived:?}");
        let log = Mutex::new(&mut self.log);
        let written = eventually("the control's audit record", SOON, || async {
            let records = log.lock().unwrap().new_records()?;
            ensure!(records.iter().any(|record| record["tool"] == tool.as_str()), "{records:?}");
            Ok(())
        });
        written.await.unwrap_or_else(|error| panic!("{case}: {error:#}"));
        self.counted = self.bench.gateway.counters().await.unwrap();
    }

    /// What arrived upstream since the last look.
    pub(crate) fn arrived(&mut self) -> Vec<Recorded> {
        let arrived = self.bench.upstream.take();
        self.forwarded.extend(arrived.iter().cloned());
        arrived
    }

    /// Exactly these decisions were written and counted since the last look, in this order.
    pub(crate) async fn decided(&mut self, case: &str, decisions: Vec<Decision<'_>>) -> Vec<Value> {
        let mut records = Vec::new();
        let log = Mutex::new((&mut self.log, &mut records));
        let written = eventually("the audit records", SOON, || async {
            let mut log = log.lock().unwrap();
            let (log, records) = &mut *log;
            records.extend(log.new_records()?);
            ensure!(records.len() >= decisions.len(), "{records:?} of {}", decisions.len());
            Ok(())
        });
        written.await.unwrap_or_else(|error| panic!("{case}: {error:#}"));

        let mut expected = BTreeMap::new();
        let mut lines = Vec::new();
        for decision in decisions {
            let (counter, line) = match decision {
                Decision::Permit => ("permit".to_owned(), json!(["permit", null, null])),
                Decision::Deny(reason, status) => {
                    (format!("deny.{reason}"), json!(["deny", reason, status]))
                }
                Decision::None => (String::new(), json!(["none", null, null])),
            };
            if !counter.is_empty() {
                *expected.entry(counter).or_default() += 1;
            }
            lines.push(line);
        }
        let written: Vec<_> = records
            .iter()
            .map(|record| json!([record["decision"], record["reason"], record["status"]]))
            .collect();
        assert_eq!(written, lines, "{case}: audit");
        // At the door of a façade it is the façade's issuer.
        let is_here = |record: &Value| {
            record["resource"] == "kubernetes"
                || record["resource"].to_string().ends_with("/oauth\"")
        };
        assert!(records.iter().all(is_here), "{records:?}");

        let counted = self.bench.gateway.counters().await.unwrap();
        let moved: BTreeMap<_, u64> = counted
            .iter()
            .filter(|(name, _)| name.starts_with("deny.") || *name == "permit")
            .map(|(name, now)| (name, now - self.counted.get(name).copied().unwrap_or_default()))
            .filter(|(_, by)| *by > 0)
            .map(|(name, by)| (name.clone(), by))
            .collect();
        assert_eq!(moved, expected, "{case}: counters");
        self.counted = counted;
        records
    }

    /// The end: nothing came late, nothing broke, and no token of a client's went anywhere.
    pub(crate) async fn ends(mut self) {
        self.control("the end", Vec::new()).await;
        let log = self.bench.gateway.envoy.log();
        for word in ["obolus: panic", "wasm vm failed", "Function: proxy_"] {
            assert!(!log.to_ascii_lowercase().contains(&word.to_ascii_lowercase()), "{log}");
        }
        assert!(!self.forwarded.is_empty());
        for token in &self.tokens {
            assert!(!log.contains(token.as_str()), "a token in Envoy's log: {token}");
            for recorded in &self.forwarded {
                let bytes = everything_of(recorded);
                assert!(!bytes.contains(token.as_str()), "a client's token upstream: {bytes}");
            }
        }
    }
}

/// A `tools/call` with this id.
pub(crate) fn tool_call(id: &str, tool: &str) -> String {
    json!({
        "jsonrpc": "2.0",
        "id": id,
        "method": "tools/call",
        "params": {"name": tool, "arguments": {}},
    })
    .to_string()
}

/// All bytes of a request that have a place in this program.
pub(crate) fn everything_of(recorded: &Recorded) -> String {
    let mut text = format!("{} {}\n", recorded.method, recorded.uri);
    for (name, value) in &recorded.headers {
        text += &format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()));
    }
    text + &recorded.text()
}

/// The exchanged token of a request that arrived upstream: for the API server, and for somebody.
pub(crate) fn check_exchanged(case: &str, arrived: &Recorded) -> Value {
    let claims = arrived
        .header("authorization")
        .and_then(|value| value.strip_prefix("Bearer "))
        .and_then(claims_of)
        .unwrap_or_else(|| panic!("{case}: no exchanged token: {arrived:?}"));
    assert_eq!(claims["aud"], "kubernetes", "{case}");
    assert_eq!(claims["azp"], "obolus-sts", "{case}");
    claims
}

/// Waits until the clock of this machine, which is the gateway's, shows this second.
pub(crate) async fn until(second: u64) -> Result<()> {
    let what = format!("the time {second}");
    eventually(&what, Duration::from_secs(60), || async {
        ensure!(obolus_tests::fixtures::idp::now() >= second, "not yet");
        Ok(())
    })
    .await
}
