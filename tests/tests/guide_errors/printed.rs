//! The request that a printed form leads to, and Entra's answer.

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use obolus_tests::https;
use ring::digest::{SHA256, digest};
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use crate::guide::{Guide, guide, text};
use crate::world::World;

impl World {
    /// What the program that the guide is for would ask the token endpoint, with this token of a person.
    async fn on_behalf_of(&self, guide: Guide, assertion: &str) -> Result<Value> {
        let settings: toml::Table = text(&guide.printed()).parse()?;
        self.ask(&settings, assertion).await
    }

    async fn ask(&self, settings: &toml::Table, assertion: &str) -> Result<Value> {
        let setting = |key: &str| settings.get(key).and_then(toml::Value::as_str);
        let scopes = settings["sts_scopes"].as_array().context("sts_scopes")?;
        let scope = scopes.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(" ");
        let id = setting("sts_client_id").context("sts_client_id")?;
        let endpoint = self.entra.token_endpoint("contoso");
        let mut form = vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned()),
            ("requested_token_use", "on_behalf_of".to_owned()),
            ("assertion", assertion.to_owned()),
            ("scope", scope),
        ];
        let mut request = https::client(self.entra.ca())?.post(&endpoint);
        match (setting("sts_auth_style").unwrap_or("params"), setting("sts_client_secret")) {
            ("assertion", None) => {
                form.push(("client_id", id.to_owned()));
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                form.push(("client_assertion_type", kind.to_owned()));
                form.push(("client_assertion", self.client_assertion(id, &endpoint)?));
            }
            ("params", Some(secret)) => {
                form.push(("client_id", id.to_owned()));
                form.push(("client_secret", secret.to_owned()));
            }
            ("header", Some(secret)) => {
                let encode = |text: &str| -> String {
                    form_urlencoded::byte_serialize(text.as_bytes()).collect()
                };
                let pair = STANDARD.encode(format!("{}:{}", encode(id), encode(secret)));
                request = request.header("authorization", format!("Basic {pair}"));
            }
            other => anyhow::bail!("no guide prints {other:?}"),
        }
        Ok(request.form(&form).send().await?.json().await?)
    }

    /// RS256 with the certificate's SHA-256, as that program signs.
    fn client_assertion(&self, id: &str, endpoint: &str) -> Result<String> {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
        let thumbprint = encode(digest(&SHA256, &self.client.der).as_ref());
        let header = json!({"alg": "RS256", "typ": "JWT", "x5t#S256": thumbprint});
        let claims = json!({
            "aud": endpoint, "iss": id, "sub": id, "jti": format!("{now}"),
            "iat": now, "nbf": now, "exp": now + 300,
        });
        let signed = format!(
            "{}.{}",
            encode(header.to_string().as_bytes()),
            encode(claims.to_string().as_bytes())
        );
        let lines = self.client.key.lines().filter(|line| !line.starts_with("---"));
        let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(lines.collect::<String>())?)
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(
            &RSA_PKCS1_SHA256,
            &ring::rand::SystemRandom::new(),
            signed.as_bytes(),
            &mut signature,
        )
        .map_err(|_| anyhow::anyhow!("not signed"))?;
        Ok(format!("{signed}.{}", encode(&signature)))
    }
}

/// The code of a refusal.
fn code(answer: &Value) -> Option<u64> {
    answer["error_codes"][0].as_u64()
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a JWT");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON")
}

#[tokio::test]
async fn a_token_for_one_application_cannot_be_exchanged_by_another() -> Result<()> {
    let world = World::start().await?;
    let guide = guide("inverted-apps");
    let printed =
        world.entra.user_token("alice", "mcp-client", "api://{kubernetes}/access_as_user").await?;
    let answer = world.on_behalf_of(guide, &printed).await?;
    assert_eq!(
        (code(&answer), &answer["error"]),
        (Some(500_131), &json!("invalid_grant")),
        "{answer}"
    );
    Ok(())
}

#[tokio::test]
async fn an_application_that_exchanges_for_itself_gets_nothing_new() -> Result<()> {
    let world = World::start().await?;
    let guide = guide("one-app");
    let token =
        world.entra.user_token("alice", "mcp-client", "api://{mcp-server}/access_as_user").await?;
    let answer = world.on_behalf_of(guide, &token).await?;
    assert_eq!(code(&answer), Some(90009), "{answer}");

    // With the bare id there is an answer: for the audience that the person's token has already.
    let bare = text(&guide.printed()).replace("[\"api://", "[\"").parse::<toml::Table>()?;
    let answer = world.ask(&bare, &token).await?;
    let again = claims(answer["access_token"].as_str().with_context(|| answer.to_string())?);
    assert_eq!(again["aud"], claims(&token)["aud"]);
    Ok(())
}

#[tokio::test]
async fn scopes_of_openid_connect_get_a_token_for_graph_that_nobody_can_exchange() -> Result<()> {
    let world = World::start().await?;
    let guide = guide("oidc-scopes");
    let settings: toml::Table = text(&guide.printed()).parse()?;
    let scopes = settings["oauth_scopes"].as_array().context("oauth_scopes")?;
    let scope = scopes.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(" ");
    let token = world.entra.user_token("alice", "mcp-client", &scope).await?;
    let graph = world.entra.directory().app("microsoft-graph").context("Graph")?.clone();
    let audience = claims(&token)["aud"].as_str().context("aud")?.to_owned();
    assert!(graph.is_called(&audience), "{audience}");
    let answer = world.on_behalf_of(guide, &token).await?;
    assert_eq!(code(&answer), Some(50013), "{answer}");
    Ok(())
}

#[tokio::test]
async fn a_scope_called_default_is_for_programs_and_on_nobodys_behalf() -> Result<()> {
    let world = World::start().await?;
    let guide = guide("default-scope");
    let settings: toml::Table = text(&guide.printed()).parse()?;
    let scope = settings["oauth_scopes"][0].as_str().context("oauth_scopes")?.to_owned();
    let daemon = world.entra.directory().app("daemon").context("daemon")?.clone();
    world.entra.change(|directory| directory.app_mut("daemon").permissions = None);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &daemon.id),
        ("client_secret", daemon.current_secret().context("a secret")?),
        ("scope", &scope),
    ];
    let endpoint = world.entra.token_endpoint("contoso");
    let http = https::client(world.entra.ca())?;
    let answer: Value = http.post(&endpoint).form(&form).send().await?.json().await?;
    let token = answer["access_token"].as_str().with_context(|| answer.to_string())?;
    assert_eq!(claims(token)["scp"], Value::Null);
    let answer = world.on_behalf_of(guide, token).await?;
    assert_eq!(
        (code(&answer), &answer["error"]),
        (Some(7_000_114), &json!("unauthorized_client")),
        "{answer}"
    );
    // A person's token is exchanged by the very same request, so it is the token that was refused.
    let person =
        world.entra.user_token("alice", "mcp-client", "api://{mcp-server}/access_as_user").await?;
    let answer = world.on_behalf_of(guide, &person).await?;
    assert!(answer["access_token"].is_string(), "{answer}");
    Ok(())
}
