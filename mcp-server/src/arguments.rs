//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use obolus_mcp::config::StdioFlags;

use crate::brought_command;

/// Kubernetes tools over MCP that act as the caller and nobody else.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    http: Option<Http>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves one person on standard input and output, with their own kubeconfig.
    Stdio(Stdio),
}

/// Serves many people over HTTP, each with the token that comes with their call.
#[derive(Debug, Args)]
pub(crate) struct Http {
    /// The configuration, TOML.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Check the configuration, with the files that it names, and exit.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Stdio {
    /// Settings, TOML; everything has a default.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Check settings and kubeconfig, say which contexts there are, and exit.
    #[arg(long)]
    pub(crate) check: bool,
    /// The kubeconfig, instead of those in KUBECONFIG, or ~/.kube/config.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context of calls that name none, instead of the kubeconfig's current one.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Serve that one context only.
    #[arg(long)]
    disable_multi_cluster: bool,
    /// The same as a strategy, as kubernetes-mcp-server has it: kubeconfig, or disabled for one context.
    #[arg(long, value_name = "NAME")]
    cluster_provider: Option<String>,
    /// Serve only tools that read.
    #[arg(long)]
    read_only: bool,
    /// Serve no tool that changes or removes what is there.
    #[arg(long)]
    disable_destructive: bool,
    /// Serve only the tools of these toolsets: core, config, helm.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    toolsets: Vec<String>,
    /// Serve only these tools.
    #[arg(long, value_name = "TOOL", value_delimiter = ',')]
    enabled_tools: Vec<String>,
    /// Do not serve these tools.
    #[arg(long, value_name = "TOOL", value_delimiter = ',')]
    disabled_tools: Vec<String>,
    /// How lists are written when a call does not say: table, yaml, json.
    #[arg(long, value_name = "FORMAT")]
    list_output: Option<String>,
    /// How much is written to standard error: error, warn, info, debug, or 0 to 9.
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// Where the log goes, instead of standard error.
    #[arg(long, value_name = "FILE")]
    log_file: Option<String>,
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Mode {
    Http(Http),
    Stdio(Box<Stdio>),
}

impl Arguments {
    /// Reads this program's arguments. Ends it if there is nothing to do, saying what to write.
    pub(crate) fn read() -> Mode {
        let arguments: Vec<_> = std::env::args_os().collect();
        Self::of(arguments).unwrap_or_else(|error| error.exit())
    }

    fn of(arguments: Vec<OsString>) -> Result<Mode, clap::Error> {
        let words: Option<Vec<String>> =
            arguments.iter().skip(1).map(|word| word.to_str().map(str::to_owned)).collect();
        Self::try_parse_from(arguments).and_then(Self::mode).map_err(|error| {
            let is_asked_for =
                matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            let instead = words.filter(|_| !is_asked_for);
            let instead = instead.and_then(|words| brought_command::instead_of(&words));
            instead.map_or(error, |instead| {
                Self::command().error(ErrorKind::MissingRequiredArgument, instead)
            })
        })
    }

    fn mode(self) -> Result<Mode, clap::Error> {
        match (self.command, self.http) {
            (Some(Command::Stdio(stdio)), _) => Ok(Mode::Stdio(Box::new(stdio))),
            (None, Some(http)) => Ok(Mode::Http(http)),
            // clap takes a flattened group that is optional for one that may be missing.
            (None, None) => Err(Self::command().error(
                ErrorKind::MissingRequiredArgument,
                "write --config FILE to serve over HTTP, or stdio to serve yourself with your kubeconfig",
            )),
        }
    }
}

impl Stdio {
    pub(crate) fn flags(self) -> StdioFlags {
        let Self {
            config: _,
            check: _,
            kubeconfig,
            context,
            disable_multi_cluster,
            read_only,
            disable_destructive,
            toolsets,
            enabled_tools,
            disabled_tools,
            list_output,
            log_level,
            log_file,
            cluster_provider,
        } = self;
        StdioFlags {
            kubeconfig,
            context,
            one_context: disable_multi_cluster,
            read_only,
            disable_destructive,
            toolsets,
            enabled_tools,
            disabled_tools,
            list_output,
            log_level,
            log_file: log_file.map(from_here),
            cluster_provider,
        }
    }
}

/// What is written on the command line is meant from the current folder, and not from that of the settings' file.
fn from_here(file: String) -> String {
    if file == "stderr" {
        return file;
    }
    std::path::absolute(&file)
        .ok()
        .and_then(|path| path.into_os_string().into_string().ok())
        .unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(arguments: &str) -> Result<Mode, clap::Error> {
        Arguments::of(arguments.split(' ').map(OsString::from).collect())
    }

    #[test]
    fn both_modes_are_told_apart_and_do_not_mix() {
        Arguments::command().debug_assert();
        assert!(matches!(
            mode("obolus-mcp --config f --check"),
            Ok(Mode::Http(Http { check: true, .. }))
        ));
        assert!(matches!(mode("obolus-mcp stdio"), Ok(Mode::Stdio(_))));
        let Ok(Mode::Stdio(stdio)) =
            mode("obolus-mcp stdio --config f --kubeconfig k --toolsets core,helm --read-only")
        else {
            panic!("no stdio")
        };
        assert_eq!(stdio.config.as_deref(), Some(std::path::Path::new("f")));
        let flags = stdio.flags();
        assert!(flags.read_only && flags.toolsets == ["core", "helm"]);
        assert!(mode("obolus-mcp --config f stdio").is_err());
        assert!(mode("obolus-mcp --check").is_err());
        assert!(mode("obolus-mcp --kubeconfig k").is_err(), "a kubeconfig is for stdio alone");
    }

    #[test]
    fn a_command_line_of_kubernetes_mcp_server_is_told_what_to_write() {
        for (arguments, told) in [
            ("obolus-mcp --kubeconfig k", "obolus-mcp stdio --kubeconfig k"),
            ("obolus-mcp --config f --read-only", "obolus-mcp stdio --config f --read-only"),
            ("obolus-mcp --port 8080", "port = \"8080\""),
        ] {
            let error = mode(arguments).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
        let error = mode("obolus-mcp --nonsense").unwrap_err().to_string();
        assert!(error.contains("--nonsense") && !error.contains("kubeconfig"), "{error}");
        let Ok(Mode::Stdio(stdio)) =
            mode("obolus-mcp stdio --cluster-provider disabled --log-file l")
        else {
            panic!("no stdio")
        };
        let flags = stdio.flags();
        assert_eq!(flags.cluster_provider.as_deref(), Some("disabled"));
        assert!(flags.log_file.is_some_and(|file| file.starts_with('/') && file.ends_with("/l")));
    }
}
