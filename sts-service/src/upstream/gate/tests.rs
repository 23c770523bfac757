use std::sync::LazyLock;

use obolus_core::token::{IssuerRules, Provider};
use tokio::time::sleep;

use super::*;

static ALICE: LazyLock<Identity> = LazyLock::new(|| person("alice"));

const KIND: Kind<'_> = Kind { client: "sts", target: "kubernetes", audience: "kubernetes" };

/// Of alice's.
fn visit(errand: Errand) -> Visit<'static> {
    Visit { errand, kind: KIND, person: &ALICE }
}

fn gate(places: usize) -> Arc<Gate> {
    let rules = IssuerRules {
        name: "idp".to_owned(),
        provider: Provider::Oidc("https://idp.example.com".to_owned()),
        algorithms: Vec::new(),
        clock_skew_seconds: 0,
    };
    let source = rules.key_sources().remove(0);
    let places = Places::deal(places, 1).next().unwrap();
    Arc::new(Gate::new(source, places, Metrics::new()))
}

fn person(name: &str) -> Identity {
    Identity { issuer: "https://idp.example.com".to_owned(), subject: name.to_owned() }
}

/// Nobody can reach the provider.
fn give_up(gate: &Arc<Gate>) {
    while gate.state().circuit.is_closed() {
        let mut passage = gate.enter(visit(Errand::Request)).unwrap();
        passage.saw(Sign::Unreachable, Instant::now());
        let seen = passage.may_ask_again(Sign::Unreachable, false, Duration::from_secs(3));
        assert_eq!(seen, gate.state().circuit.is_closed());
    }
}

/// Until somebody may be the probe.
async fn probe_time(gate: &Arc<Gate>) {
    while !is_probe_time(gate) {
        sleep(Duration::from_millis(20)).await;
    }
}

fn is_probe_time(gate: &Arc<Gate>) -> bool {
    let mut state = gate.state();
    let admission = state.circuit.admit(Instant::now(), &ALICE);
    if admission == Admission::Probe {
        state.circuit.gave_up();
    }
    admission == Admission::Probe
}

#[tokio::test]
async fn a_refresh_is_never_the_probe_and_goes_ahead_when_there_is_none_to_be() {
    let gate = gate(4);
    assert!(gate.enter(visit(Errand::Refresh)).is_ok());
    give_up(&gate);
    probe_time(&gate).await;
    let refused = gate.enter(visit(Errand::Refresh)).unwrap_err();
    assert_eq!(refused, Closed::CircuitOpen(None));
    assert_eq!(refused.denial().reason(), Reason::IdpUnavailable);
    let mut probe = gate.enter(visit(Errand::Request)).unwrap();
    let refused = gate.enter(visit(Errand::Request)).unwrap_err();
    assert!(matches!(refused, Closed::CircuitOpen(Some(_))), "{refused:?}");
    assert_eq!(probe.asks_again(), Again::No, "a probe is one attempt");
    probe.saw(Sign::Answered, Instant::now());
    assert!(gate.enter(visit(Errand::Refresh)).is_ok());
}

#[tokio::test]
async fn who_goes_away_as_the_probe_or_finds_no_place_leaves_it_to_the_next() {
    let gate = gate(1);
    let hung = gate.enter(visit(Errand::Request)).unwrap();
    for _ in 0..5 {
        gate.state().circuit.silent(Instant::now(), Instant::now(), None, false);
    }
    probe_time(&gate).await;
    let refused = gate.enter(visit(Errand::Request)).unwrap_err();
    assert_eq!(refused, Closed::Full(Limit::ExchangesInFlight));
    assert_eq!(refused.denial().reason(), Reason::Overloaded);
    drop(hung);
    let probe = gate.enter(visit(Errand::Request)).unwrap();
    drop(probe);
    assert!(gate.enter(visit(Errand::Request)).is_ok());
}

#[tokio::test]
async fn who_is_told_to_wait_keeps_no_place_and_no_probe() {
    let gate = gate(1);
    let passage = gate.enter(visit(Errand::Request)).unwrap();
    passage.hold(Some(RetrySeconds::new(60)), Instant::now());
    drop(passage);
    for _ in 0..3 {
        let refused = gate.enter(visit(Errand::Request)).unwrap_err();
        assert_eq!(refused, Closed::HeldBack(RetrySeconds::new(60)));
        let denial = refused.denial();
        assert_eq!(denial.reason(), Reason::IdpUnavailable);
        assert_eq!(denial.retry_after().map(RetrySeconds::get), Some(60));
    }
    assert!(gate.places.take().is_some());
}

#[tokio::test]
async fn a_hold_is_for_refreshes_too_and_for_second_attempts_and_for_this_kind_only() {
    let gate = gate(4);
    let own = gate.enter(visit(Errand::Request)).unwrap();
    assert_eq!(own.asks_again(), Again::Yes);
    let other = gate.enter(visit(Errand::Request)).unwrap();
    other.hold(Some(RetrySeconds::new(60)), Instant::now());
    assert!(matches!(own.asks_again(), Again::Held(after) if after.get() == 60));
    for errand in [Errand::Request, Errand::Refresh] {
        assert!(matches!(gate.enter(visit(errand)), Err(Closed::HeldBack(_))));
        let graph = Kind { audience: "graph", ..KIND };
        assert!(gate.enter(Visit { kind: graph, ..visit(errand) }).is_ok());
    }
}
