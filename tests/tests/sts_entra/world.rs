//! An STS with a target for each way to ask Entra, and the Entra that it asks.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use obolus_tests::entra::Request;
use obolus_tests::fixtures::entra::{CLIENT, CLUSTER, Entra, EntraOptions, SERVER, Style};
use obolus_tests::fixtures::idp::claims_of;
use obolus_tests::fixtures::sts::{CALLER, Sts, StsOptions};
use obolus_tests::https;
use obolus_tests::pki::{Authority, KeyKind, self_signed};
use reqwest::RequestBuilder;
use serde_json::Value;

pub(crate) const CREDENTIAL: &str = "the-gateways-credential-0123456789";

pub(crate) struct World {
    pub(crate) entra: Entra,
    pub(crate) sts: Sts,
    pub(crate) http: reqwest::Client,
}

/// Status, and reason or `granted`.
pub(crate) type Outcome = (u16, String);

pub(crate) fn granted() -> Outcome {
    (200, "granted".to_owned())
}

pub(crate) fn refused(status: u16, reason: &str) -> Outcome {
    (status, reason.to_owned())
}

/// One more target, with a client of its own or the server's.
pub(crate) struct Target<'a> {
    pub(crate) name: &'a str,
    /// Names of applications, as in the example's directory.
    pub(crate) app: &'a str,
    pub(crate) audience: &'a str,
    pub(crate) scopes: &'a str,
    pub(crate) client: &'a str,
    pub(crate) proof: &'a str,
}

pub(crate) const SECRET: &str = "method = \"client_secret_post\"\nsecret_file = \"entra.secret\"";

/// For a token for this application, by the server with its secret.
pub(crate) fn target<'a>(name: &'a str, app: &'a str) -> Target<'a> {
    let (audience, scopes) = ("{app}", "api://{app}/.default");
    Target { name, app, audience, scopes, client: SERVER, proof: SECRET }
}

impl World {
    pub(crate) async fn start() -> Result<Self> {
        Self::start_with(&[], |_| {}).await
    }

    /// With these targets besides one for each style, and changes to whatever the STS is started with.
    pub(crate) async fn start_with(
        targets: &[Target<'_>],
        change: impl FnOnce(&mut StsOptions),
    ) -> Result<Self> {
        Self::start_trusting(&Authority::new("obolus sts entra")?, targets, change).await
    }

    /// With certificates of this authority, which has perhaps issued others.
    pub(crate) async fn start_trusting(
        authority: &Authority,
        targets: &[Target<'_>],
        change: impl FnOnce(&mut StsOptions),
    ) -> Result<Self> {
        let entra = Entra::start(authority, EntraOptions::default()).await?;
        let mut options = StsOptions { credential: CREDENTIAL.to_owned(), ..StsOptions::default() };
        entra.add_to_sts(&mut options, &Style::ALL.map(|style| (style.name(), style)))?;
        // Both tenants, and keys that are looked for every second.
        let one = format!("tenants = [\"{}\"]", entra.tenant_id());
        let fabrikam = entra.emulator.directory();
        let fabrikam = &fabrikam.tenant("fabrikam").context("no fabrikam")?.id;
        let both = format!(
            "tenants = [\"{}\", \"{fabrikam}\"]\nkeys_refresh_seconds = 1",
            entra.tenant_id()
        );
        options.more = options.more.replace(&one, &both);
        for target in targets {
            options.more += &configured(&entra, target);
        }
        let other = self_signed("somebody else", KeyKind::Rsa)?;
        options.files.extend([
            ("wrong.secret".to_owned(), "not-the-secret".to_owned()),
            ("other.key".to_owned(), other.key),
            ("other.crt".to_owned(), other.certificate),
        ]);
        change(&mut options);
        let sts = Sts::start(authority, &options).await?;
        let http = https::client(&authority.pem())?;
        Ok(Self { entra, sts, http })
    }

    pub(crate) async fn token(&self, person: &str) -> String {
        self.entra.token(person).await.unwrap()
    }

    pub(crate) fn request(&self, token: &str, target: &str) -> RequestBuilder {
        self.request_as(CREDENTIAL, token, target)
    }

    pub(crate) fn request_as(&self, credential: &str, token: &str, target: &str) -> RequestBuilder {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("audience", target),
            ("subject_token", token),
        ];
        let request = self.http.post(format!("{}/exchange", self.sts.url())).form(&form);
        request.basic_auth(CALLER, Some(credential))
    }

    /// What came of it, and the whole answer.
    pub(crate) async fn answer(&self, token: &str, target: &str) -> (Outcome, Value) {
        let response = self.request(token, target).send().await.unwrap();
        let status = response.status().as_u16();
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers().contains_key("retry-after"), status == 503);
        let body: Value = response.json().await.unwrap();
        let reason = match body.get("access_token") {
            Some(_) => "granted".to_owned(),
            None => body["reason"].as_str().unwrap().to_owned(),
        };
        ((status, reason), body)
    }

    pub(crate) async fn exchange(&self, token: &str, target: &str) -> Outcome {
        self.answer(token, target).await.0
    }

    /// The exchanged token's claims.
    pub(crate) async fn claims(&self, token: &str, target: &str) -> Value {
        let (outcome, body) = self.answer(token, target).await;
        assert_eq!(outcome, granted(), "{target}\n{}", self.sts.log());
        claims_of(body["access_token"].as_str().unwrap()).unwrap()
    }

    /// What the STS has asked Entra for, so far.
    pub(crate) fn asked(&self) -> Vec<Request> {
        self.entra.emulator.requests().on_behalf_of()
    }

    /// The last request to a token endpoint; also one that a fault hit before it was read.
    pub(crate) fn last(&self) -> Request {
        self.entra.emulator.requests().last_token().unwrap()
    }

    /// A target and its grant, as they stand at the end of a configuration.
    pub(crate) fn configured(&self, target: &Target<'_>) -> String {
        configured(&self.entra, target)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.sts.folder().join(name)
    }

    /// The log lines of exchanges.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.sts.exchange_lines()
    }
}

fn configured(entra: &Entra, target: &Target<'_>) -> String {
    let Target { name, app, audience, scopes, client, proof } = target;
    let own = entra.emulator.filled_in(&format!("{{{app}}}"));
    let [audience, scopes] = [audience, scopes].map(|text| text.replace("{app}", &own));
    let (client, public) = (entra.id_of(client), entra.id_of(CLIENT));
    format!(
        r#"
[[callers.grants]]
issuer = "entra"
audiences = ["{client}", "api://{client}"]
clients = ["{public}"]
targets = ["{name}"]

[[targets]]
name = "{name}"
provider = "entra"
issuer = "entra"
audience = "{audience}"
scopes = ["{scopes}"]

[targets.client]
id = "{client}"
{proof}
"#
    )
}

/// Of the target that stands for the cluster.
pub(crate) fn cluster(entra: &Entra) -> String {
    entra.id_of(CLUSTER)
}
