//! The groups of a person whose token does not say them, by Microsoft Graph in the person's own name.
//!
//! The URL follows from the configuration. A token's `_claim_sources` names one, too: of a service that has been
//! retired, and it would be the token that chooses whom we call.

use std::collections::BTreeSet;
use std::sync::Arc;

use obolus_core::token::application::is_guid;
use obolus_core::{Reason, json};
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::failure::{Upstream, harmless};
use super::{Exchange, Failure, attempts, echo};
use crate::config::{Groups, is_https, same_origin};
use crate::idp_client::Answered;
use crate::upstream::{Gate, Sign};

const PATH: &str = "/v1.0/me/transitiveMemberOf/microsoft.graph.group";
/// As many as Graph puts on one page.
const QUERY: &str = "$select=id&$top=999";
/// 999 groups by id, with room for annotations of each.
const MAX_PAGE_BYTES: usize = 512 * 1024;
const MAX_PAGES: usize = 64;
/// More than anybody is in, and more than anything behind us could use.
const MAX_GROUPS: usize = 20_000;

/// `value` has to be there, or nothing has been said.
#[derive(Deserialize)]
struct Page {
    value: Vec<Group>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Group {
    id: String,
}

/// All groups of the principal, through other groups too, or a failure: never some of them.
pub(crate) async fn groups(
    exchange: &Exchange<'_>,
    at: &Groups,
    graph: &Arc<Gate>,
) -> Result<Vec<String>, Failure> {
    // First: while Graph is not asked, nobody is asked for a token for it.
    let mut passage = graph.enter(exchange.visit())?;
    let token = exchange.run().await?;
    let begun = Instant::now();
    let outcome = pages(exchange, at, token.access_token()).await;
    attempts::noted(&mut passage, begun, outcome)
}

async fn pages(
    exchange: &Exchange<'_>,
    at: &Groups,
    token: &SecretString,
) -> Result<Vec<String>, Failure> {
    let mut found = BTreeSet::new();
    let mut next = Some(format!("{}{PATH}?{QUERY}", at.graph));
    for _ in 0..MAX_PAGES {
        let Some(url) = next.take() else { return Ok(found.into_iter().collect()) };
        let page = page(exchange, &url, token).await?;
        for Group { id } in page.value {
            if !is_guid(&id) {
                return Err(strange("a group's id is no GUID"));
            }
            found.insert(id.to_ascii_lowercase());
        }
        if found.len() > MAX_GROUPS {
            return Err(strange("more groups than anybody is in"));
        }
        next = match page.next {
            Some(link) => Some(own(&link, &at.graph).ok_or_else(|| {
                strange("the next page is not where the first was, and was not asked for")
            })?),
            None => None,
        };
    }
    match next {
        None => Ok(found.into_iter().collect()),
        Some(_) => Err(strange("more pages than anybody's groups take")),
    }
}

async fn page(exchange: &Exchange<'_>, url: &str, token: &SecretString) -> Result<Page, Failure> {
    let bearer = Zeroizing::new(format!("Bearer {}", token.expose_secret()));
    let mut bearer = HeaderValue::from_str(&bearer).map_err(|_| Reason::Internal)?;
    bearer.set_sensitive(true);
    let client = exchange.mirror.client();
    let request = client.get(url).timeout(exchange.remains()).header(AUTHORIZATION, bearer);
    let mut answered = client.call(request, MAX_PAGE_BYTES).await?;
    if answered.status != 200 {
        answered.body = echo::without(&answered.body, std::iter::once(token));
        return Err(refusal(&answered));
    }
    if !answered.is_json {
        return Err(Failure::no_json());
    }
    json::object(&answered.body).ok_or_else(|| strange("no page of groups"))
}

/// A link to more of the same, as it is asked for: on the same origin, below the same path.
fn own(link: &str, graph: &str) -> Option<String> {
    let url = Url::parse(link).ok()?;
    let is_own = is_https(link) && same_origin(link, graph) && url.path() == PATH;
    is_own.then(|| url.into())
}

/// What an unsuccessful answer means, by its status and Graph's `code`.
fn refusal(answered: &Answered) -> Failure {
    let body = serde_json::from_slice::<Value>(&answered.body).unwrap_or_default();
    let text = |name: &str| body.pointer(&format!("/error/{name}")).and_then(Value::as_str);
    let reason = match (answered.status.as_u16(), text("code")) {
        // Of the permissions at Graph, none that lets us see groups.
        (403, Some("Authorization_RequestDenied")) => Reason::ConsentRequired,
        (401 | 403 | 404, Some(_)) => Reason::ExchangeDenied,
        (400, Some(_)) => Reason::ExchangeMisconfigured,
        _ => Reason::IdpUnavailable,
    };
    let upstream = Upstream {
        description: text("message").map(harmless),
        trace_id: text("innerError/request-id").map(harmless),
        ..Upstream::default()
    };
    Failure::answered(reason, answered, text("code"), upstream)
}

/// An answer of status 200 that does not tell the groups.
fn strange(what: &str) -> Failure {
    let upstream =
        Upstream { status: Some(200), error: Some(what.to_owned()), ..Upstream::default() };
    Failure {
        sign: Sign::Strange,
        upstream: Box::new(upstream),
        ..Failure::from(Reason::IdpUnavailable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_more_of_the_same_is_followed() {
        let graph = "https://graph.microsoft.com";
        let good = "https://graph.microsoft.com/v1.0/me/transitiveMemberOf/microsoft.graph.group?$select=id&$skiptoken=x";
        assert_eq!(own(good, graph).as_deref(), Some(good));
        for link in [
            good.replace("graph.microsoft.com/", "graph.microsoft.com.evil.example/"),
            good.replace("graph.microsoft.com/", "graph.microsoft.com:8443/"),
            good.replace("graph.microsoft.com/", "graph.microsoft.com@evil.example/"),
            good.replace("//graph", "//user@graph"),
            good.replace("https:", "http:"),
            good.replace("/v1.0/", "/beta/"),
            good.replace("/me/", "/users/somebody/"),
            good.replace("microsoft.graph.group", "microsoft.graph.group/../../manager"),
            good.replace("?", "/../?"),
            good.replace("https://graph.microsoft.com", ""),
            String::new(),
        ] {
            assert_eq!(own(&link, graph), None, "{link}");
        }
    }

    #[test]
    fn a_page_without_a_list_says_nothing_and_an_empty_list_says_none() {
        let read = |body: &str| json::object::<Page>(body.as_bytes()).map(|page| page.value.len());
        assert_eq!(read(r#"{"value":[]}"#), Some(0));
        assert_eq!(read(r#"{"value":[{"id":"x","more":1}],"@odata.count":1}"#), Some(1));
        for body in [
            "{}",
            r#"{"value":null}"#,
            r#"{"value":{}}"#,
            r#"{"value":[null]}"#,
            r#"{"value":[{}]}"#,
            r#"{"value":[],"value":[]}"#,
            r#"{"value":[],"@odata.nextLink":1}"#,
            r#"{"value":["#,
            "[]",
        ] {
            assert_eq!(read(body), None, "{body}");
        }
    }
}
