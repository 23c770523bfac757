//! TLS towards a cluster: a pinned authority, one exact name, perhaps a certificate of our own.

use serde_json::{Value, json};

/// Whom a cluster's machines must prove to be, and how we prove who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamTls {
    /// The file with the only authorities that are trusted, in PEM.
    pub ca_file: String,
    /// The DNS name that the certificate must carry; also sent as SNI.
    pub server_name: String,
    /// Our certificate, where the other side asks for one.
    pub client_certificate: Option<ClientCertificate>,
}

/// A certificate chain and its key, in PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The chain's file.
    pub chain_file: String,
    /// The private key's file.
    pub key_file: String,
}

impl UpstreamTls {
    pub(crate) fn transport_socket(&self) -> Value {
        let own = self.client_certificate.iter();
        let own: Vec<Value> = own.map(|own| certificate(&own.chain_file, &own.key_file)).collect();
        let mut common = json!({
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "validation_context": {
                "trusted_ca": {"filename": self.ca_file},
                "match_typed_subject_alt_names": [
                    {"san_type": "DNS", "matcher": {"exact": self.server_name}},
                ],
            },
        });
        if let (false, Some(common)) = (own.is_empty(), common.as_object_mut()) {
            common.insert("tls_certificates".to_owned(), own.into());
        }
        json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type":
                    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                "sni": self.server_name,
                "common_tls_context": common,
            },
        })
    }
}

/// A certificate as both directions write it.
pub(crate) fn certificate(chain_file: &str, key_file: &str) -> Value {
    json!({
        "certificate_chain": {"filename": chain_file},
        "private_key": {"filename": key_file},
    })
}
