//! What stands around the installations, and the order of the stories.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::cluster::{Cluster, ClusterOptions};
use obolus_tests::fixtures::compose::{Bridge, DockerCompose, Engine, Installation, StandIns};
use obolus_tests::ports::Port;
use serde_json::json;

use crate::{confined, outside, page, people};

/// Ten times what it takes on an idle machine.
const HEALTHY: Duration = Duration::from_secs(300);

pub(crate) struct World<'e> {
    pub(crate) engine: &'e Engine,
    pub(crate) installation: Installation<'e>,
    pub(crate) stand_ins: StandIns,
    pub(crate) cluster: Cluster,
    pub(crate) port: Port,
    folder: PathBuf,
    bridge: Bridge,
}

/// Of what this run makes.
fn tag() -> String {
    format!("test-{}", std::process::id())
}

impl<'e> World<'e> {
    /// All stories; what they make is removed whatever happens.
    pub(crate) async fn run(engine: &'e Engine) -> Result<()> {
        let folder = tempfile::Builder::new().prefix("obolus-compose-").tempdir()?;
        let mut world = Self::make(engine, folder.path()).await?;
        let mut told = Ok(());
        for (turn, compose) in DockerCompose::all()?.iter().enumerate() {
            let since = Instant::now();
            compose.link_in(&folder.path().join("bin"))?;
            if turn > 0 {
                world.installation = world.another(&format!("copy-{turn}"))?;
            }
            told = world.told(turn == 0).await;
            println!("docker-compose {}: {} s", compose.version(), since.elapsed().as_secs());
            if told.is_err() {
                told = told.with_context(|| format!("docker-compose {}", compose.version()));
                break;
            }
        }
        told.and(remove_images(engine))
    }

    /// One installation, from install to remove.
    async fn told(&mut self, whole: bool) -> Result<()> {
        let told = self.stories(whole).await;
        if told.is_err() {
            let logs = self.installation.compose("logs --no-color --tail=40");
            eprintln!("{}", logs.unwrap_or_default());
        }
        let removed = self.installation.follow("Remove");
        told.and(removed.map(drop))?;
        if whole { self.installation.ensure_all_was_followed() } else { Ok(()) }
    }

    async fn stories(&mut self, whole: bool) -> Result<()> {
        let passwords = page::install(self).await?;
        page::the_profile_for_who_has_no_cluster_is_read(self)?;
        page::verify(self).await?;
        people::each_may_do_what_rbac_says(self, &passwords).await?;
        outside::only_envoy_is_reached(self, &passwords).await?;
        confined::every_container_is_confined(self)?;
        if whole {
            page::another_module_is_upgraded_to_and_rolled_back(self, &passwords).await?;
        }
        page::the_credential_is_rotated(self, &passwords).await
    }

    async fn make(engine: &'e Engine, folder: &Path) -> Result<Self> {
        let gateway = engine.bridge()?;
        let options = ClusterOptions { addresses: vec![gateway.parse()?], ..Default::default() };
        let cluster = Cluster::start(options).await?;
        let to: SocketAddr = cluster.url().trim_start_matches("https://").parse()?;
        let bridge = Bridge::start(&gateway, to).await?;
        let port = Port::reserve()?;
        let stand_ins = StandIns::make(engine, &folder.join("images"), &tag())?;
        std::fs::create_dir(folder.join("bin"))?;
        kubectl(&cluster, &bridge, folder)?;
        let installation = prepared(engine, &stand_ins, folder, "copy", &port)?;
        let folder = folder.to_owned();
        Ok(Self { engine, installation, stand_ins, cluster, port, folder, bridge })
    }

    /// Another copy, in a folder of this name.
    fn another(&self, name: &str) -> Result<Installation<'e>> {
        prepared(self.engine, &self.stand_ins, &self.folder, name, &self.port)
    }

    /// The gateway's origin.
    pub(crate) fn origin(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// Where containers reach the API server, which every network with a way out does.
    pub(crate) fn api_server(&self) -> SocketAddr {
        self.bridge.address()
    }

    /// The authority of the API server, in a file.
    pub(crate) fn cluster_ca(&self) -> Result<PathBuf> {
        let path = self.folder.join("cluster-ca.crt");
        std::fs::write(&path, self.cluster.ca_pem())?;
        Ok(path)
    }

    /// Waits until the engine finds all services healthy.
    pub(crate) async fn healthy(&self) -> Result<()> {
        for service in ["keycloak", "envoy", "obolus-sts", "obolus-mcp"] {
            let what = format!("{service} to be healthy");
            eventually(&what, HEALTHY, || async { self.installation.healthy(service) }).await?;
        }
        Ok(())
    }

    /// Puts the document into place for the test cluster, as a person gives it to kube-apiserver.
    pub(crate) fn configure_api_server(&self) -> Result<()> {
        let document = self.installation.folder().join("envoy/authentication.yaml");
        let place = self.cluster.folder().join("authentication.json");
        let beside = place.with_extension("new");
        std::fs::copy(document, &beside)?;
        std::fs::rename(beside, place).context("the API server's configuration")
    }
}

/// A copy of the installation's files, and the environment of its commands.
fn prepared<'e>(
    engine: &'e Engine,
    stand_ins: &StandIns,
    folder: &Path,
    name: &str,
    port: &Port,
) -> Result<Installation<'e>> {
    let mut installation = Installation::new(engine, &folder.join(name), port.number())?;
    installation.set("OBOLUS_PROGRAMS", &stand_ins.programs(engine, None)?);
    installation.set("OBOLUS_ENVOY_IMAGE", &stand_ins.envoy);
    installation.set("OBOLUS_KEYCLOAK_IMAGE", &stand_ins.keycloak);
    installation.set("COMPOSE_PROJECT_NAME", &format!("obolus-{}", tag()));
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:/usr/bin:{path}", folder.join("bin").display());
    installation.set("PATH", &path);
    installation.set("KUBECONFIG", &folder.join("kubeconfig").to_string_lossy());
    Ok(installation)
}

/// `kubectl` with a kubeconfig as a person has it: with a URL that containers reach.
fn kubectl(cluster: &Cluster, bridge: &Bridge, folder: &Path) -> Result<()> {
    let document = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "own",
        "contexts": [{"name": "own", "context": {"cluster": "own", "user": "nobody"}}],
        "users": [{"name": "nobody", "user": {}}],
        "clusters": [{"name": "own", "cluster": {
            "server": format!("https://{}", bridge.address()),
            "certificate-authority-data": STANDARD.encode(cluster.ca_pem()),
        }}],
    });
    std::fs::write(folder.join("kubeconfig"), document.to_string())?;
    let binary = cluster.kubectl().get_program().to_string_lossy().into_owned();
    let kubectl = folder.join("bin/kubectl");
    std::fs::write(&kubectl, format!("#!/bin/sh\nexec '{binary}' kubectl \"$@\"\n"))?;
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    Ok(std::fs::set_permissions(&kubectl, executable)?)
}

fn remove_images(engine: &Engine) -> Result<()> {
    let all = engine.output(&["images", "--format", "{{.Repository}}:{{.Tag}}"])?;
    let ours = ["obolus-sts", "obolus-mcp", "obolus-compose", "obolus-keycloak"];
    let ours: Vec<_> =
        ours.iter().flat_map(|name| [format!("{name}:1"), format!("{name}:2")]).collect();
    let made: Vec<_> = all
        .lines()
        .filter(|name| name.ends_with(&tag()) || ours.iter().any(|own| own == name))
        .collect();
    ensure!(!made.is_empty(), "no image of ours: {all}");
    let mut arguments = vec!["rmi", "--force"];
    arguments.extend(made);
    engine.docker(&arguments)
}

/// After the page's last section nothing of the installations is in the engine.
pub(crate) fn left(engine: &Engine) -> Result<()> {
    for what in [
        &["ps", "--all", "--format", "{{.Names}}"][..],
        &["volume", "ls", "--format", "{{.Name}}"],
        &["network", "ls", "--format", "{{.Name}}"],
        &["images", "--format", "{{.Repository}}:{{.Tag}}"],
    ] {
        let listed = engine.output(what)?;
        let left: Vec<_> = listed.lines().filter(|name| name.contains(&tag())).collect();
        ensure!(left.is_empty(), "docker {}: {left:?}", what[0]);
    }
    Ok(())
}
