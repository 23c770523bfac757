//! What a benchmark holds an HTTPS endpoint of ours against: it reads a request's body and answers, and does nothing else.
//!
//! It stands on what ours stand on (axum, hyper, rustls with *ring*, tokio's threads), so that a difference is ours.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Bytes;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::routing::post;
use axum_server::tls_rustls::RustlsConfig;
use clap::Parser;
use obolus_tests::https;

#[derive(Parser)]
struct Arguments {
    /// Where to listen
    #[arg(long)]
    listen: SocketAddr,
    /// The certificate and those above it (PEM)
    #[arg(long)]
    certificate: PathBuf,
    /// Its key (PEM)
    #[arg(long)]
    key: PathBuf,
    /// The file whose content is every answer's body
    #[arg(long)]
    answer: PathBuf,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments { listen, certificate, key, answer } = Arguments::parse();
    https::install_crypto();
    let tls = RustlsConfig::from_pem_file(certificate, key).await?;
    let answer = Bytes::from(std::fs::read(answer).context("the answer")?);
    let routes = Router::new().route(
        "/exchange",
        post(async move |_: Bytes| {
            ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], answer.clone())
        }),
    );
    let listener =
        TcpListener::bind(listen).with_context(|| format!("cannot listen on {listen}"))?;
    listener.set_nonblocking(true)?;
    Ok(axum_server::from_tcp_rustls(listener, tls)?.serve(routes.into_make_service()).await?)
}
