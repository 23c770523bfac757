//! What stands around the installation, and the order of the stories.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::cluster::{Cluster, ClusterOptions};
use obolus_tests::fixtures::compose::{Bridge, Engine, Installation, StandIns};
use obolus_tests::ports::Port;
use serde_json::json;

use crate::{outside, page, people};

/// Ten times what it takes on an idle machine.
const HEALTHY: Duration = Duration::from_secs(300);

pub(crate) struct World<'e> {
    pub(crate) engine: &'e Engine,
    pub(crate) installation: Installation<'e>,
    pub(crate) stand_ins: StandIns,
    pub(crate) cluster: Cluster,
    pub(crate) port: Port,
    _bridge: Bridge,
}

impl<'e> World<'e> {
    /// All stories; the installation is removed whatever happens.
    pub(crate) async fn run(engine: &'e Engine) -> Result<()> {
        let folder = tempfile::Builder::new().prefix("obolus-compose-").tempdir()?;
        let mut world = Self::make(engine, folder.path()).await?;
        let told = world.stories().await;
        if told.is_err() {
            let logs = world.installation.compose("logs --no-color --tail=40");
            eprintln!("{}", logs.unwrap_or_default());
        }
        let removed = world.installation.follow("Remove");
        world.remove_images()?;
        told.and(removed.map(drop))
    }

    async fn make(engine: &'e Engine, folder: &std::path::Path) -> Result<Self> {
        let gateway = engine.bridge()?;
        let options = ClusterOptions { addresses: vec![gateway.parse()?], ..Default::default() };
        let cluster = Cluster::start(options).await?;
        let to: SocketAddr = cluster.url().trim_start_matches("https://").parse()?;
        let bridge = Bridge::start(&gateway, to).await?;
        let port = Port::reserve()?;
        let tag = format!("test-{}", std::process::id());

        let copy = folder.join("copy");
        let mut installation = Installation::new(engine, &copy, port.number())?;
        let images = folder.join("images");
        let stand_ins = StandIns::make(engine, &images, &tag)?;
        installation.set("OBOLUS_PROGRAMS", &stand_ins.programs(engine, None)?);
        installation.set("OBOLUS_ENVOY_IMAGE", &stand_ins.envoy);
        installation.set("OBOLUS_KEYCLOAK_IMAGE", &stand_ins.keycloak);
        installation.set("COMPOSE_PROJECT_NAME", &format!("obolus-{tag}"));

        // `kubectl` with a kubeconfig as a person has it: with a URL that containers reach.
        let kubeconfig = folder.join("kubeconfig");
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
        std::fs::write(&kubeconfig, document.to_string())?;
        let bin = folder.join("bin");
        std::fs::create_dir(&bin)?;
        let binary = cluster.kubectl().get_program().to_string_lossy().into_owned();
        let kubectl = bin.join("kubectl");
        std::fs::write(&kubectl, format!("#!/bin/sh\nexec '{binary}' kubectl \"$@\"\n"))?;
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&kubectl, executable)?;
        let path = std::env::var("PATH").unwrap_or_default();
        installation.set("PATH", &format!("{}:/usr/bin:{path}", bin.display()));
        installation.set("KUBECONFIG", &kubeconfig.to_string_lossy());
        Ok(Self { engine, installation, stand_ins, cluster, port, _bridge: bridge })
    }

    async fn stories(&mut self) -> Result<()> {
        let passwords = page::install(self).await?;
        page::verify(self).await?;
        people::each_may_do_what_rbac_says(self, &passwords).await?;
        outside::only_envoy_is_reached(self).await?;
        outside::every_container_is_confined(self)?;
        page::another_module_is_upgraded_to_and_rolled_back(self, &passwords).await?;
        page::the_credential_is_rotated(self, &passwords).await
    }

    /// The gateway's origin.
    pub(crate) fn origin(&self) -> String {
        format!("https://localhost:{}", self.port)
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

    fn remove_images(&self) -> Result<()> {
        let tag = format!("test-{}", std::process::id());
        let all = self.engine.output(&["images", "--format", "{{.Repository}}:{{.Tag}}"])?;
        let ours = ["obolus-sts", "obolus-mcp", "obolus-compose", "obolus-keycloak"];
        let ours: Vec<_> =
            ours.iter().flat_map(|name| [format!("{name}:1"), format!("{name}:2")]).collect();
        let made: Vec<_> = all
            .lines()
            .filter(|name| name.ends_with(&tag) || ours.iter().any(|own| own == name))
            .collect();
        ensure!(!made.is_empty(), "no image of ours: {all}");
        let mut arguments = vec!["rmi", "--force"];
        arguments.extend(made);
        self.engine.docker(&arguments)
    }
}
