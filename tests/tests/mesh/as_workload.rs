//! A client that shows a workload's certificate of the mesh, past its Envoy.

use anyhow::Result;
use obolus_tests::fixtures::mesh::Certificate;
use obolus_tests::https;
use reqwest::{Client, Identity};

/// It takes any certificate of the server: whether it is shown one is not what is asked here.
pub(crate) fn client(certificate: Option<Certificate>) -> Result<Client> {
    let mut builder = https::builder().http1_only().tls_danger_accept_invalid_certs(true);
    if let Some(Certificate { chain, key }) = certificate {
        builder = builder.identity(Identity::from_pem(format!("{key}{chain}").as_bytes())?);
    }
    Ok(builder.build()?)
}
