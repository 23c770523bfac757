//! What a person decides in stdio mode: the same settings, in a file or as flags, or none at all.
//!
//! The clusters are the kubeconfig's. What a server for many people needs beside them (addresses, certificates, who may
//! call) has no meaning here, and what would promise more than there is (`require_oauth = true`) is refused.

use std::path::{Path, PathBuf};

use http::Uri;
use obolus_core::config::{Problem, Problems, Section};
use serde_json::{Map, Value, json};

use super::{
    ClusterConfig, ClustersConfig, Config, ContextName, LogFile, Notice, REQUEST_TIMEOUT, denied,
    files, shown_secrets,
};

/// Settings of a listener that others connect to.
const OF_A_LISTENER: [&str; 16] = [
    "listen",
    "operations",
    "port",
    "bind_address",
    "metrics_port",
    "tls_cert",
    "tls_key",
    "tls_min_version",
    "tls_cipher_suites",
    "require_tls",
    "allowed_hosts",
    "allowed_origins",
    "max_body_bytes",
    "http",
    "stateless",
    "trust_proxy_headers",
];

/// What is written on the command line; it goes before what stands in the file.
#[derive(Debug, Clone, Default)]
pub struct StdioFlags {
    /// `--kubeconfig`.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`.
    pub context: Option<String>,
    /// `--disable-multi-cluster`.
    pub one_context: bool,
    /// `--read-only`.
    pub read_only: bool,
    /// `--disable-destructive`.
    pub disable_destructive: bool,
    /// `--toolsets`.
    pub toolsets: Vec<String>,
    /// `--enabled-tools`.
    pub enabled_tools: Vec<String>,
    /// `--disabled-tools`.
    pub disabled_tools: Vec<String>,
    /// `--list-output`.
    pub list_output: Option<String>,
    /// `--log-level`.
    pub log_level: Option<String>,
    /// `--log-file`.
    pub log_file: Option<String>,
    /// `--cluster-provider`.
    pub cluster_provider: Option<String>,
}

/// The configuration of stdio mode.
#[derive(Debug, Clone)]
pub struct StdioConfig {
    /// What both modes have. Its cluster stands for every context's: all but its address is what they get.
    pub(crate) common: Config,
    /// The kubeconfig, if one is named.
    pub kubeconfig: Option<PathBuf>,
    /// The context, if one is named.
    pub context: Option<String>,
    /// Whether calls may name other contexts.
    pub several: bool,
}

impl StdioConfig {
    /// Where the log goes, if not to standard error.
    #[must_use]
    pub fn log_file(&self) -> Option<&LogFile> {
        self.common.log_file.as_ref()
    }

    /// Reads and checks the file, if there is one, and the flags.
    ///
    /// # Errors
    /// Every problem there is, not only the first.
    pub fn load(path: Option<&Path>, flags: StdioFlags) -> Result<Self, Problems> {
        let (keys, folder) = match path {
            Some(path) => files::read(path)?,
            None => (Map::new(), PathBuf::new()),
        };
        Self::of_keys(keys, &folder, flags)
    }

    #[cfg(test)]
    fn parse(text: &str, folder: &Path, flags: StdioFlags) -> Result<Self, Problems> {
        Self::of_keys(super::keys(text)?, folder, flags)
    }

    fn of_keys(
        mut keys: Map<String, Value>,
        folder: &Path,
        flags: StdioFlags,
    ) -> Result<Self, Problems> {
        if let Some(provider) = &flags.cluster_provider {
            keys.insert("cluster_provider_strategy".to_owned(), json!(provider));
        }
        let own = Own::take(&mut keys);
        let kubeconfig = flags.kubeconfig.clone();
        let (context, one_context) = (flags.context.clone(), flags.one_context);
        flags.put_into(&mut keys);
        let common = Config::of_keys(keys, folder, template);
        // All problems of both, whichever has them.
        let problems = own.problems.into_iter();
        let common = match common {
            Ok(common) => common,
            Err(others) => return Err(problems.chain(others.list().iter().cloned()).collect()),
        };
        let problems: Vec<_> = problems.collect();
        if !problems.is_empty() {
            return Err(problems.into_iter().collect());
        }
        let notices = [own.notices, common.notices.clone()].concat();
        Ok(Self {
            common: Config { notices, ..common },
            kubeconfig: kubeconfig.or_else(|| own.kubeconfig.map(|file| folder.join(file))),
            context,
            several: !one_context && !own.one_context,
        })
    }

    /// What somebody should know about the settings.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.common.notices
    }

    /// How much is logged.
    #[must_use]
    pub fn log_level(&self) -> super::LogLevel {
        self.common.log_level
    }

    /// A context's cluster.
    pub(crate) fn cluster(&self, name: ContextName, server: Uri) -> ClusterConfig {
        let template = self.common.clusters.default_cluster().clone();
        ClusterConfig { name: Some(name), server, ..template }
    }
}

/// What is the same for every context. The address is nobody's: it is put in from the kubeconfig.
fn template(top: &Section<'_>, _: &Path) -> Option<ClustersConfig> {
    let template = ClusterConfig {
        name: None,
        server: Uri::from_static("https://kubeconfig.invalid"),
        certificate_authority: None,
        request_timeout: REQUEST_TIMEOUT,
        audiences: Vec::new(),
        impersonation: None,
        denied: denied::read(top),
        shown_secrets: shown_secrets::read(top),
    };
    Some(ClustersConfig::from(template))
}

/// Keys that mean something else here than to a server for many people.
#[derive(Default)]
struct Own {
    kubeconfig: Option<String>,
    one_context: bool,
    notices: Vec<Notice>,
    problems: Vec<Problem>,
}

impl Own {
    fn take(keys: &mut Map<String, Value>) -> Self {
        let mut own = Self::default();
        for key in OF_A_LISTENER {
            if keys.remove(key).is_some() {
                own.notices.push(Notice::new(key, "does nothing in stdio mode: nobody connects"));
            }
        }
        match keys.remove("kubeconfig") {
            None => {}
            Some(Value::String(file)) => {
                own.kubeconfig = Some(file).filter(|file| !file.is_empty())
            }
            Some(_) => own.problem("kubeconfig", "must be a string: the file's path"),
        }
        match keys.remove("cluster_provider_strategy").as_ref().map(Value::as_str) {
            None | Some(Some("" | "auto" | "kubeconfig")) => {}
            Some(Some("disabled")) => own.one_context = true,
            Some(_) => own.problem(
                "cluster_provider_strategy",
                "must be auto, kubeconfig or disabled (one context only) in stdio mode; for in-cluster write --config instead of stdio",
            ),
        }
        match keys.remove("cluster_auth_mode").as_ref().map(Value::as_str) {
            None | Some(Some("" | "kubeconfig")) => {}
            Some(Some("passthrough")) => own.notices.push(Notice::new(
                "cluster_auth_mode",
                "does nothing in stdio mode: no token arrives, and calls are made as the kubeconfig's user",
            )),
            Some(_) => own.problem("cluster_auth_mode", "must be kubeconfig, or left out, in stdio mode"),
        }
        match keys.remove("require_oauth") {
            None | Some(Value::Bool(false)) => {}
            Some(Value::Bool(true)) => own.problem(
                "require_oauth",
                "is true, and in stdio mode nobody can be asked for a token: leave it out, or write --config instead of stdio",
            ),
            Some(_) => own.problem("require_oauth", "is no truth value: leave it out"),
        }
        for key in ["cluster", "clusters", "default_cluster"] {
            if keys.remove(key).is_some() {
                own.problem(
                    key,
                    "is for HTTP mode: in stdio mode the kubeconfig says which clusters there are, so leave it out",
                );
            }
        }
        own
    }

    fn problem(&mut self, path: &str, message: &str) {
        self.problems.push(Problem { path: path.to_owned(), message: message.to_owned() });
    }
}

impl StdioFlags {
    /// As the settings that they are, so that they mean the same.
    fn put_into(self, keys: &mut Map<String, Value>) {
        let mut put = |key: &str, value: Value| keys.insert(key.to_owned(), value);
        for (key, set) in
            [("read_only", self.read_only), ("disable_destructive", self.disable_destructive)]
        {
            if set {
                put(key, json!(true));
            }
        }
        for (key, list) in [
            ("toolsets", self.toolsets),
            ("enabled_tools", self.enabled_tools),
            ("disabled_tools", self.disabled_tools),
        ] {
            if !list.is_empty() {
                put(key, json!(list));
            }
        }
        if let Some(file) = self.log_file {
            put("log_file", json!(file));
        }
        if let Some(output) = self.list_output {
            put("list_output", json!(output));
        }
        if let Some(level) = self.log_level {
            let number = level.parse::<u8>().ok();
            put("log_level", number.map_or_else(|| json!(level), |number| json!(number)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, flags: StdioFlags) -> Result<StdioConfig, Problems> {
        StdioConfig::parse(text, Path::new("/home/ann"), flags)
    }

    #[test]
    fn without_a_file_and_flags_everything_is_there() {
        let config = parse("", StdioFlags::default()).unwrap();
        assert!(config.several && config.kubeconfig.is_none() && config.context.is_none());
        assert!(config.common.tools.serves("pods_delete"));
        // Nothing but that there is no helm, where there is none.
        assert!(config.notices().iter().all(|notice| notice.path == "toolsets"));
    }

    #[test]
    fn a_flag_is_the_setting_of_its_name_and_goes_before_the_file() {
        let flags = StdioFlags {
            read_only: true,
            kubeconfig: Some("/k".into()),
            list_output: Some("yaml".to_owned()),
            log_level: Some("3".to_owned()),
            ..StdioFlags::default()
        };
        let text = "read_only = false\nkubeconfig = \"other\"\nlist_output = \"json\"\nlog_level = \"error\"";
        let config = parse(text, flags).unwrap();
        assert!(!config.common.tools.serves("pods_delete") && config.common.tools.serves("whoami"));
        assert_eq!(config.kubeconfig.as_deref(), Some(Path::new("/k")));
        assert_eq!(config.common.settings.list_output, super::super::ListOutput::Yaml);
        let config = parse(text, StdioFlags::default()).unwrap();
        assert!(config.common.tools.serves("pods_delete"));
        assert_eq!(config.kubeconfig.as_deref(), Some(Path::new("/home/ann/other")));
        let flags = StdioFlags { toolsets: vec!["cor".to_owned()], ..StdioFlags::default() };
        assert!(parse("", flags).unwrap_err().to_string().contains("toolsets"));
    }

    #[test]
    fn a_file_of_kubernetes_mcp_server_means_the_same() {
        let text = "kubeconfig = \"\"\ncluster_provider_strategy = \"disabled\"\nport = \"8080\"\nstateless = true\n\
            cluster_auth_mode = \"passthrough\"\nrequire_oauth = false\nserver_instructions = \"x\"\n\
            [[denied_resources]]\ngroup = \"\"\nversion = \"v1\"\nkind = \"Secret\"\n";
        let config = parse(text, StdioFlags::default()).unwrap();
        assert!(!config.several && config.kubeconfig.is_none());
        let noticed: Vec<_> = config.notices().iter().map(|notice| notice.path.as_str()).collect();
        for key in ["port", "stateless", "cluster_auth_mode"] {
            assert!(noticed.contains(&key), "{noticed:?}");
        }
        let name = ContextName::try_from("lab".to_owned()).unwrap();
        let cluster = config.cluster(name, Uri::from_static("https://lab:6443"));
        assert!(cluster.denied.covers("", "Secret", "secrets"));
        assert_eq!(cluster.server, "https://lab:6443");
    }

    #[test]
    fn what_promises_more_than_there_is_or_names_another_cluster_is_refused() {
        let text = "require_oauth = true\ncluster_auth_mode = \"x\"\ncluster_provider_strategy = \"in-cluster\"\n\
            kubeconfig = 7\nsurprise = 1\n[cluster]\nserver = \"https://k\"\n";
        let told = parse(text, StdioFlags::default()).unwrap_err().to_string();
        for key in [
            "require_oauth: ",
            "cluster_auth_mode: ",
            "cluster_provider_strategy: ",
            "kubeconfig: ",
            "cluster: ",
            "surprise: ",
        ] {
            assert!(told.contains(key), "{key} is not in {told}");
        }
    }
}
