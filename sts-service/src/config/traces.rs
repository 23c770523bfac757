//! `[traces]`: to whom traces are told. Nobody by default.

use std::path::Path;

use obolus_core::config::Section;
use rustls::ClientConfig;

use super::files;
use crate::tls::Trust;

/// Of spans, below a collector's base URL (OTLP §4.3).
const PATH: &str = "/v1/traces";

/// A collector of spans (OTLP over HTTP).
#[derive(Debug)]
pub struct Collection {
    /// Where spans are posted.
    pub url: String,
    /// Whom we believe to be it, if it is at an https URL.
    pub tls: ClientConfig,
}

pub(super) fn read(top: &Section<'_>, folder: &Path) -> Option<Collection> {
    let section = top.optional_section("traces")?;
    let what = "the collector's base URL, such as http://localhost:4318";
    let endpoint = section.string("otlp_endpoint", what);
    let is_good = |endpoint: &String| {
        reqwest::Url::parse(endpoint).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        })
    };
    if endpoint.as_ref().is_some_and(|endpoint| !is_good(endpoint)) {
        section.problem(
            "otlp_endpoint",
            format!("must be {what}, without user information, query and fragment"),
        );
    }
    if endpoint.as_ref().is_some_and(|endpoint| endpoint.trim_end_matches('/').ends_with(PATH)) {
        section.problem(
            "otlp_endpoint",
            format!("ends with {PATH}, which is added here: leave it out"),
        );
    }
    let trust = Trust::open(files::optional(&section, "ca_file", folder));
    if let Err(error) = &trust {
        section.problem("ca_file", error.to_string());
    }
    section.finish();
    let url = format!("{}{PATH}", endpoint?.trim_end_matches('/'));
    Some(Collection { url, tls: trust.ok()?.current()? })
}

#[cfg(test)]
mod tests {
    use obolus_core::config::Problems;
    use serde_json::json;

    use super::*;

    fn read_of(endpoint: &str) -> Result<String, Problems> {
        let value = json!({"traces": {"otlp_endpoint": endpoint}});
        let top = Section::top(&value)?;
        let read = read(&top, Path::new(".")).map(|collection| collection.url);
        top.conclude(read)
    }

    #[test]
    fn a_collector_is_at_a_url_and_nothing_else() {
        for (endpoint, url) in [
            ("http://localhost:4318", "http://localhost:4318/v1/traces"),
            ("http://localhost:4318/", "http://localhost:4318/v1/traces"),
            ("https://collector.example.com/otlp", "https://collector.example.com/otlp/v1/traces"),
        ] {
            assert_eq!(read_of(endpoint).unwrap(), url);
        }
        for bad in [
            "",
            "localhost:4318",
            "ftp://localhost",
            "https://user:secret@localhost",
            "http://localhost/?secret",
            "http://localhost/#secret",
        ] {
            let told = read_of(bad).unwrap_err().to_string();
            assert!(told.contains("traces.otlp_endpoint") && !told.contains("secret"), "{told}");
        }
        for twice in ["http://localhost:4318/v1/traces", "http://localhost:4318/v1/traces/"] {
            let told = read_of(twice).unwrap_err().to_string();
            assert!(told.contains("ends with /v1/traces"), "{told}");
        }
        let nobody = json!({});
        let top = Section::top(&nobody).unwrap();
        assert!(read(&top, Path::new(".")).is_none());
    }
}
