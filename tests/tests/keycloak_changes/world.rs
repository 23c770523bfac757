//! The parts, and a call as a story sees it.

use anyhow::Result;
use obolus_tests::fixtures::gateway::{Gateway, GatewayOptions, Place};
use obolus_tests::fixtures::keycloak::{Keycloak, KeycloakOptions, claims};
use obolus_tests::fixtures::mcp_client::{Answered, McpClient};
use obolus_tests::fixtures::recorder::Recorder;
use obolus_tests::fixtures::stack::{SCOPE, issuers};
use obolus_tests::fixtures::sts::{Sts, StsIssuer, StsOptions};
use obolus_tests::fixtures::workbench::{local, mcp_recorder};
use obolus_tests::pki::Authority;
use obolus_tests::secret;
use serde_json::json;

/// How often the STS asks Keycloak for its keys, and the filter the STS.
pub(crate) const REFRESH_SECONDS: u64 = 1;

pub(crate) struct World {
    pub(crate) keycloak: Keycloak,
    pub(crate) sts: Sts,
    pub(crate) gateway: Gateway,
    upstream: Recorder,
}

/// A Keycloak whose keys and people exist already, and which does not run.
pub(crate) struct Before {
    authority: Authority,
    place: Place,
    pub(crate) keycloak: Keycloak,
}

/// What a client was told.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) challenge: String,
    pub(crate) retry_after: Option<u64>,
}

impl Told {
    fn of(answer: &Answered) -> Self {
        let header = |name| answer.headers.get(name).map(|value| value.to_str().unwrap());
        Self {
            status: answer.status.as_u16(),
            reason: answer.refusal()["reason"].as_str().unwrap_or_default().to_owned(),
            challenge: header("www-authenticate").unwrap_or_default().to_owned(),
            retry_after: header("retry-after").map(|seconds| seconds.parse().unwrap()),
        }
    }

    /// Status and reason, to compare with.
    pub(crate) fn verdict(&self) -> (u16, &str) {
        (self.status, &self.reason)
    }
}

impl Before {
    pub(crate) async fn new() -> Result<Self> {
        let authority = Authority::new("obolus keycloak changes")?;
        let place = Place::reserve()?;
        let options =
            KeycloakOptions { resources: vec![place.resource()], ..KeycloakOptions::default() };
        let keycloak = Keycloak::start(&authority, &options).await?;
        Ok(Self { authority, place, keycloak })
    }

    /// Starts all the others.
    pub(crate) async fn start(self) -> Result<World> {
        let Self { authority, place, keycloak } = self;
        let credential = secret::random()?;
        let options = StsOptions {
            issuers: vec![StsIssuer {
                keys_refresh_seconds: REFRESH_SECONDS,
                ..StsIssuer::keycloak(&keycloak, vec![place.resource()])
            }],
            credential: credential.clone(),
            ..StsOptions::default()
        };
        let sts = Sts::start(&authority, &options).await?;
        let upstream = mcp_recorder().await?;
        let mut options = GatewayOptions::new(issuers(&keycloak), local(&upstream), &credential);
        options.configure = Box::new(|configuration| {
            configuration["keysRefreshSeconds"] = json!(REFRESH_SECONDS);
        });
        let gateway = Gateway::start(place, &sts, options).await?;
        Ok(World { keycloak, sts, gateway, upstream })
    }
}

impl World {
    /// A new token.
    pub(crate) async fn token(&self, person: &str) -> String {
        self.keycloak.token(person, person, SCOPE).await.unwrap()
    }

    /// A call of a tool, with a token or without.
    pub(crate) async fn call(&self, token: Option<&str>) -> Told {
        let client = McpClient::new(&self.gateway.resource(), token).unwrap();
        Told::of(&client.call("pods_list", json!({})).await.unwrap())
    }

    /// A call that is forwarded for the person whose token it is.
    pub(crate) async fn passes(&self, token: &str) {
        self.arrived();
        let told = self.call(Some(token)).await;
        assert_eq!(told.status, 200, "{told:?}\n{}", self.sts.log());
        assert_eq!(self.arrived(), [claims(token).unwrap()["preferred_username"].to_string()]);
    }

    /// A call that is refused, of which nothing arrives.
    pub(crate) async fn is_refused(&self, token: &str, verdict: (u16, &str)) -> Told {
        self.arrived();
        let told = self.call(Some(token)).await;
        assert_eq!(told.verdict(), verdict, "{told:?}\n{}", self.sts.log());
        assert_eq!(self.arrived(), [""; 0]);
        told
    }

    /// The names in the exchanged tokens of what arrived since the last look.
    pub(crate) fn arrived(&self) -> Vec<String> {
        let name = |request: obolus_tests::fixtures::recorder::Recorded| {
            let bearer = request.header("authorization").expect("one Authorization header");
            let claims = claims(bearer.strip_prefix("Bearer ").expect("a bearer token")).unwrap();
            assert_eq!(claims["aud"], "kubernetes");
            claims["preferred_username"].to_string()
        };
        self.upstream.take().into_iter().map(name).collect()
    }
}
