//! `[toolset_configs.helm]`: where helm is, and what it may install from where.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use obolus_core::config::Section;
use obolus_core::config::brought::Notice;
use serde::Deserialize;

use super::{Denied, values};
use crate::cluster::Subject;
use crate::helm::{ChartSources, ChartUrl, ReleaseName, find, is_program};
use crate::names::{ApiVersion, Kind, Namespace, ObjectName};

const TABLES: &str = "toolset_configs";
const TABLE: &str = "toolset_configs.helm";
const TIMEOUT: Duration = Duration::from_secs(300);

/// How the tools of the toolset helm work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelmSettings {
    /// The program.
    pub program: PathBuf,
    /// Where charts may come from.
    pub charts: ChartSources,
    /// Whom registries' certificates are signed by; without it, the system's.
    pub certificate_authority: Option<PathBuf>,
    /// Where releases are kept.
    pub storage: Storage,
    /// How long one call may take.
    pub timeout: Duration,
}

/// `storage_driver`: in which objects helm keeps its releases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Storage {
    /// In Secrets.
    #[default]
    Secret,
    /// In `ConfigMap`s.
    ConfigMap,
}

impl Storage {
    /// What helm calls it.
    pub(crate) fn driver(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::ConfigMap => "configmap",
        }
    }

    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
        }
    }

    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Secret => "secrets",
            Self::ConfigMap => "configmaps",
        }
    }

    /// The object in which a revision of a release is kept, as something that is touched.
    pub(crate) fn record(
        self,
        verb: &'static str,
        namespace: &Namespace,
        release: &ReleaseName,
        revision: i64,
    ) -> Option<Subject> {
        Some(Subject {
            verb,
            version: ApiVersion::try_from("v1".to_owned()).ok()?,
            kind: Kind::try_from(self.kind().to_owned()).ok()?,
            namespace: namespace.clone(),
            name: ObjectName::try_from(format!("sh.helm.release.v1.{release}.v{revision}")).ok(),
        })
    }

    /// What cannot be done if its kind is denied, and what could.
    pub(crate) fn refusal(self) -> String {
        let other = match self {
            Self::Secret => Self::ConfigMap,
            Self::ConfigMap => Self::Secret,
        };
        format!(
            "keep helm's releases in {}s ({TABLE}.storage_driver = \"{}\" would keep them in {}s)",
            self.kind(),
            other.driver(),
            other.kind()
        )
    }
}

/// `None` where there is no helm. `path` is where programs are looked for.
pub(super) fn read(
    top: &Section<'_>,
    folder: &Path,
    path: Option<&OsStr>,
    denied: Option<&Denied>,
    notices: &mut Vec<Notice>,
) -> Option<HelmSettings> {
    let tables = top.optional_section(TABLES);
    let section = tables.as_ref().and_then(|tables| tables.optional_section("helm"));
    if let Some(tables) = tables {
        for other in tables.keys().into_iter().filter(|key| *key != "helm") {
            // Asked for, so that it is known.
            if tables.has(other) {
                notices.push(Notice::new(
                    format!("{TABLES}.{other}"),
                    "is for a toolset that is not here",
                ));
            }
        }
        tables.finish();
    }
    let Some(section) = section else {
        let program = path.and_then(find)?;
        return Some(HelmSettings {
            program,
            charts: ChartSources::default(),
            certificate_authority: None,
            storage: Storage::default(),
            timeout: TIMEOUT,
        });
    };
    let program = program(&section, folder, path);
    let charts = ChartSources {
        registries: registries(&section),
        folder: values::file(&section, "charts_folder", folder),
    };
    if charts.folder.as_ref().is_some_and(|folder| !folder.is_dir()) {
        section.problem("charts_folder", "is no folder");
    }
    let certificate_authority = values::file(&section, "certificate_authority", folder);
    if certificate_authority.is_some()
        && let Err(error) = crate::tls::client_config(certificate_authority.as_deref())
    {
        section.problem("certificate_authority", error.to_string());
    }
    let storage = storage(&section);
    if denied.is_some_and(|denied| denied.covers("", storage.kind(), storage.plural())) {
        let text = format!(
            "is {}: helm's tools cannot {}, because denied_resources has the kind",
            storage.driver(),
            storage.refusal()
        );
        notices.push(Notice::new(format!("{TABLE}.storage_driver"), text));
    }
    let seconds = section.integer("timeout_seconds", TIMEOUT.as_secs(), 10..=3600);
    section.finish();
    let timeout = Duration::from_secs(seconds);
    program.map(|program| HelmSettings { program, charts, certificate_authority, storage, timeout })
}

/// What is told where there is no helm.
pub(super) fn absent(notices: &mut Vec<Notice>) {
    notices.push(Notice::new(
        "toolsets",
        "has helm, also if nobody wrote it there, and its tools are left out: no program `helm` is on the PATH, and toolset_configs.helm.program names none",
    ));
}

fn program(section: &Section<'_>, folder: &Path, path: Option<&OsStr>) -> Option<PathBuf> {
    if !section.has("program") {
        return path.and_then(find);
    }
    let program = values::file(section, "program", folder)?;
    if !is_program(&program) {
        section.problem("program", "is no file that can be started");
    }
    Some(program)
}

/// An empty list is none, as it is there.
fn registries(section: &Section<'_>) -> Vec<ChartUrl> {
    let mut registries = Vec::new();
    for (index, text) in section.strings("allowed_registries").iter().enumerate() {
        match ChartUrl::parse(text) {
            Ok(url) => registries.push(url),
            Err(advice) => section.problem(&format!("allowed_registries[{index}]"), advice),
        }
    }
    registries
}

/// In whichever letters, as it is read there.
fn storage(section: &Section<'_>) -> Storage {
    let word = section.word("storage_driver", "\"secret\", \"configmap\"", String::new());
    match word.to_ascii_lowercase().as_str() {
        "" | "secret" => Storage::Secret,
        "configmap" => Storage::ConfigMap,
        _ => {
            section.problem("storage_driver", "must be one of \"secret\", \"configmap\"");
            Storage::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use obolus_core::config::Problems;
    use tempfile::TempDir;

    use super::*;
    use crate::config::Config;

    fn folder() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("helm"), "").unwrap();
        let permissions = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path().join("helm"), permissions).unwrap();
        std::fs::write(folder.path().join("plain"), "").unwrap();
        std::fs::create_dir(folder.path().join("charts")).unwrap();
        folder
    }

    fn parse(folder: &TempDir, text: &str) -> Result<Config, Problems> {
        let text = format!("{text}\n[cluster]\nserver = \"https://k\"\n");
        Config::parse(&text, folder.path())
    }

    #[test]
    fn brought_settings_are_read_and_ours_beside_them() {
        let folder = folder();
        let config = parse(
            &folder,
            "[toolset_configs.helm]\nallowed_registries = [\"oci://GHCR.io/org/\"]\nstorage_driver = \"ConfigMap\"\n\
             program = \"helm\"\ncharts_folder = \"charts\"\ntimeout_seconds = 60\n[toolset_configs.kiali]\nurl = \"x\"",
        )
        .unwrap();
        let helm = config.settings.helm.unwrap();
        assert_eq!(helm.program, folder.path().join("helm"));
        assert_eq!(helm.storage, Storage::ConfigMap);
        assert_eq!(helm.timeout, Duration::from_secs(60));
        assert!(helm.charts.find("oci://ghcr.io/org/web").is_ok());
        assert!(helm.charts.find("oci://ghcr.io/web").is_err());
        assert!(config.notices.iter().any(|notice| notice.path == "toolset_configs.kiali"));
        assert!(config.tools.serves("helm_install"));
    }

    #[test]
    fn mistakes_are_told_where_they_are() {
        let folder = folder();
        for (text, path) in [
            (
                "allowed_registries = [\"ghcr.io/org\"]",
                "toolset_configs.helm.allowed_registries[0]",
            ),
            (
                "allowed_registries = [\"http://x.example\"]",
                "toolset_configs.helm.allowed_registries[0]",
            ),
            ("allowed_registries = [\"file:///x\"]", "toolset_configs.helm.allowed_registries[0]"),
            ("storage_driver = \"memory\"", "toolset_configs.helm.storage_driver"),
            ("storage_driver = \"sql\"", "toolset_configs.helm.storage_driver"),
            ("charts_folder = \"absent\"", "toolset_configs.helm.charts_folder"),
            ("program = \"plain\"", "toolset_configs.helm.program"),
            ("program = \"absent\"", "toolset_configs.helm.program"),
            ("certificate_authority = \"absent\"", "toolset_configs.helm.certificate_authority"),
            ("allowed_registry = \"oci://x\"", "toolset_configs.helm.allowed_registry"),
        ] {
            let problems = parse(&folder, &format!("[toolset_configs.helm]\n{text}")).unwrap_err();
            let paths: Vec<_> = problems.list().iter().map(|one| one.path.as_str()).collect();
            assert_eq!(paths, [path], "{text}: {problems}");
        }
    }

    #[test]
    fn where_there_is_no_helm_its_tools_are_not_there_and_it_is_said() {
        let value = serde_json::json!({});
        let top = Section::top(&value).unwrap();
        let nowhere = tempfile::tempdir().unwrap();
        let mut notices = Vec::new();
        let path = Some(nowhere.path().as_os_str());
        assert_eq!(read(&top, nowhere.path(), path, None, &mut notices), None);
        let brought = serde_json::Map::new();
        let choice = crate::config::choice::read(&top, &brought, false, &mut notices);
        assert!(!choice.serves("helm_install") && choice.serves("pods_list"));
        assert!(
            notices.iter().any(|notice| notice.text.contains("no program `helm` is on the PATH"))
        );
        // The control.
        let choice = crate::config::choice::read(&top, &brought, true, &mut notices);
        assert!(choice.serves("helm_install"));
    }

    #[test]
    fn releases_that_could_not_be_kept_are_told_at_once() {
        let folder = folder();
        let denied = "[[denied_resources]]\ngroup = \"\"\nversion = \"v1\"\nkind = \"Secret\"\n";
        for (storage, is_told) in [("", true), ("storage_driver = \"configmap\"", false)] {
            let text = format!("{denied}[toolset_configs.helm]\nprogram = \"helm\"\n{storage}");
            let config = parse(&folder, &text).unwrap();
            let told = config.notices.iter().any(|notice| {
                notice.path == "toolset_configs.helm.storage_driver"
                    && notice.text.contains("configmap")
            });
            assert_eq!(told, is_told, "{storage}");
        }
    }
}
