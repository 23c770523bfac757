//! A third issuer, whose person is called what Entra calls alice: `sub` there is her `oid`.

use anyhow::Result;
use obolus_tests::fixtures::entra;
use obolus_tests::fixtures::idp::{Idp, claims_of};
use obolus_tests::pki::Authority;
use serde_json::{Value, json};

use crate::doors::{self, RECORDED};
use crate::world::{self, forwarded};

/// The door for its people.
pub(crate) const DOOR: &str = "recorded-namesake";
const TARGET: &str = "kubernetes-namesake";

pub(crate) struct Namesake {
    idp: Idp,
    authority: Authority,
}

impl Namesake {
    pub(crate) async fn start() -> Result<Self> {
        let authority = Authority::new("obolus namesake")?;
        Ok(Self { idp: Idp::start(&authority).await?, authority })
    }

    pub(crate) fn issuer_for_the_filter(&self) -> Value {
        json!({"name": DOOR, "issuer": self.idp.issuer(), "profile": "oidc", "algorithms": ["RS256"]})
    }

    /// Tables of the STS's configuration, and the files that they name.
    pub(crate) fn for_the_sts(&self) -> (String, Vec<(String, String)>) {
        let (issuer, audience) = (self.idp.issuer(), doors::url(DOOR));
        let tables = format!(
            r#"
[[callers.grants]]
issuer = "{DOOR}"
audiences = ["{audience}"]
clients = ["mcp-client"]
targets = ["{TARGET}"]

[[issuers]]
name = "{DOOR}"
issuer = "{issuer}"
profile = "oidc"
ca_file = "namesake.crt"

[[targets]]
name = "{TARGET}"
provider = "keycloak"
issuer = "{DOOR}"
audience = "kubernetes"
scopes = ["kubernetes"]

[targets.client]
id = "obolus-sts"
method = "client_secret_basic"
secret_file = "namesake.secret"
"#
        );
        let files = vec![
            ("namesake.crt".to_owned(), self.authority.pem()),
            ("namesake.secret".to_owned(), "whatever-it-is".to_owned()),
        ];
        (tables, files)
    }
}

/// The door in the filter's configuration.
pub(crate) fn resource(url: &str) -> Value {
    json!({
        "name": DOOR,
        "resource": url,
        "clusters": [DOOR],
        "issuers": [DOOR],
        "requiredScopes": ["mcp:tools"],
        "target": {"name": TARGET, "audience": "kubernetes"},
    })
}

#[tokio::test]
async fn people_of_one_name_at_two_issuers_share_nothing() {
    let world = world::turn().await;
    let (entra, idp) = (world.stack.entra(), &world.namesake.idp);
    let oid = entra.object_id("alice");
    let alice = entra.token("alice").await.unwrap();
    // All that names her at Entra, in the other's words.
    let mut claims = idp.claims(&oid, &doors::url(DOOR));
    for (name, value) in
        [("oid", oid.clone()), ("tid", entra.tenant_id()), ("ver", "2.0".to_owned())]
    {
        claims[name] = json!(value);
    }
    let namesake = idp.mint(&claims).unwrap();
    let asked = world.asked().len();
    for round in ["cold", "warm"] {
        for (door, token, issuer) in
            [(DOOR, &namesake, idp.issuer()), (RECORDED, &alice, entra.issuer())]
        {
            let answer = world.call(door, token).await;
            assert_eq!(answer.status, 200, "{round} {door}: {}", answer.body);
            let arrived = world.recorder.take();
            assert_eq!(arrived.len(), 1, "{round} {door}");
            let exchanged = claims_of(forwarded(&arrived[0])).unwrap();
            assert_eq!(exchanged["iss"], issuer, "{round} {door}");
            let named = if door == DOOR { &exchanged["sub"] } else { &exchanged["oid"] };
            assert_eq!(*named, oid, "{round} {door}");
        }
        // Neither opens the other's door, whoever is known there.
        for (door, token) in [(DOOR, &alice), (RECORDED, &namesake)] {
            let answer = world.call(door, token).await;
            assert_eq!(answer.verdict(), (401, "issuer_unknown"), "{round} {door}");
        }
        assert!(world.recorder.take().is_empty(), "{round}");
    }
    assert_eq!(world.asked().len(), asked + 1, "for alice, once");
    assert_eq!(idp.exchanges(), 1, "for the namesake, once");

    // The other's signature under Entra's name.
    claims["iss"] = json!(entra.issuer());
    claims["aud"] = json!(entra.id_of(entra::SERVER));
    claims["azp"] = json!(entra.id_of(entra::CLIENT));
    claims["scp"] = json!("access_as_user");
    let forged = idp.mint(&claims).unwrap();
    let answer = world.call(RECORDED, &forged).await;
    assert_eq!(answer.verdict(), (401, "key_unknown"), "{}", answer.body);
    assert!(world.recorder.take().is_empty());
}
