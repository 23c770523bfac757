//! The commands of `docs/istio.md`, in a shell whose `kubectl` and `istioctl` are those of the mesh.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::fixtures::mesh::Mesh;
use obolus_tests::parts::products::workspace;
use tempfile::TempDir;

/// As Istio's chart makes it, as far as it matters here.
const GATEWAY: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: istio-ingressgateway, namespace: istio-system}
spec:
  selector: {matchLabels: {app: documented}}
  template:
    metadata: {labels: {app: documented}}
    spec:
      schedulerName: nobody
      serviceAccountName: istio-ingressgateway
      containers: [{name: istio-proxy, image: none}]
";

/// A folder in which the commands run, with `deploy` in it.
pub(crate) struct Shell(TempDir);

/// The commands for the cluster below one headline, or all there are.
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
    let run = |line: &&str| line.starts_with("kubectl") || line.starts_with("istioctl validate");
    Ok(lines.filter(run).map(str::to_owned).collect())
}

impl Shell {
    /// The gateway's Deployment, which Istio installs, is there afterwards.
    pub(crate) async fn new(mesh: &Mesh) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        script(folder.path(), "kubectl", &mesh.cluster.kubectl())?;
        script(folder.path(), "istioctl", &mesh.istiod.istioctl())?;
        std::os::unix::fs::symlink(workspace().join("deploy"), folder.path().join("deploy"))?;
        mesh.cluster.admin_apply(&serde_yaml_ng::from_str(GATEWAY)?).await?;
        Ok(Self(folder))
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) async fn run(&self, line: &str) -> Result<()> {
        let path = std::env::var("PATH").context("no PATH")?;
        let path = format!("{}:{path}", self.folder().display());
        let mut shell = Command::new("sh");
        shell.args(["-ec", line]).current_dir(self.folder()).env("PATH", &path);
        let output = tokio::task::spawn_blocking(move || shell.output()).await??;
        ensure!(output.status.success(), "{line}: {output:?}");
        println!("{line}");
        Ok(())
    }
}

/// A script of this name that runs the command with more arguments.
fn script(folder: &Path, name: &str, command: &Command) -> Result<()> {
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
