//! An Entra ID with thousands of people, and what stands between them and an upstream.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, ensure};
use obolus_tests::entra::directory::User;
use obolus_tests::entra::{Directory, Endpoint, Request};
use obolus_tests::fixtures::entra::{self, Entra, EntraOptions, Style};
use obolus_tests::fixtures::gateway::{Gateway, GatewayOptions, PROTECTED, Place};
use obolus_tests::fixtures::idp::claims_of;
use obolus_tests::fixtures::load::Answered;
use obolus_tests::fixtures::recorder::Recorder;
use obolus_tests::fixtures::sts::{CALLER, Sts, StsOptions};
use obolus_tests::fixtures::workbench::{local, mcp_recorder, tool_call};
use obolus_tests::pki::Authority;
use obolus_tests::{https, secret};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

/// The file with the authority of Entra's certificate.
pub(crate) const ISSUERS: &str = "issuers.crt";
/// How many people there are. They come again with another token, when all have been there.
const PEOPLE: usize = 500;

fn id_of(number: usize) -> String {
    format!("{number:0>8}-0000-4000-8000-00000000c01d")
}

/// Everything between a person of Entra's and an MCP server that records.
pub(crate) struct Town {
    pub(crate) entra: Arc<Entra>,
    pub(crate) sts: Sts,
    _gateway: Gateway,
    pub(crate) authority: Authority,
    pub(crate) people: People,
    pub(crate) doors: Doors,
    _upstream: Recorder,
}

/// How to start one.
pub(crate) struct TownOptions {
    /// Targets of the STS besides the gateway's.
    pub(crate) styles: Vec<Style>,
    /// Changes to whatever the STS is started with.
    pub(crate) change_sts: Box<dyn FnOnce(&mut StsOptions) + Send>,
}

impl Default for TownOptions {
    fn default() -> Self {
        Self { styles: Vec::new(), change_sts: Box::new(|_| {}) }
    }
}

impl Town {
    pub(crate) async fn start(options: TownOptions) -> Result<Self> {
        // Two of them, so that Entra's can be replaced alone.
        let (authority, issuers) =
            (Authority::new("obolus town")?, Authority::new("obolus issuers")?);
        let mut directory = Directory::example();
        let alice = directory.user("alice").context("no alice")?.clone();
        directory.users.extend((0..PEOPLE).map(|number| User {
            name: format!("newcomer{number}"),
            id: id_of(number),
            principal_name: None,
            ..alice.clone()
        }));
        let entra_options = EntraOptions { directory, ..EntraOptions::default() };
        let entra = Arc::new(Entra::start(&issuers, entra_options).await?);
        let upstream = mcp_recorder().await?;
        let place = Place::reserve()?;
        let credential = secret::random()?;
        let mut sts = StsOptions { credential: credential.clone(), ..StsOptions::default() };
        let mut targets = vec![(entra::TARGET, entra.default_style())];
        targets.extend(options.styles.iter().map(|style| (style.name(), *style)));
        entra.add_to_sts(&mut sts, &targets)?;
        sts.more = sts.more.replace("\"ca.crt\"", &format!("{ISSUERS:?}"));
        sts.files.push((ISSUERS.to_owned(), issuers.pem()));
        (options.change_sts)(&mut sts);
        let sts = Sts::start(&authority, &sts).await?;
        let mut gateway = GatewayOptions::new(
            json!([entra.issuer_for_the_filter()]),
            local(&upstream),
            &credential,
        );
        let resource = entra.resource(&place.resource(), PROTECTED, entra::TARGET);
        gateway.configure =
            Box::new(move |configuration| configuration["resources"] = json!([resource]));
        let gateway = Gateway::start(place, &sts, gateway).await?;
        let people = People::new(Arc::clone(&entra)).await?;
        let doors = Doors {
            http: https::plain_client()?,
            mcp: gateway.resource(),
            tls: https::client(&authority.pem())?,
            exchange: format!("{}/exchange", sts.url()),
            credential,
        };
        Ok(Self { entra, sts, _gateway: gateway, authority, people, doors, _upstream: upstream })
    }

    /// Requests to Entra's token endpoint so far.
    pub(crate) fn asked(&self) -> Vec<Request> {
        self.entra.emulator.requests().to(Endpoint::Token)
    }

    /// So many people nobody has seen before are served, one after the other.
    pub(crate) async fn newcomers_are_served(&self, count: usize) -> Result<()> {
        for _ in 0..count {
            let answer = Answered::to(self.doors.call(&self.people.newcomer()?)).await;
            ensure!(answer.is_good(), "{answer}\n{}", self.sts.log());
        }
        Ok(())
    }
}

/// Ways in.
#[derive(Clone)]
pub(crate) struct Doors {
    http: reqwest::Client,
    mcp: String,
    tls: reqwest::Client,
    exchange: String,
    pub(crate) credential: String,
}

impl Doors {
    /// The same with another credential of the caller's.
    pub(crate) fn with_credential(&self, credential: &str) -> Self {
        Self { credential: credential.to_owned(), ..self.clone() }
    }

    /// A call of a tool through the gateway.
    pub(crate) fn call(&self, token: &str) -> RequestBuilder {
        self.http
            .post(&self.mcp)
            .bearer_auth(token)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .body(tool_call("pods_list"))
    }

    /// What the gateway would ask the STS for.
    pub(crate) fn exchange(&self, token: &str, target: &str) -> RequestBuilder {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("audience", target),
            ("subject_token", token),
        ];
        self.tls.post(&self.exchange).form(&form).basic_auth(CALLER, Some(&self.credential))
    }
}

/// People of the tenant, each with a token that nobody has seen.
#[derive(Clone)]
pub(crate) struct People {
    entra: Arc<Entra>,
    claims: Value,
    next: Arc<AtomicUsize>,
}

impl People {
    async fn new(entra: Arc<Entra>) -> Result<Self> {
        // Signed in for real once; the others' tokens differ by whose they are.
        let claims = claims_of(&entra.token("alice").await?).context("no claims")?;
        Ok(Self { entra, claims, next: Arc::default() })
    }

    /// A token that nobody has seen, of the person whose turn it is.
    pub(crate) fn newcomer(&self) -> Result<String> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut claims = self.claims.clone();
        claims["oid"] = json!(id_of(number % PEOPLE));
        claims["sub"] = json!(format!("pairwise-of-{}", number % PEOPLE));
        claims["uti"] = json!(format!("newcomer-{number:0>13}"));
        self.entra.emulator.mint(&claims)
    }

    /// So many of them.
    pub(crate) fn newcomers(&self, count: usize) -> Result<Vec<String>> {
        (0..count).map(|_| self.newcomer()).collect()
    }
}
