//! Measurements that run both sides in one go.

use anyhow::Result;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// What the filter costs per request, beside Envoy's own filters
    Filter,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match arguments.what {
        What::Filter => anyhow::bail!("not there yet"),
    }
}
