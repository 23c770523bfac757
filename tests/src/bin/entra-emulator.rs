//! Entra ID on this machine, for trying out and for tests that are not Rust. `tests/entra/README.md` says what it is.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Parser;
use obolus_tests::entra::{Directory, Emulator, Place};
use obolus_tests::pki::{Authority, Subject};
use tokio::signal::unix::{SignalKind, signal};

/// A strict emulator of Entra ID. It runs until Ctrl-C.
#[derive(Debug, Parser)]
struct Arguments {
    /// Tenants, applications, people and consents.
    #[arg(long, value_name = "TOML")]
    config: PathBuf,
    /// Where to listen; port 0 is any free one.
    #[arg(long, default_value = "127.0.0.1:8443", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// The name under which clients reach it.
    #[arg(long, default_value = "localhost")]
    host: String,
    /// The server's certificate chain (PEM). Without it an authority is made for this run.
    #[arg(long, requires = "key", value_name = "PEM")]
    certificate: Option<PathBuf>,
    /// The certificate's key (PEM).
    #[arg(long, requires = "certificate", value_name = "PEM")]
    key: Option<PathBuf>,
    /// Where to write what clients have to trust; without it, in a folder that goes when this ends.
    #[arg(long, value_name = "PEM")]
    ca_file: Option<PathBuf>,
    /// Lets anybody who reaches it switch faults and keys at /emulator/….
    #[arg(long)]
    admin: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments { config, listen, host, certificate, key, ca_file, admin } = Arguments::parse();
    let directory = Directory::read(&config)?;
    let listener =
        TcpListener::bind(listen).with_context(|| format!("cannot listen on {listen}"))?;
    let url = format!("https://{host}:{}", listener.local_addr()?.port());
    let (chain, key, authority) = match (certificate, key) {
        (Some(certificate), Some(key)) => {
            let chain = read(&certificate)?;
            (chain.clone(), read(&key)?, chain)
        }
        _ => {
            let authority = Authority::new("Entra emulator")?;
            let subject = Subject::named(&host).server().dns("localhost").dns(&host);
            let leaf = authority.issue(subject.ip([127, 0, 0, 1]))?;
            (leaf.chain, leaf.key, authority.pem())
        }
    };
    // Removed at the end, if this made it.
    let folder = match &ca_file {
        Some(_) => None,
        None => Some(tempfile::Builder::new().prefix("entra-emulator-").tempdir()?),
    };
    let own = folder.as_ref().map(|folder| folder.path().join("ca.pem"));
    let ca_file = ca_file.or(own).context("no place for the authority's certificate")?;
    std::fs::write(&ca_file, &authority)
        .with_context(|| format!("cannot write {}", ca_file.display()))?;

    let emulator =
        Emulator::serve(Place { listener, url, chain, key, authority }, directory).await?;
    if admin {
        emulator.open_admin();
    }
    println!("Entra ID emulator at {}", emulator.authority_host());
    println!("clients have to trust {}", ca_file.display());
    println!("{}", emulator.introduction(&ca_file));
    println!("Ctrl-C ends it. Requests:");
    emulator.print_requests();
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
