//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use obolus_mcp::config::StdioFlags;

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
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Mode {
    Http(Http),
    Stdio(Stdio),
}

impl Arguments {
    pub(crate) fn mode(self) -> Mode {
        match (self.command, self.http) {
            (Some(Command::Stdio(stdio)), _) => Mode::Stdio(stdio),
            (None, Some(http)) => Mode::Http(http),
            (None, None) => nothing_to_do(),
        }
    }
}

/// clap takes a flattened group that is optional for one that may be missing.
fn nothing_to_do() -> ! {
    use clap::CommandFactory as _;
    let mut command = Arguments::command();
    let kind = clap::error::ErrorKind::MissingRequiredArgument;
    command
        .error(kind, "write --config FILE to serve over HTTP, or stdio to serve yourself with your kubeconfig")
        .exit()
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
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn mode(arguments: &str) -> Result<Mode, clap::Error> {
        Arguments::try_parse_from(arguments.split(' ')).map(Arguments::mode)
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
}
