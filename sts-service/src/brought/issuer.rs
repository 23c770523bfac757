//! `authorization_url` and `certificate_authority`: whose tokens are verified.

use obolus_core::config::brought::Fault;
use serde_json::{Value, json};

use super::authority::slip;
use super::{Authority, Settings, Work, object};

const KEY: &str = "authorization_url";

/// The issuer's entry, and what kind of issuer it is.
pub(super) fn translate(settings: &Settings, work: &mut Work) -> Option<Authority> {
    let url = settings.text(KEY, work);
    let ca_file = settings.text("certificate_authority", work);
    if work.own.contains_key("issuers") {
        for key in [KEY, "certificate_authority"] {
            if settings.has(key) {
                let what = "says the same as [[issuers]], which stands here, too";
                work.fault(Fault::new(key, what, "write one of the two"));
            }
        }
        return None;
    }
    work.origins.note("issuers", KEY);
    let Some(url) = url else {
        let write = "write the issuer's URL, byte for byte as in its tokens, such as https://login.microsoftonline.com/<tenant id>/v2.0";
        work.fault(Fault::new(KEY, "is missing or empty", write));
        return None;
    };
    if has_user(url) {
        let what = "has a user name or a password in it";
        let write = "write the issuer's URL without what stands before the @";
        let fault = Fault::new(KEY, what, write);
        work.fault(fault.happens(
            "no token says so in `iss`; and what stands before the @ may hide whose host it is",
        ));
    }
    if !work.has_fault(KEY)
        && let Some(fault) = slip(KEY, url)
    {
        work.fault(fault);
    }
    let authority = Authority::of(url);
    let ca = ca_file.map(Value::from);
    let entry = match &authority {
        Some(Authority::Entra { host, tenant }) => object(&[
            ("name", Some(json!("entra"))),
            ("profile", Some(json!("entra"))),
            ("tenants", Some(json!([tenant]))),
            ("authority_host", Some(json!(host))),
            ("ca_file", ca),
        ]),
        Some(Authority::Other) => object(&[
            ("name", Some(json!("keycloak"))),
            ("profile", Some(json!("keycloak"))),
            ("issuer", Some(json!(url))),
            ("ca_file", ca),
        ]),
        None => {
            let write = "write the issuer's URL, byte for byte as in its tokens";
            work.fault(Fault::new(KEY, "is no URL", write));
            return None;
        }
    };
    work.own.insert("issuers".to_owned(), json!([entry]));
    work.origins.note("issuers[0].ca_file", "certificate_authority");
    authority
}

fn has_user(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| !url.username().is_empty() || url.password().is_some())
}
