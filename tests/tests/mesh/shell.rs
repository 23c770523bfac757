//! The commands of `docs/istio.md`, in a shell whose `kubectl` and `istioctl` are those of the mesh.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, ensure};
use obolus_envoy::check::{check, check_text};
use obolus_envoy::istio::{Istio, Settings};
use obolus_tests::fixtures::mesh::Mesh;
use obolus_tests::parts::products::workspace;
use tempfile::TempDir;

/// As Istio's chart makes it, as far as it matters here.
const GATEWAY: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: istio-ingressgateway, namespace: istio-system}
spec:
  replicas: 0
  selector: {matchLabels: {app: documented}}
  template:
    metadata:
      labels: {app: documented}
      annotations: {proxy.istio.io/config: 'terminationDrainDuration: 60s'}
    spec:
      schedulerName: nobody
      serviceAccountName: istio-ingressgateway
      containers:
      - name: istio-proxy
        image: none
        env: [{name: OWN, value: own}]
        volumeMounts: [{name: own, mountPath: /own}]
      volumes: [{name: own, emptyDir: {}}]
";

/// A folder in which the commands run, with a copy of `deploy` in it.
///
/// `cargo xtask` is not started: the same is done by the library that it calls, and `dist`, which takes minutes, leaves a
/// digest as it would.
pub(crate) struct Shell(TempDir);

/// The commands below one headline, or all there are.
pub(crate) fn commands(headline: Option<&str>) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(workspace().join("docs/istio.md"))?;
    let text = match headline {
        None => text.as_str(),
        Some(headline) => {
            let (_, rest) = text.split_once(&format!("## {headline}\n")).context("no headline")?;
            rest.split("\n## ").next().unwrap_or_default()
        }
    };
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines = blocks.flat_map(str::lines);
    Ok(lines.map(str::to_owned).collect())
}

/// A file that is applied. `0440` is octal for kubectl, and a text for others.
pub(crate) fn manifest(file: &Path) -> Result<String> {
    Ok(std::fs::read_to_string(file)?.replace("0440", "288"))
}

impl Shell {
    /// The gateway's Deployment, which Istio installs, is there afterwards.
    pub(crate) async fn new(mesh: &Mesh) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        script(folder.path(), "kubectl", &mesh.cluster.kubectl())?;
        script(folder.path(), "istioctl", &mesh.istiod.istioctl())?;
        let mut copy = Command::new("cp");
        copy.arg("-R").arg(workspace().join("deploy")).arg(folder.path());
        ensure!(copy.status()?.success(), "deploy cannot be copied");
        mesh.cluster.admin_apply(&serde_yaml_ng::from_str(GATEWAY)?).await?;
        Ok(Self(folder))
    }

    /// Its `deploy/istio` is made anew by this, from the one in the workspace.
    pub(crate) fn copied(&self, copy: impl Fn(&Path, &Path) -> Result<()>) -> Result<()> {
        let deploy = self.folder().join("deploy");
        std::fs::remove_dir_all(&deploy)?;
        copy(&workspace().join("deploy/istio"), &deploy.join("istio"))
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    /// Runs a line, and returns what it writes.
    pub(crate) async fn run(&self, line: &str) -> Result<String> {
        println!("{line}");
        if line == "cargo xtask dist" {
            let folder = self.folder().join("target/shipped");
            std::fs::create_dir_all(&folder)?;
            let digest = obolus_tests::secret::random()?;
            let digest: String =
                digest.bytes().cycle().map(|byte| format!("{byte:02x}")).take(32).collect();
            std::fs::write(folder.join("obolus_filter.sha256"), format!("{digest}\n"))?;
            return Ok(digest);
        }
        if let Some(arguments) = line.strip_prefix("cargo xtask manifests") {
            let words = self.sh(&format!("printf '%s\\n' {arguments}")).await?;
            return self.manifests(&words.lines().collect::<Vec<_>>());
        }
        if let Some(folder) = line.strip_prefix("cargo xtask check ") {
            let report = check(&self.folder().join(folder))?;
            ensure!(!report.has_errors(), "{:#?}", report.findings);
            return Ok(report.looked_at);
        }
        if let Some(written) = line.strip_suffix(" | cargo xtask check -") {
            // Beside ours stands what this machine's form of them is, so there is something to find.
            let report = check_text("-", &self.sh(written).await?)?;
            return Ok(report.looked_at);
        }
        self.sh(line).await
    }

    fn manifests(&self, arguments: &[&str]) -> Result<String> {
        let problems = |problems| anyhow!("{problems}");
        let folder = self.folder().join("deploy");
        let file = folder.join("istio/settings.json");
        let mut settings = Settings::parse(&std::fs::read(&file)?).map_err(problems)?;
        match arguments {
            ["--module", sha256] => settings.use_module(sha256).map_err(problems)?,
            ["--back"] => settings.back().map_err(problems)?,
            ["--retire"] => settings.retire_others(),
            [] | [""] => {}
            other => anyhow::bail!("{other:?}"),
        }
        std::fs::write(&file, settings.to_json())?;
        let filter = std::fs::read(folder.join("istio/filter.json"))?;
        let istio = Istio::read(&filter, settings.to_json().as_bytes()).map_err(problems)?;
        for (path, text) in istio.all_files().map_err(problems)? {
            std::fs::write(folder.join(path), text)?;
        }
        Ok(String::new())
    }

    async fn sh(&self, line: &str) -> Result<String> {
        let path = std::env::var("PATH").context("no PATH")?;
        let path = format!("{}:{path}", self.folder().display());
        let mut shell = Command::new("sh");
        shell.args(["-ec", line]).current_dir(self.folder()).env("PATH", &path);
        let output = tokio::task::spawn_blocking(move || shell.output()).await??;
        ensure!(output.status.success(), "{line}: {output:?}");
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// A script of this name that runs the command with more arguments.
pub(crate) fn script(folder: &Path, name: &str, command: &Command) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let quoted = |text: &OsStr| format!("'{}'", text.to_string_lossy());
    let mut text = "#!/bin/sh\n".to_owned();
    for (name, value) in command.get_envs() {
        let value = quoted(value.unwrap_or_default());
        text += &format!("export {}={value}\n", name.to_string_lossy());
    }
    let words: Vec<_> =
        std::iter::once(command.get_program()).chain(command.get_args()).map(quoted).collect();
    text += &format!("exec {} \"$@\"\n", words.join(" "));
    let path = folder.join(name);
    std::fs::write(&path, text)?;
    Ok(std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?)
}
