//! The suite's scenarios of authorization servers, on a façade's issuer: before an Entra ID that refuses what clients of MCP
//! send, and behind Envoy, which is all that the suite gets to see.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::entra::{self, CLIENT, Entra, EntraOptions};
use obolus_tests::fixtures::facade::{Facade, FacadeOptions, strict_directory};
use obolus_tests::fixtures::gateway::{Gateway, GatewayOptions, PROTECTED, Place};
use obolus_tests::fixtures::sts::{Sts, StsOptions};
use obolus_tests::https;
use obolus_tests::parts::conformance::Conformance;
use obolus_tests::pki::Authority;
use obolus_tests::ports::Port;
use obolus_tests::process::Process;
use obolus_tests::secret;
use serde_json::json;

use obolus_tests::fixtures::conformance_run::Found;

const CLUSTER: &str = "obolus-facade";
/// Whom the emulator signs in without a page.
const ALICE: &str = "alice@contoso.example";
const SOON: Duration = Duration::from_secs(60);

struct Login {
    authority: Authority,
    entra: Entra,
    issuer: String,
    resource: String,
    /// Where the suite waits for the browser.
    callback: Port,
    _nobody: Port,
    _facade: Facade,
    _sts: Sts,
    _gateway: Gateway,
}

impl Login {
    async fn start() -> Result<Self> {
        let authority = Authority::new("obolus conformance of a façade")?;
        let (place, callback) = (Place::reserve()?, Port::reserve()?);
        let directory = strict_directory(&[redirect(&callback)]);
        let options = EntraOptions { directory, ..EntraOptions::default() };
        let entra = Entra::start(&authority, options).await?;
        let issuer = format!("http://{}/oauth", place.authority());
        let resource = place.resource();
        let mut options = FacadeOptions::before(&entra, &resource);
        options.issuer = Some(issuer.clone());
        options.plain_http = true;
        let facade = Facade::start(&authority, &options).await?;
        facade.ready().await?;
        let mut sts = StsOptions { credential: secret::random()?, ..StsOptions::default() };
        entra.add_to_sts(&mut sts, &[(entra::TARGET, entra.default_style())])?;
        let credential = sts.credential.clone();
        let sts = Sts::start(&authority, &sts).await?;
        let mut known = entra.issuer_for_the_filter();
        known["facade"] = json!({"issuer": issuer, "clusters": [CLUSTER]});
        // Nobody gets as far as a server here.
        let nobody = Port::reserve()?;
        let mut options = GatewayOptions::new(json!([known]), nobody.address(), &credential);
        let resources = json!([entra.resource(&resource, PROTECTED, entra::TARGET)]);
        options.configure = Box::new(|configuration| configuration["resources"] = resources);
        let address = facade.address();
        options.shape = Box::new(move |bootstrap| {
            bootstrap.upstreams.push(obolus_envoy::Upstream::plain(CLUSTER, address));
        });
        let gateway = Gateway::start(place, &sts, options).await?;
        Ok(Self {
            authority,
            entra,
            issuer,
            resource,
            callback,
            _nobody: nobody,
            _facade: facade,
            _sts: sts,
            _gateway: gateway,
        })
    }

    /// The browser: from the URL that the suite prints to where it waits.
    async fn follows(&self, process: &Process) -> Result<()> {
        let begin = format!("{}/authorize?", self.issuer);
        let printed = eventually("the URL to log in at", SOON, || async {
            let output = process.log();
            let url = output.lines().find(|line| line.starts_with(&begin)).map(str::to_owned);
            url.with_context(|| output)
        });
        let mut url = format!("{}&login_hint={ALICE}", printed.await?);
        let (plain, secure) = (https::plain_client()?, https::client(&self.authority.pem())?);
        let mut stations = Vec::new();
        loop {
            let client = if url.starts_with("https:") { &secure } else { &plain };
            let answer = client.get(&url).send().await?;
            stations.push(url.split('?').next().unwrap_or_default().to_owned());
            let Some(next) = answer.headers().get("location") else { break };
            url = next.to_str()?.to_owned();
        }
        let entra = self.entra.emulator.authorization_endpoint("contoso");
        let expected = [format!("{}/authorize", self.issuer), entra, redirect(&self.callback)];
        ensure!(stations == expected, "{stations:?}");
        Ok(())
    }
}

fn redirect(callback: &Port) -> String {
    format!("http://127.0.0.1:{callback}/callback")
}

/// The suite against this authorization server, with whatever else it is to know.
fn suite(url: &str, more: &[&str], folder: &std::path::Path, ca: &str) -> Result<Process> {
    std::fs::write(folder.join("ca.pem"), ca)?;
    let program = Conformance::find()?.command("authorization", folder);
    let program = program.env("NODE_EXTRA_CA_CERTS", "ca.pem");
    program.args(["--url", url, "-o", "results"]).args(more).start()
}

async fn found(mut process: Process, folder: std::path::PathBuf) -> Result<Found> {
    tokio::task::spawn_blocking(move || {
        process.wait(SOON)?;
        let results = folder.join("results");
        Found::read(process.log(), "authorization-server-", &results, Duration::ZERO)
            .with_context(|| process.log_tail())
    })
    .await?
}

#[tokio::test]
async fn the_suite_logs_in_at_the_facade_and_finds_nothing_wrong() {
    let login = Login::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (client, port) = (login.entra.id_of(CLIENT), login.callback.to_string());
    let more = ["--client-id", &client, "--port", &port, "--resource", &login.resource];
    let process = suite(&login.issuer, &more, folder.path(), &login.authority.pem()).unwrap();
    login.follows(&process).await.unwrap();
    let found = found(process, folder.path().to_owned()).await.unwrap();
    let told: Vec<_> = found.scenarios.iter().map(|it| (&*it.name, it.passed, it.failed)).collect();
    let names = ["authorization-server-metadata-endpoint", "authorization-code-grant"];
    assert_eq!(told, names.map(|name| (name, 1, 0)), "{}", found.output);
    // What a façade cannot promise, since Entra ID fetches no client's metadata.
    let warned = found.scenarios.iter().flat_map(|it| it.checks.keys());
    let warned: Vec<_> =
        warned.filter(|(_, _, status)| status == "WARNING").map(|(id, ..)| id).collect();
    assert_eq!(warned, ["authorization-server-metadata-cimd"], "{}", found.output);
}

/// The control: what the façade stands before does not pass.
#[tokio::test]
async fn entra_id_itself_does_not_pass() {
    let login = Login::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let issuer = login.entra.issuer();
    let process = suite(&issuer, &[], folder.path(), &login.authority.pem()).unwrap();
    let found = found(process, folder.path().to_owned()).await.unwrap();
    let metadata = &found.scenarios[0];
    assert_eq!((metadata.passed, metadata.failed), (0, 1), "{}", found.output);
    let results = folder.path().join("results");
    let checks = std::fs::read_dir(results)
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path().join("checks.json")).unwrap());
    assert!(checks.into_iter().any(|text| text.contains("code_challenge_methods_supported")));
}
