//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use obolus_policy::Profile;

/// Checks Cedar policies against the tools that they speak of, compiles them for the filter, tests and explains what is
/// decided by them.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the compiled form, which the filter's configuration takes, or a configuration with it
    Compile(Compile),
    /// Say what is wrong with policies, or with those in a configuration
    Check(Check),
    /// Run tests: who asks, for what, and what is expected
    Test(Test),
    /// Say what would be decided about a token's claims and a request, and why
    Explain(Explain),
}

/// What servers list.
#[derive(Debug, Args)]
pub(crate) struct Tools {
    /// What a server answers to tools/list, and the server's name in the configuration. Without a name it is the
    /// file's "server", the resource that is asked, or the file's name
    #[arg(long, value_name = "[SERVER=]FILE")]
    pub(crate) tools: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Compile {
    /// Policies, in Cedar
    #[arg(required = true, value_name = "POLICIES")]
    pub(crate) policies: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) tools: Tools,
    /// The filter's configuration (JSON): printed with the compiled policies in it
    #[arg(long, value_name = "FILE")]
    pub(crate) into: Option<PathBuf>,
    /// The resource of it that they are for; not needed where there is one
    #[arg(long, requires = "into")]
    pub(crate) resource: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Policies, in Cedar
    #[arg(required_unless_present = "config", value_name = "POLICIES")]
    pub(crate) policies: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) tools: Tools,
    /// The filter's configuration (JSON): whether it is good, and its compiled policies fit the tools and are these
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The resource of it that is meant; not needed where there is one
    #[arg(long, requires = "config")]
    pub(crate) resource: Option<String>,
}

/// What is decided by.
#[derive(Debug, Args)]
pub(crate) struct By {
    /// Policies, in Cedar: in place of those in the configuration
    #[arg(value_name = "POLICIES")]
    pub(crate) policies: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) tools: Tools,
    /// The filter's configuration (JSON)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The resource of it; without a configuration, the server's name in policies
    #[arg(long)]
    pub(crate) resource: Option<String>,
    /// An `access` section (JSON), for tables: its keys go before those of the configuration
    #[arg(long, value_name = "FILE")]
    pub(crate) access: Option<PathBuf>,
    /// Whose tokens these are, where no configuration says so
    #[arg(long, value_enum, default_value = "oidc", conflicts_with = "config")]
    pub(crate) profile: Word,
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    #[command(flatten)]
    pub(crate) by: By,
    /// Tests, in YAML
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub(crate) tests: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) by: By,
    /// Claims as a JSON object, or a whole JWT, of which nothing is verified; `-` for what comes in
    #[arg(long, value_name = "FILE")]
    pub(crate) token: PathBuf,
    /// A tool that is called
    #[arg(long, group = "what")]
    pub(crate) tool: Option<String>,
    /// A prompt that is got
    #[arg(long, group = "what")]
    pub(crate) prompt: Option<String>,
    /// A resource that is read
    #[arg(long, group = "what")]
    pub(crate) uri: Option<String>,
    /// A whole request (JSON), or its `method` and `params`
    #[arg(long, group = "what", value_name = "FILE")]
    pub(crate) request: Option<PathBuf>,
    /// The arguments of the tool or the prompt, as a JSON object
    #[arg(long, value_name = "JSON")]
    pub(crate) arguments: Option<String>,
    /// The revision of MCP; the newest one that has the method otherwise
    #[arg(long)]
    pub(crate) revision: Option<String>,
    /// The target's name, where no configuration says it
    #[arg(long, conflicts_with = "config")]
    pub(crate) target: Option<String>,
    /// For programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// A profile, on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Word {
    Keycloak,
    Oidc,
    Entra,
}

impl From<Word> for Profile {
    fn from(word: Word) -> Self {
        match word {
            Word::Keycloak => Self::Keycloak,
            Word::Oidc => Self::Oidc,
            Word::Entra => Self::Entra,
        }
    }
}
