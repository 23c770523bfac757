//! The corrected forms, given to a real STS as they are.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use obolus_tests::deadline::eventually;
use obolus_tests::https;
use obolus_tests::parts::products::products;
use obolus_tests::ports::Port;
use obolus_tests::process::{Process, Program};
use serde_json::Value;
use tempfile::TempDir;

use crate::guide::{GUIDES, at, text};
use crate::world::{CREDENTIAL, World, files_with};

const READY: Duration = Duration::from_secs(30);

/// A running STS, killed when dropped.
pub(crate) struct Sts {
    pub(crate) process: Process,
    url: String,
    _folder: TempDir,
    _ports: [Port; 2],
}

impl World {
    /// Starts the program with this configuration, whose addresses become ports of this test.
    pub(crate) async fn sts(&self, configuration: &str) -> Result<Sts> {
        let folder = files_with(&self.authority, &self.client)?;
        let ports = Port::reserve_all()?;
        let [service, operations]: &[Port; 2] = &ports;
        let configuration = configuration
            .replace("0.0.0.0:8443", &service.address().to_string())
            .replace("0.0.0.0:9090", &operations.address().to_string());
        let path = folder.path().join("sts.toml");
        std::fs::write(&path, configuration)?;
        let log = folder.path().join("sts.log");
        let program = products()?.sts;
        let mut process =
            Program::new("obolus-sts", program, log).arg("--config").arg(path).start()?;
        let ready = format!("http://{}/readyz", operations.address());
        let plain = https::plain_client()?;
        let waited = eventually("the STS's readiness", READY, || {
            let (running, request) = (process.still_runs(), plain.get(&ready).send());
            async move {
                running?;
                let answer = request.await?;
                ensure!(answer.status().is_success(), "{}", answer.text().await?);
                Ok(())
            }
        });
        waited.await.with_context(|| process.log_tail())?;
        Ok(Sts {
            url: format!("https://localhost:{service}"),
            process,
            _folder: folder,
            _ports: ports,
        })
    }
}

impl Sts {
    /// The status and the answer of an exchange for `kubernetes`, as the filter asks for it.
    pub(crate) async fn exchange(&self, world: &World, token: &str) -> Result<(u16, Value)> {
        let encode =
            |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
        let pair = STANDARD.encode(format!("gateway:{}", encode(CREDENTIAL)));
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("audience", "kubernetes"),
            ("subject_token", token),
        ];
        let request = https::client(&world.authority.pem())?
            .post(format!("{}/exchange", self.url))
            .header("authorization", format!("Basic {pair}"))
            .form(&form);
        let answer = request.send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_form_exchanges_alices_token_for_one_of_the_cluster() -> Result<()> {
    let world = World::start().await?;
    let alice =
        world.entra.user_token("alice", "mcp-client", "api://{mcp-server}/access_as_user").await?;
    let cluster = world.entra.directory().app("kubernetes").context("A")?.id.clone();
    let oid = world.entra.directory().user("alice").context("alice")?.id.clone();
    let of_entra = GUIDES.iter().filter(|guide| text(&guide.corrected()).contains("entra-obo"));
    let mut exchanged = 0;
    for guide in of_entra {
        let configuration = at(&text(&guide.corrected()), &world.entra.authority_host());
        let sts = world.sts(&configuration).await.context(guide.name)?;
        let (status, answer) = sts.exchange(&world, &alice).await?;
        assert_eq!(status, 200, "{}: {answer} {}", guide.name, sts.process.log());
        let token = answer["access_token"].as_str().context("access_token")?;
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).context("a JWT")?)?;
        let claims: Value = serde_json::from_slice(&payload)?;
        assert_eq!(
            (claims["aud"].as_str(), claims["oid"].as_str()),
            (Some(&*cluster), Some(&*oid))
        );

        // A token that the cluster would take is none that a client may bring.
        let other = world
            .entra
            .user_token("alice", "mcp-client", "api://{kubernetes}/access_as_user")
            .await?;
        let (status, answer) = sts.exchange(&world, &other).await?;
        assert!(status >= 400, "{}: {answer}", guide.name);
        let log = sts.process.log();
        assert!(log.contains("\"setting\":\"oauth_audience\""), "notices are logged: {log}");
        assert!(!log.contains("mcp-server-secret"), "and the secret is not: {log}");
        exchanged += 1;
    }
    assert_eq!(exchanged, 4);
    Ok(())
}
