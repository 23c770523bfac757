//! Every client that is run here at every provider, and what comes of it: the table of `docs/clients.md`.

use std::io::Write as _;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::fixtures::browser::{Ended, Seen};
use obolus_tests::fixtures::stack::Provider;

use crate::client::{Client, Era, Errand, run};
use crate::clients::{McpInspector, PythonSdk, RustSdk};
use crate::proof::Proof;
use crate::world::{World, world};

/// Where the client's id comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Registration {
    /// The person was given one.
    Static,
    /// The client asks for one.
    Dynamic,
}

/// One login.
struct Row {
    client: &'static dyn Client,
    provider: Provider,
    era: Era,
    registration: Registration,
    person: &'static str,
}

const CLIENTS: [&dyn Client; 3] = [&McpInspector, &PythonSdk, &RustSdk];

/// All logins at this provider. Alice and Bob take turns: each is the other's control.
fn rows(provider: Provider) -> Vec<Row> {
    let mut rows = Vec::new();
    for client in CLIENTS {
        for registration in [Registration::Static, Registration::Dynamic] {
            for (era, person) in [(Era::Legacy, "alice"), (Era::Modern, "bob")] {
                rows.push(Row { client, provider, era, registration, person });
            }
        }
    }
    rows
}

impl Row {
    async fn outcome(&self, world: &World) -> Result<()> {
        let resource = world.stack.resource_of(self.provider);
        let id = world.client_id(self.provider);
        let id = (self.registration == Registration::Static).then_some(id.as_str());
        let errand = Errand::new(resource, self.era, id, world.trust.clone());
        let _turn = world.turn(self.provider).await;
        let ran = run(world, self.client, &errand, |visit| visit, self.person).await?;
        let seen = ran.seen.as_ref().with_context(|| format!("no login: {}", ran.output))?;
        let told = || format!("{}\n{seen:#?}", ran.output);
        self.judge(seen).with_context(told)?;
        let username = world.stack.username(self.provider, self.person);
        ensure!(ran.exit_code == 0 && ran.username() == username, "{}", told());
        let result = ran.member("result").unwrap_or_default();
        let proof = Proof::of(world, &result).await.with_context(told)?;
        ensure!(proof.username() == username, "the API server saw {}", proof.username());
        let client = proof.permit["client"].as_str().unwrap_or_default();
        let given = client == world.client_id(self.provider);
        let own = self.provider == Provider::Keycloak && self.registration == Registration::Dynamic;
        ensure!(given != own, "the token was issued to {client}");
        Ok(())
    }

    /// The person saw their provider's own page, and was sent back with a code.
    fn judge(&self, seen: &Seen) -> Result<()> {
        let kinds = seen.kinds();
        let fits = match self.provider {
            Provider::Keycloak => match self.registration {
                // A client that anybody may register is one that people are asked about.
                Registration::Dynamic => kinds == ["keycloak sign-in", "keycloak consent"],
                Registration::Static => kinds.first() == Some(&"keycloak sign-in"),
            },
            Provider::Entra => kinds == ["entra sign-in"],
        };
        ensure!(fits && seen.ended == Ended::Callback, "the person saw something else");
        let callback = seen.callback.as_ref().context("no callback")?;
        ensure!(callback.error.is_none(), "the client got an error");
        Ok(())
    }
}

#[tokio::test]
async fn everybody_logs_in_with_every_client_and_the_api_server_sees_them() {
    let world = world().await;
    let all = futures_of(world).await;
    let mut table =
        String::from("\nclient             provider              era     client id  outcome\n");
    let mut failures = Vec::new();
    for (row, outcome) in &all {
        let said = if outcome.is_ok() { "logs in, calls, audited" } else { "FAILED" };
        table += &format!(
            "{:18} {:21} {:7} {:10} {said}\n",
            row.client.name(),
            row.provider.name(),
            row.era.name(),
            match row.registration {
                Registration::Static => "given",
                Registration::Dynamic => "registers",
            },
        );
        if let Err(error) = outcome {
            let title = format!(
                "{} {:?} {:?} {:?}",
                row.client.name(),
                row.provider,
                row.era,
                row.registration
            );
            failures.push(format!("{title}: {error:#}"));
        }
    }
    // Past what the test runner captures: the table is what this is for.
    std::io::stderr().write_all(table.as_bytes()).unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// Providers side by side, logins at one of them one after the other: records are told apart by their order.
async fn futures_of(world: &World) -> Vec<(Row, Result<()>)> {
    let at = |provider| async move {
        let mut outcomes = Vec::new();
        for row in rows(provider) {
            let outcome = row.outcome(world).await;
            outcomes.push((row, outcome));
        }
        outcomes
    };
    let mut all = Vec::new();
    match world.stack.providers() {
        [one, other] => {
            let (mut first, mut second) = tokio::join!(at(*one), at(*other));
            all.append(&mut first);
            all.append(&mut second);
        }
        [one] => all.append(&mut at(*one).await),
        _ => panic!("a stack of one or two providers"),
    }
    all
}
