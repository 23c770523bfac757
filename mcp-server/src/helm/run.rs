//! One run of `helm` after another, for one tool call: what it is started with, and how long it may take.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde::Deserialize;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

use super::chart::ChartUrl;
use super::child::{Printed, Running, watch};
use super::door::Door;
use super::manifest::{Written, written_in};
use super::{Chart, Installed, Release, ReleaseName, Releases};
use crate::clock;
use crate::cluster::{Caller, Relayed, Subject};
use crate::config::HelmSettings;
use crate::failure::Failure;
use crate::names::Namespace;
use crate::tls;

/// Runs at a time, of everybody: each takes as much memory as everything else here together.
static TURNS: Semaphore = Semaphore::const_new(4);
/// How long a call waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is shown of them.
const MAX_SHOWN_CHARS: usize = 2_000;
/// Releases in one list.
const MAX_RELEASES: usize = 250;
/// More revisions than helm keeps.
const MAX_REVISIONS: &str = "256";

/// `helm` for one call: in a home of its own, with one person's view of one cluster.
pub(crate) struct Helm {
    settings: Arc<HelmSettings>,
    relayed: Arc<Relayed>,
    door: Door,
    home: Arc<TempDir>,
    deadline: Instant,
    _turn: SemaphorePermit<'static>,
}

impl Helm {
    /// Prepares runs about `release`, if they are about one.
    ///
    /// # Errors
    /// When helm could not keep its releases, too many run, or there is no place for this one.
    pub(crate) async fn prepare(
        settings: &Arc<HelmSettings>,
        caller: Caller,
        release: Option<&ReleaseName>,
    ) -> Result<Self, Failure> {
        if !caller.lets_through("", settings.storage.kind(), settings.storage.plural()) {
            return Err(Failure::Denied { operation: settings.storage.refusal() });
        }
        let turn = timeout(PATIENCE, TURNS.acquire()).await.ok().and_then(Result::ok);
        let turn = turn.ok_or_else(|| {
            failed(
                "start helm",
                "others have it running as often as this server allows: try again later",
            )
        })?;
        let home = tempfile::Builder::new()
            .prefix("obolus-helm-")
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir();
        let home = home.map_err(|_| {
            Failure::Internal("there is no place for helm's temporary files".to_owned())
        })?;
        // What the API server would refuse in the middle of it ends before.
        let left = caller.expires();
        let left = left.map(|end| Duration::from_secs(end.saturating_sub(clock::now())));
        let relayed = Arc::new(Relayed::new(caller));
        let door = Door::open(Arc::clone(&relayed), release.map(ReleaseName::as_str)).await?;
        Ok(Self {
            settings: Arc::clone(settings),
            relayed,
            door,
            home: Arc::new(home),
            deadline: Instant::now() + left.unwrap_or(settings.timeout).min(settings.timeout),
            _turn: turn,
        })
    }

    /// The releases of a namespace, or of all.
    pub(crate) async fn list(&self, namespace: Option<&Namespace>) -> Result<Releases, Failure> {
        let place = namespace.map_or_else(|| "--all-namespaces".to_owned(), in_namespace);
        let max = format!("--max={}", MAX_RELEASES + 1);
        let states = ["--deployed", "--failed", "--pending", "--uninstalling"];
        let mut arguments = vec!["list", "--output=json", &place, &max];
        arguments.extend(states);
        let doing = "list helm releases";
        let output = self.succeed(doing, &arguments, None).await?;
        let mut releases: Vec<Release> =
            serde_json::from_slice(&output).map_err(|_| unreadable(doing))?;
        let cut = releases.len() > MAX_RELEASES;
        releases.truncate(MAX_RELEASES);
        let releases = releases.into_iter().map(Release::in_lines).collect();
        Ok(Releases { releases, cut })
    }

    /// Installs a chart and waits until it is ready.
    pub(crate) async fn install(
        &self,
        name: &ReleaseName,
        namespace: &Namespace,
        chart: &Chart,
        values: &[u8],
    ) -> Result<Installed, Failure> {
        // A schema may refer to others, by URLs and paths that helm would read: that is for charts of the operator's.
        let (chart, schema) = match chart {
            Chart::Local(path) => (path.clone(), None),
            Chart::Remote(url) => (self.fetch(url).await?, Some("--skip-schema-validation")),
        };
        let chart = chart
            .to_str()
            .ok_or_else(|| Failure::InvalidArguments("the chart's path is no text".to_owned()))?;
        let place = in_namespace(namespace);
        let doing = format!("install the release {name} in namespace \"{namespace}\"");
        if self.relayed.caller().has_bounds() {
            let mut render = vec![
                "template",
                name.as_str(),
                chart,
                &place,
                "--values=-",
                "--include-crds",
                "--validate",
            ];
            render.extend(schema);
            let rendered = self.succeed(&doing, &render, Some(values)).await?;
            let verb = if self.applies().await? { "patch" } else { "create" };
            let mut subjects =
                subjects(&rendered, verb, namespace).ok_or_else(|| unreadable(&doing))?;
            let record = |verb| self.settings.storage.record(verb, namespace, name, 1);
            subjects.extend([record("create"), record("update")].into_iter().flatten());
            self.relayed.announce(&subjects).await?;
        }
        let patience = format!("--timeout={}s", self.patience().as_secs());
        let mut install = vec![
            "install",
            name.as_str(),
            chart,
            &place,
            "--values=-",
            "--wait",
            &patience,
            "--output=json",
        ];
        install.extend(schema);
        let output = self.succeed(&doing, &install, Some(values)).await?;
        Installed::read(&output).map_err(|_| unreadable(&doing))
    }

    /// Uninstalls a release and waits until it is gone. Whether it was there.
    pub(crate) async fn uninstall(
        &self,
        name: &ReleaseName,
        namespace: &Namespace,
    ) -> Result<bool, Failure> {
        let place = in_namespace(namespace);
        let doing = format!("uninstall the release {name} in namespace \"{namespace}\"");
        if self.relayed.caller().has_bounds() {
            let max = format!("--max={MAX_REVISIONS}");
            let history = ["history", name.as_str(), &place, "--output=json", &max];
            let Some(history) = self.found(&doing, &history).await? else { return Ok(false) };
            let revisions: Vec<Revision> =
                serde_json::from_slice(&history).map_err(|_| unreadable(&doing))?;
            let mut all = Vec::new();
            for what in ["manifest", "hooks"] {
                let told =
                    self.succeed(&doing, &["get", what, name.as_str(), &place], None).await?;
                let verbs: &[&'static str] =
                    if what == "hooks" { &["delete", "create"] } else { &["delete"] };
                for verb in verbs {
                    all.extend(subjects(&told, verb, namespace).ok_or_else(|| unreadable(&doing))?);
                }
            }
            for Revision { revision } in revisions {
                let record = |verb| self.settings.storage.record(verb, namespace, name, revision);
                all.extend([record("update"), record("delete")].into_iter().flatten());
            }
            self.relayed.announce(&all).await?;
        }
        let patience = format!("--timeout={}s", self.patience().as_secs());
        let uninstall = ["uninstall", name.as_str(), &place, "--wait", &patience];
        Ok(self.found(&doing, &uninstall).await?.is_some())
    }

    /// Fetches a chart, once: what is looked at is then what is installed. The program itself fetches nothing: whom it
    /// would ask next, the first who answers would tell it.
    async fn fetch(&self, url: &ChartUrl) -> Result<PathBuf, Failure> {
        let doing = format!("fetch the chart {url}");
        let tls = tls::client_config(self.settings.certificate_authority.as_deref());
        let tls = tls.map_err(|error| failed(&doing, &error.to_string()))?;
        let fetched = timeout_at(self.deadline, self.settings.charts.fetch(url, &tls)).await;
        let fetched = fetched.unwrap_or_else(|_| Err("it takes too long".to_owned()));
        let fetched = fetched.map_err(|said| failed(&doing, &said))?;
        let path = self.home.path().join("chart.tgz");
        std::fs::write(&path, fetched)
            .map_err(|_| Failure::Internal("there is no place for the chart".to_owned()))?;
        Ok(path)
    }

    /// Whether objects are applied (helm 4), rather than created (helm 3).
    async fn applies(&self) -> Result<bool, Failure> {
        let doing = "ask helm for its version";
        let output = self.succeed(doing, &["version", "--template={{.Version}}"], None).await?;
        Ok(!output.starts_with(b"v3."))
    }

    async fn succeed(
        &self,
        doing: &str,
        arguments: &[&str],
        input: Option<&[u8]>,
    ) -> Result<Vec<u8>, Failure> {
        let printed = self.run(doing, arguments, input).await?;
        if printed.succeeded { Ok(printed.output) } else { Err(self.failure(doing, &printed)) }
    }

    /// Like [`Helm::succeed`], or `None` if there is no such release.
    async fn found(&self, doing: &str, arguments: &[&str]) -> Result<Option<Vec<u8>>, Failure> {
        let printed = self.run(doing, arguments, None).await?;
        if printed.succeeded {
            return Ok(Some(printed.output));
        }
        let is_absent = printed.complaint.contains("release: not found");
        if is_absent { Ok(None) } else { Err(self.failure(doing, &printed)) }
    }

    fn failure(&self, doing: &str, printed: &Printed) -> Failure {
        let server = self.relayed.caller().server();
        let seen = self.door.seen();
        if let Some(refused) = seen.refused {
            return refused;
        }
        // Some refusals are none of its concern: the one that it ended with, it repeats.
        let ended_with = |failure: &&Failure| match failure {
            Failure::Forbidden { message, .. } => printed.complaint.contains(message.as_str()),
            _ => true,
        };
        if let Some(refusal) = seen.refusals.iter().rev().find(ended_with) {
            return refusal.clone();
        }
        if seen.may_quote_secrets {
            let said = "it failed, and what it says is withheld, as it may quote a Secret: a template of the chart read one (lookup), or one of the chart's was not taken";
            return failed(doing, said);
        }
        let told = self.door.scrub(&printed.complaint, &server);
        let told = told.replace(&self.home.path().display().to_string(), "");
        let told = told.trim().trim_start_matches("Error: ");
        let told: String = told.chars().take(MAX_SHOWN_CHARS).collect();
        failed(doing, &told)
    }

    /// What is left of the call's time, less what it takes to tell.
    fn patience(&self) -> Duration {
        let left = self.deadline.saturating_duration_since(Instant::now());
        left.saturating_sub(Duration::from_secs(5)).max(Duration::from_secs(1))
    }

    async fn run(
        &self,
        doing: &str,
        arguments: &[&str],
        input: Option<&[u8]>,
    ) -> Result<Printed, Failure> {
        let mut running = Running::start(self.command(arguments), &self.home)?;
        let work = running.work(input.unwrap_or_default());
        let too_much = watch(self.home.path());
        tokio::select! {
            printed = timeout_at(self.deadline, work) => match printed {
                Ok(printed) => printed.map_err(|said| failed(doing, said)),
                Err(_) => Err(failed(doing, &format!("it did not end within {} s, or before the credential of this call did", self.settings.timeout.as_secs()))),
            },
            () = too_much => Err(failed(doing, "it writes more than this server lets it")),
        }
    }

    /// Nothing of our own environment goes to the child: its folders, the way to the API server, and where releases are.
    /// Whatever else it would ask ends at the same listener, which lets nothing through but what is for the API server.
    fn command(&self, arguments: &[&str]) -> Command {
        let home = self.home.path();
        let folder = |name: &str| home.join(name).into_os_string();
        let environment: [(&str, OsString); 15] = [
            ("HOME", home.into()),
            ("TMPDIR", home.into()),
            ("HELM_CACHE_HOME", folder("cache")),
            ("HELM_CONFIG_HOME", folder("config")),
            ("HELM_DATA_HOME", folder("data")),
            ("HELM_PLUGINS", folder("plugins")),
            ("HELM_REGISTRY_CONFIG", folder("registry.json")),
            ("HELM_REPOSITORY_CONFIG", folder("repositories.yaml")),
            ("HELM_REPOSITORY_CACHE", folder("repository")),
            ("KUBECONFIG", folder("kubeconfig")),
            ("KUBECACHEDIR", folder("discovery")),
            ("HELM_DRIVER", self.settings.storage.driver().into()),
            ("HTTP_PROXY", self.door.proxy().into()),
            ("HTTPS_PROXY", self.door.proxy().into()),
            ("HELM_KUBEAPISERVER", self.door.url().expose_secret().into()),
        ];
        let mut command = Command::new(&self.settings.program);
        command.args(arguments).env_clear().envs(environment).current_dir(home);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        command
    }
}

/// A revision of `helm history`.
#[derive(Deserialize)]
struct Revision {
    revision: i64,
}

/// What a rendered chart will touch.
fn subjects(manifest: &[u8], verb: &'static str, namespace: &Namespace) -> Option<Vec<Subject>> {
    let written = written_in(&String::from_utf8_lossy(manifest))?;
    let subject = |Written { version, kind, namespace: own, name }: Written| {
        let namespace = own.unwrap_or_else(|| namespace.clone());
        Subject { verb, version, kind, namespace, name }
    };
    Some(written.into_iter().map(subject).collect())
}

fn in_namespace(namespace: &Namespace) -> String {
    format!("--namespace={namespace}")
}

fn failed(doing: &str, message: &str) -> Failure {
    Failure::Helm { doing: doing.to_owned(), message: message.to_owned() }
}

fn unreadable(doing: &str) -> Failure {
    failed(doing, "what it says cannot be understood")
}

#[cfg(test)]
mod tests;
