//! The command line of `obolus-sts setup keycloak`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use secrecy::SecretString;

/// What a person may say. Secrets come from files or the environment, never from here.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("administrator").required(true).args(["admin_user", "admin_client"])))]
pub struct Options {
    /// The STS's own configuration: issuer, clients, targets, scopes and resources are taken from it.
    #[arg(long, value_name = "FILE", required_unless_present = "issuer")]
    pub(super) config: Option<PathBuf>,
    /// The realm's issuer, such as https://keycloak.example.com/realms/obolus; with --config, which of its issuers.
    #[arg(long, value_name = "URL")]
    pub(super) issuer: Option<String>,
    /// The authority of Keycloak's certificate, besides the system's (PEM).
    #[arg(long, value_name = "FILE")]
    pub(super) ca_file: Option<PathBuf>,

    /// Sign in as this administrator, with the password in --admin-password-file or OBOLUS_ADMIN_PASSWORD.
    #[arg(long, value_name = "NAME", help_heading = "Administrator")]
    pub(super) admin_user: Option<String>,
    /// The file of that password.
    #[arg(long, value_name = "FILE", requires = "admin_user", help_heading = "Administrator")]
    pub(super) admin_password_file: Option<PathBuf>,
    /// Sign in as this client's service account, with the secret in --admin-secret-file or OBOLUS_ADMIN_SECRET.
    #[arg(long, value_name = "ID", help_heading = "Administrator")]
    pub(super) admin_client: Option<String>,
    /// The file of that secret.
    #[arg(long, value_name = "FILE", requires = "admin_client", help_heading = "Administrator")]
    pub(super) admin_secret_file: Option<PathBuf>,
    /// The realm that knows the administrator.
    #[arg(long, value_name = "NAME", default_value = "master", help_heading = "Administrator")]
    pub(super) admin_realm: String,
    /// Where administrators go, if not to the issuer's host.
    #[arg(long, value_name = "URL", help_heading = "Administrator")]
    pub(super) admin_url: Option<String>,

    /// The URL of an MCP server, as clients are told it; repeatable. With --config, besides the audiences of its grants.
    #[arg(long = "resource", value_name = "URL", help_heading = "MCP servers and the STS")]
    pub(super) resources: Vec<String>,
    /// The scope that MCP clients ask for; repeatable. People who ask for none get the first.
    #[arg(
        long = "scope",
        value_name = "NAME",
        default_value = "mcp:tools",
        help_heading = "MCP servers and the STS"
    )]
    pub(super) scopes: Vec<String>,
    /// Put the person's groups into tokens for the MCP servers, too: for policies that read `groups`.
    #[arg(long, help_heading = "MCP servers and the STS")]
    pub(super) groups: bool,
    /// The STS's client.
    #[arg(
        long,
        value_name = "ID",
        default_value = "obolus-sts",
        conflicts_with = "config",
        help_heading = "MCP servers and the STS"
    )]
    pub(super) sts_client: String,
    /// The client that stands for the cluster: the API server's audience.
    #[arg(
        long,
        value_name = "ID",
        default_value = "kubernetes",
        conflicts_with = "config",
        help_heading = "MCP servers and the STS"
    )]
    pub(super) audience: String,
    /// The scope that gives this audience.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "kubernetes",
        conflicts_with = "config",
        help_heading = "MCP servers and the STS"
    )]
    pub(super) target_scope: String,
    /// The STS's client secret: read from this file if it is there, else made and written to it (mode 0600).
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["config", "certificate_file"],
        help_heading = "MCP servers and the STS"
    )]
    pub(super) secret_file: Option<PathBuf>,
    /// The certificate of the STS's key, instead of a secret (PEM).
    #[arg(long, value_name = "FILE", help_heading = "MCP servers and the STS")]
    pub(super) certificate_file: Option<PathBuf>,
    /// What the STS signs with, with a certificate.
    #[arg(
        long,
        value_name = "ALGORITHM",
        default_value = "PS256",
        ignore_case = true,
        conflicts_with = "config",
        help_heading = "MCP servers and the STS"
    )]
    pub(super) algorithm: Algorithm,
    /// Where Keycloak has another secret than the file, let it take the file's.
    #[arg(long, help_heading = "MCP servers and the STS")]
    pub(super) replace_secret: bool,

    /// The public client for people whose MCP client registers none of its own.
    #[arg(long, value_name = "ID", default_value = "mcp-client", help_heading = "MCP clients")]
    pub(super) client: String,
    /// One more redirect URI, in full; repeatable. Those of known MCP clients are there anyway.
    #[arg(long = "redirect-uri", value_name = "URI", help_heading = "MCP clients")]
    pub(super) redirect_uris: Vec<String>,
    /// Only clients on people's own machines: no redirect URIs of hosted ones (claude.ai, vscode.dev, cursor.com).
    #[arg(long, help_heading = "MCP clients")]
    pub(super) loopback_only: bool,
    /// One more origin of pages that may ask for tokens, such as https://chat.example.com; repeatable.
    #[arg(long = "allowed-origin", value_name = "ORIGIN", help_heading = "MCP clients")]
    pub(super) allowed_origins: Vec<String>,
    /// Do not ask people, once each, whether the public client may act for them.
    #[arg(long, help_heading = "MCP clients")]
    pub(super) no_consent: bool,
    /// Let anybody register clients without signing in: public ones with PKCE and consent that come back to these redirect
    /// URIs, without mappers and secrets. What that still admits: docs/keycloak.md.
    #[arg(long, help_heading = "MCP clients")]
    pub(super) registration: bool,

    /// Say what would be done, and do nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// With --dry-run: end with 3 if anything would be done.
    #[arg(long, requires = "dry_run")]
    pub(super) exit_code: bool,
}

/// What the environment may say.
#[derive(Debug, Default)]
pub struct Environment {
    /// `OBOLUS_ADMIN_PASSWORD`.
    pub admin_password: Option<SecretString>,
    /// `OBOLUS_ADMIN_SECRET`.
    pub admin_secret: Option<SecretString>,
}

impl Environment {
    /// That of this process.
    #[must_use]
    pub fn read() -> Self {
        let secret = |name: &str| std::env::var(name).ok().map(SecretString::from);
        Self {
            admin_password: secret("OBOLUS_ADMIN_PASSWORD"),
            admin_secret: secret("OBOLUS_ADMIN_SECRET"),
        }
    }
}

/// As the STS's configuration has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Algorithm {
    #[value(name = "PS256")]
    Ps256,
    #[value(name = "RS256")]
    Rs256,
    #[value(name = "ES256")]
    Es256,
}

impl Algorithm {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ps256 => "PS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }
}
