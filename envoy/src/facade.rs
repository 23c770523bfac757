//! The façades in the filter's configuration: which URLs are theirs, and which clusters are behind them.

use http::Uri;
use obolus_core::login::{Endpoint, FacadeIssuer};
use serde_json::Value;

use crate::filter_configuration::{hosts, texts};
use crate::problems::Problems;

/// The login façade of an issuer: its URLs, and the clusters behind them.
#[derive(Debug, Clone)]
pub struct Facade {
    /// The issuer's name.
    pub issuer_name: String,
    /// The authorities of its URL, as those of a [`Resource`].
    pub hosts: Vec<String>,
    /// All of its paths, the endpoints' first.
    pub paths: Vec<String>,
    /// `facade.clusters`. The generated routes lead to the first.
    pub clusters: Vec<String>,
}

/// The façades of the issuers that have one.
pub(crate) fn facades(configuration: &Value, problems: &mut Problems) -> Vec<Facade> {
    let issuers = configuration.get("issuers").and_then(Value::as_array).into_iter().flatten();
    let facades = issuers.enumerate().filter_map(|(at, issuer)| {
        let facade = issuer.get("facade").filter(|facade| !facade.is_null())?;
        let key = |field: &str| format!("issuers[{at}].facade.{field}");
        let clusters = texts(facade.get("clusters"));
        if clusters.is_empty() {
            problems.add(key("clusters"), "must name the Envoy clusters of the façade");
        }
        let text = facade.get("issuer").and_then(Value::as_str).unwrap_or_default();
        let url = FacadeIssuer::parse(text).ok().zip(text.parse::<Uri>().ok());
        let url =
            url.and_then(|(own, uri)| Some((hosts(uri.scheme_str()?, own.authority())?, own)));
        let Some((hosts, own)) = url else {
            problems.add(
                key("issuer"),
                "must be the façade's URL, such as https://mcp.example.com/oauth",
            );
            return None;
        };
        let endpoints =
            [Endpoint::Authorize, Endpoint::Token, Endpoint::Register, Endpoint::Metadata];
        let paths = endpoints.into_iter().flat_map(|endpoint| own.paths_of(endpoint)).collect();
        let issuer_name = issuer.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        Some(Facade { issuer_name, hosts, paths, clusters })
    });
    facades.collect()
}
