//! Every file that the STS reads, replaced while people call: by a good one, which the identity provider then sees, by one
//! that is broken, which nobody notices but the metric, and by a good one again.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::entra::directory::ClientSecret;
use obolus_tests::entra::{AuthStyle, Certificate, Request};
use obolus_tests::fixtures::entra::{SERVER, Style, TARGET};
use obolus_tests::fixtures::load::{Answered, Load};
use obolus_tests::fixtures::sts::{AUTHORITY, StsOptions};
use obolus_tests::https;
use obolus_tests::pki::{Authority, KeyKind, Leaf, Subject, self_signed};
use serde_json::json;

use crate::town::{ISSUERS, Town, TownOptions};

/// New people per second and way to prove who the STS is.
const EACH: u32 = 3;
/// Through the gateway, whose connection and credential are at stake, too.
const WARM: u32 = 10;
const COLD: u32 = 4;
/// Good answers of each load before the next change.
const ENOUGH: usize = 2;
/// Files are looked at every second; and this is a slow machine.
const SOON: Duration = Duration::from_secs(30);
/// The second credential of the caller.
const NEXT: &str = "next.credential";

/// What the STS is proved by at Entra, by the ids that Entra knows it by.
struct Yard {
    town: Town,
    loads: Vec<Load>,
    /// What the callers that are not the gateway send.
    credential: Arc<Mutex<String>>,
}

impl Yard {
    async fn open() -> Result<Self> {
        let town = Town::start(TownOptions {
            styles: Style::ALL.to_vec(),
            change_sts: Box::new(|options| {
                let next = "the-credential-before-the-next".to_owned();
                options.other_credentials.push((NEXT.to_owned(), next));
            }),
        })
        .await?;
        let credential = Arc::new(Mutex::new(town.doors.credential.clone()));
        let mut yard = Self { town, loads: Vec::new(), credential };
        yard.town.newcomers_are_served(3).await?;
        for style in Style::ALL {
            yard.serve_newcomers(style.name(), style)?;
        }
        let (doors, people) = (yard.town.doors.clone(), yard.town.people.clone());
        let warm = people.newcomers(5)?;
        for token in &warm {
            let answer = Answered::to(doors.call(token)).await;
            ensure!(answer.is_good(), "{answer}");
        }
        let warm_doors = doors.clone();
        yard.loads.push(Load::start("warm at the gateway", WARM, move |number| {
            Ok(warm_doors.call(&warm[number % warm.len()]))
        }));
        yard.loads.push(Load::start("new at the gateway", COLD, move |_| {
            Ok(doors.call(&people.newcomer()?))
        }));
        yard.goes_well().await?;
        Ok(yard)
    }

    /// New people at the STS, with the target of this style.
    fn serve_newcomers(&mut self, name: &str, style: Style) -> Result<()> {
        let (doors, people) = (self.town.doors.clone(), self.town.people.clone());
        let credential = Arc::clone(&self.credential);
        self.loads.push(Load::start(name, EACH, move |_| {
            let own = credential.lock().unwrap_or_else(PoisonError::into_inner).clone();
            Ok(doors.with_credential(&own).exchange(&people.newcomer()?, style.name()))
        }));
        Ok(())
    }

    /// Everybody who came before is served, and everybody goes on to be.
    async fn goes_well(&self) -> Result<()> {
        Load::all_go_well(&self.loads, ENOUGH, SOON).await
    }

    /// Replaces a file as careful people do: by a rename.
    fn write(&self, name: &str, content: &str) -> Result<()> {
        let folder = self.town.sts.folder();
        let new = folder.join(format!("{name}.new"));
        std::fs::write(&new, content)?;
        Ok(std::fs::rename(new, folder.join(name))?)
    }

    fn file(&self, name: &str) -> Result<String> {
        Ok(std::fs::read_to_string(self.town.sts.folder().join(name))?)
    }

    /// Entra has seen this since.
    async fn entra_sees(&self, what: &str, it: impl Fn(&Request) -> bool) -> Result<()> {
        let before = self.town.asked().len();
        eventually(what, SOON, || async {
            let asked = self.town.asked().split_off(before);
            let last = asked.iter().rev().find(|request| request.status == Some(200));
            ensure!(
                asked.iter().any(|request| request.status == Some(200) && it(request)),
                "{last:?}"
            );
            Ok(())
        })
        .await
    }

    /// What the metric says of the material that lives in this file.
    async fn stands(&self, name: &str, expected: &str) -> Result<()> {
        eventually(&format!("{name} to be `{expected}`"), SOON, || async {
            let metrics = self.town.sts.metrics().await?;
            let state = standing(&metrics, &self.town.sts.folder().join(name))?;
            ensure!(state == expected, "{name} is `{state}`");
            Ok(())
        })
        .await
    }

    /// A broken content: nobody notices, and what was good goes on to be shown to Entra.
    async fn break_it(
        &self,
        name: &str,
        broken: &str,
        still: impl Fn(&Request) -> bool,
    ) -> Result<()> {
        let good = self.file(name)?;
        self.stands(name, "current").await?;
        self.write(name, broken)?;
        self.stands(name, "last_good").await?;
        self.goes_well().await?;
        self.entra_sees(&format!("what was there before the broken {name}"), still).await?;
        self.write(name, &good)?;
        self.stands(name, "current").await?;
        self.goes_well().await.with_context(|| format!("after the broken {name}"))
    }
}

/// What is in use of the file at this path: `current`, `last_good` or `nothing`.
fn standing(metrics: &str, path: &Path) -> Result<&'static str> {
    let file = format!("file=\"{}\"", path.display());
    let states: BTreeSet<_> = metrics
        .lines()
        .filter(|line| line.starts_with("obolus_sts_material_state{") && line.contains(&file))
        .filter_map(|line| line.rsplit(' ').next())
        .collect();
    ensure!(states.len() == 1, "{file}: {states:?}");
    Ok(match states.first() {
        Some(&"0") => "current",
        Some(&"1") => "last_good",
        _ => "nothing",
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_file_is_swapped_under_load_and_nobody_notices() -> Result<()> {
    let mut yard = Yard::open().await?;
    secret(&yard).await.context("the client secret")?;
    key_and_certificate(&yard).await.context("key and certificate")?;
    federated_token(&yard).await.context("the federated token")?;
    issuers_authority(&yard).await.context("the issuer's authority")?;
    server_certificate(&yard).await.context("the server's certificate")?;
    configuration(&yard).await.context("the configuration")?;
    // Last, since it leaves one withdrawn.
    caller_credential(&yard).await.context("the caller's credential")?;

    let mut problems = Vec::new();
    for load in std::mem::take(&mut yard.loads) {
        let name = load.name().to_owned();
        let answers = load.end().await?;
        let bad: Vec<_> = answers.iter().filter(|answer| !answer.is_good()).collect();
        println!("{name:20} {} of {} served", answers.len() - bad.len(), answers.len());
        problems.extend(bad.iter().take(3).map(|bad| format!("{name}: {bad}")));
    }
    ensure!(problems.is_empty(), "{}\n{}", problems.join("\n"), yard.town.sts.log());
    Ok(())
}

async fn secret(yard: &Yard) -> Result<()> {
    let is_by_secret = |request: &Request| {
        matches!(request.auth_style, AuthStyle::SecretPost | AuthStyle::SecretBasic)
    };
    let (id, value) = ("5ec2e700-0000-4000-8000-0000000000aa", "the-next-secret~for.tests");
    yard.town.entra.emulator.change(|directory| {
        let next = ClientSecret { id: id.to_owned(), value: value.to_owned(), expires: None };
        directory.app_mut(SERVER).secrets.push(next);
    });
    yard.write("entra.secret", value)?;
    let is_next =
        |request: &Request| is_by_secret(request) && request.secret_id.as_deref() == Some(id);
    yard.entra_sees("the new secret", is_next).await?;
    yard.goes_well().await?;
    // Whoever still sent the old one would be refused from now on.
    yard.town.entra.emulator.change(|directory| {
        directory.app_mut(SERVER).secrets.retain(|secret| secret.id == id);
    });
    yard.goes_well().await?;
    yard.break_it("entra.secret", "two\nlines", is_next).await
}

async fn key_and_certificate(yard: &Yard) -> Result<()> {
    let next = self_signed("obolus-sts, next", KeyKind::Rsa)?;
    let registered = Certificate::from_pem(&next.certificate)?;
    yard.town.entra.emulator.change(|directory| {
        directory.app_mut(SERVER).certificates.push(registered.clone());
    });
    let before = yard.town.asked();
    // One after the other: what does not belong together is not used.
    yard.write("entra.key", &next.key)?;
    yard.goes_well().await?;
    yard.write("entra.crt", &next.certificate)?;
    // One of its two thumbprints.
    let old: Vec<_> = before.iter().filter_map(|request| request.thumbprint.clone()).collect();
    ensure!(!old.is_empty(), "the control: no certificate was seen before");
    let is_next = |request: &Request| {
        request.thumbprint.as_ref().is_some_and(|thumbprint| !old.contains(thumbprint))
    };
    yard.entra_sees("the new certificate", is_next).await?;
    yard.goes_well().await?;
    yard.town.entra.emulator.change(|directory| {
        directory.app_mut(SERVER).certificates = vec![registered];
    });
    yard.goes_well().await?;
    yard.break_it(
        "entra.key",
        "-----BEGIN PRIVATE KEY-----\nbm9uZQ==\n-----END PRIVATE KEY-----\n",
        is_next,
    )
    .await
}

async fn federated_token(yard: &Yard) -> Result<()> {
    let next = yard.town.entra.workload_token_with(&json!({"jti": "the-next-one"}))?;
    yard.write("entra.token", &next)?;
    let is_next = |request: &Request| request.jti.as_deref() == Some("the-next-one");
    yard.entra_sees("the new token", is_next).await?;
    yard.goes_well().await?;
    yard.break_it("entra.token", "not a token", is_next).await
}

/// Entra's certificate comes from another authority, old connections end, and the old authority is believed no more.
async fn issuers_authority(yard: &Yard) -> Result<()> {
    let next = Authority::new("obolus issuers, next")?;
    let old = yard.file(ISSUERS)?;
    yard.renew(ISSUERS, &format!("{old}{}", next.pem())).await?;
    yard.goes_well().await?;
    yard.town.entra.emulator.present(&next.server()?).await?;
    yard.renew(ISSUERS, &next.pem()).await?;
    yard.goes_well().await?;
    // Every connection is new after this, to somebody whom the first authority never knew.
    yard.town.entra.emulator.hang_up().await?;
    yard.town.entra.emulator.listen_again()?;
    yard.goes_well().await?;
    yard.entra_sees("anybody", |_| true).await?;
    yard.break_it(ISSUERS, "no certificate", |_| true).await
}

async fn server_certificate(yard: &Yard) -> Result<()> {
    let subject =
        || Subject::named(AUTHORITY).server().dns(AUTHORITY).dns("localhost").ip([127, 0, 0, 1]);
    let next = yard.town.authority.issue(subject())?;
    ensure!(yard.shown().await? != next.der, "the control: it is not shown yet");
    yard.write("server-chain.crt", &next.chain)?;
    yard.goes_well().await?;
    yard.write("server.key", &next.key)?;
    let is_shown = async |leaf: &Leaf| {
        eventually("the new certificate", SOON, || async {
            ensure!(yard.shown().await? == leaf.der, "another one");
            Ok(())
        })
        .await
    };
    is_shown(&next).await?;
    yard.goes_well().await?;
    yard.break_it("server-chain.crt", "no certificate", |_| true).await?;
    is_shown(&next).await
}

async fn caller_credential(yard: &Yard) -> Result<()> {
    let next = "the-next-credential-0123456789";
    let as_next = yard.town.doors.with_credential(next);
    let token = yard.town.people.newcomer()?;
    let early = Answered::to(as_next.exchange(&token, TARGET)).await;
    ensure!(early.status == 401, "the control: it does not count yet: {early}");
    yard.write(NEXT, next)?;
    // It counts at once.
    let answer = Answered::to(as_next.exchange(&token, TARGET)).await;
    ensure!(answer.is_good(), "{answer}");
    next.clone_into(&mut yard.credential.lock().unwrap_or_else(PoisonError::into_inner));
    yard.goes_well().await?;
    yard.break_it(NEXT, "short", |_| true).await?;
    // An empty one is no mistake, but a withdrawal: it is the one thing that must not leave the last good one.
    yard.town
        .doors
        .credential
        .clone_into(&mut yard.credential.lock().unwrap_or_else(PoisonError::into_inner));
    let since = Instant::now();
    yard.goes_well().await?;
    yard.write(NEXT, "")?;
    eventually("the withdrawn credential's end", SOON, || async {
        let answer = Answered::to(as_next.exchange(&token, TARGET)).await;
        ensure!(answer.status == 401 && answer.begun > since, "withdrawn: {answer}");
        Ok(())
    })
    .await?;
    yard.goes_well().await
}

/// One more target, and leave for the caller to ask for it.
async fn configuration(yard: &Yard) -> Result<()> {
    const ADDED: &str = "added";
    let (town, mut more) = (&yard.town, StsOptions::default());
    town.entra.add_targets(&mut more, &[(ADDED, Style::SecretPost.client())]);
    let token = town.people.newcomer()?;
    let ask = || Answered::to(town.doors.exchange(&token, ADDED));
    let early = ask().await;
    ensure!(early.status == 400, "the control: there is no such target yet: {early}");
    yard.write("sts.toml", &format!("{}{}", yard.file("sts.toml")?, more.more))?;
    eventually("the new target", SOON, || async {
        let answer = ask().await;
        ensure!(answer.is_good(), "{answer}");
        Ok(())
    })
    .await?;
    yard.goes_well().await?;
    yard.break_it("sts.toml", "[server]\nlisten = 7\n", |_| true).await
}

impl Yard {
    /// Replaces a file, and waits until the STS says that it has read it.
    async fn renew(&self, name: &str, content: &str) -> Result<()> {
        let read = |log: &str| {
            let lines =
                log.lines().filter(|line| line.contains("read anew") && line.contains(name));
            lines.count()
        };
        let before = read(&self.town.sts.log());
        self.write(name, content)?;
        eventually(&format!("{name} to be read"), SOON, || async {
            let now = read(&self.town.sts.log());
            ensure!(now > before, "{now} times so far");
            Ok(())
        })
        .await
    }

    /// The certificate that the STS shows to a new connection.
    async fn shown(&self) -> Result<Vec<u8>> {
        let client = https::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(self.town.authority.pem().as_bytes())?])
            .tls_info(true)
            .build()?;
        let answer = client.get(self.town.sts.url()).send().await?;
        let info = answer.extensions().get::<reqwest::tls::TlsInfo>().context("no TLS")?;
        Ok(info.peer_certificate().context("no certificate")?.to_vec())
    }
}
