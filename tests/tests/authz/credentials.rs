//! Whose request it is: one token, in one place, for this resource.

use obolus_core::Reason::{
    self, AudienceMismatch, AuthorizationDuplicated, AuthorizationMalformed, InsufficientScope,
    OriginRefused, SignatureInvalid, TokenExpired, TokenInQuery, TokenMalformed, TokenMissing,
};

use crate::attempt::{Attempt, Framing};
use crate::case::{Case, Refused};
use crate::client::{Client, Way};

const AUTHORIZATION: &str = "authorization";

#[tokio::test]
async fn a_request_has_one_token_and_it_is_for_this_resource() {
    crate::world::turn().await.tries(all).await;
}

pub(crate) fn all(client: &Client) -> Vec<Case> {
    let mut cases = Vec::new();
    let values = values(client).into_iter().map(|(name, values, reason)| {
        let edit = move |call: Attempt| {
            values
                .iter()
                .fold(call.without(AUTHORIZATION), |call, value| call.header(AUTHORIZATION, value))
        };
        (name, Box::new(edit) as Box<dyn Fn(Attempt) -> Attempt>, reason)
    });
    for (at, (name, edit, reason)) in values.chain(elsewhere(client)).enumerate() {
        for way in Way::four(at) {
            let twin = client.call(way);
            if name.contains("trailer") && way.framing == Framing::Length {
                continue;
            }
            let attack = edit(twin.clone());
            let name = format!("{name} ({})", way.name());
            cases.push(Case::new(name, attack, Refused::Ours(reason), twin));
        }
    }
    cases
}

/// What stands in `Authorization`.
fn values(client: &Client) -> Vec<(&'static str, Vec<String>, Reason)> {
    let bearer = |token: &str| format!("Bearer {token}");
    let good = bearer(&client.token);
    let token = &client.token;
    let one = |name, value: String, reason| (name, vec![value], reason);
    let stripped = token.rsplit_once('.').unwrap().0;
    vec![
        ("no token", vec![], TokenMissing),
        ("a good token twice", vec![good.clone(), good.clone()], AuthorizationDuplicated),
        (
            "a good token, then another",
            vec![good.clone(), bearer(&client.expired)],
            AuthorizationDuplicated,
        ),
        (
            "another token, then a good one",
            vec![bearer(&client.forged), good.clone()],
            AuthorizationDuplicated,
        ),
        (
            "a good token, then a password",
            vec![good.clone(), "Basic YWxpY2U6c2VjcmV0".to_owned()],
            AuthorizationDuplicated,
        ),
        one("two tokens in one", format!("{good}, {good}"), AuthorizationDuplicated),
        one(
            "two tokens in one, without a space",
            format!("{good},{good}"),
            AuthorizationDuplicated,
        ),
        one("a token and a parameter", format!("{good}, realm=\"x\""), AuthorizationDuplicated),
        one("a token in quotes", format!("Bearer \"{token}\""), AuthorizationMalformed),
        one("a token without a scheme", token.clone(), AuthorizationMalformed),
        one("a scheme without a token", "Bearer".to_owned(), AuthorizationMalformed),
        one("two schemes", format!("Bearer Bearer {token}"), AuthorizationMalformed),
        one("another scheme", format!("DPoP {token}"), AuthorizationMalformed),
        one("a password", "Basic YWxpY2U6c2VjcmV0".to_owned(), AuthorizationMalformed),
        one("a longer scheme", format!("BearerX {token}"), AuthorizationMalformed),
        one("a token without a signature", format!("Bearer {stripped}."), SignatureInvalid),
        one("two parts of a token", bearer(stripped), TokenMalformed),
        one("a token with a fourth part", format!("{good}.x"), TokenMalformed),
        one("a token for another resource", bearer(&client.for_another), AudienceMismatch),
        one("a token of yesterday", bearer(&client.expired), TokenExpired),
        one("somebody else's signature", bearer(&client.forged), SignatureInvalid),
        one("a token for less", bearer(&client.without_scope), InsufficientScope),
    ]
}

type Edit = Box<dyn Fn(Attempt) -> Attempt>;

/// Where tokens have no place, and what says that somebody else has looked at them.
fn elsewhere(client: &Client) -> Vec<(&'static str, Edit, Reason)> {
    let token = client.token.clone();
    let header = |name: &'static str, value: String| -> Edit {
        Box::new(move |call| call.without(AUTHORIZATION).header(name, &value))
    };
    let query = |query: String| -> Edit {
        Box::new(move |call| call.without(AUTHORIZATION).target(format!("/mcp?{query}")))
    };
    let (trailing, inside) = (format!("Bearer {token}"), token.clone());
    vec![
        ("a token in the query", query(format!("access_token={token}")), TokenInQuery),
        ("a token in the query, escaped", query(format!("access%5Ftoken={token}")), TokenInQuery),
        ("a token at the query's end", query(format!("x=1&access_token={token}")), TokenInQuery),
        (
            "a token beside one in the query",
            Box::new(|call| call.target("/mcp?access_token=x")),
            TokenInQuery,
        ),
        (
            "a token in the body",
            Box::new(move |call| {
                let more = format!(r#""access_token":"{inside}","arguments""#);
                call.without(AUTHORIZATION).saying(r#""arguments""#, &more)
            }),
            TokenMissing,
        ),
        (
            "a token in a trailer",
            Box::new(move |call| call.without(AUTHORIZATION).trailer(AUTHORIZATION, &trailing)),
            TokenMissing,
        ),
        ("a token in a cookie", header("cookie", format!("access_token={token}")), TokenMissing),
        (
            "a token for a proxy",
            header("proxy-authorization", format!("Bearer {token}")),
            TokenMissing,
        ),
        ("a token in a header of its own", header("x-access-token", token.clone()), TokenMissing),
        (
            "a token that was forwarded",
            header("x-forwarded-access-token", token.clone()),
            TokenMissing,
        ),
        ("a name instead of a token", header("x-forwarded-user", "alice".to_owned()), TokenMissing),
        ("an impersonation", header("impersonate-user", "admin".to_owned()), TokenMissing),
        (
            "a certificate of one's own",
            header("x-forwarded-client-cert", "By=x;URI=spiffe://x".to_owned()),
            TokenMissing,
        ),
        (
            "a payload of one's own",
            header("x-jwt-payload", "eyJzdWIiOiJhbGljZSJ9".to_owned()),
            TokenMissing,
        ),
        ("a permit of one's own", header("x-obolus-permit", "obolus-mcp".to_owned()), TokenMissing),
        (
            "filter state of one's own",
            header("wasm.obolus-permit", "obolus-mcp".to_owned()),
            TokenMissing,
        ),
        ("a gateway's own request", header("x-envoy-internal", "true".to_owned()), TokenMissing),
        (
            "a page of another origin",
            Box::new(|call| call.header("origin", "https://evil.example")),
            OriginRefused,
        ),
        ("a page of no origin", Box::new(|call| call.header("origin", "null")), OriginRefused),
        (
            "an address of one's own",
            header("x-forwarded-for", "127.0.0.1".to_owned()),
            TokenMissing,
        ),
        (
            "an address from outside",
            header("x-envoy-external-address", "127.0.0.1".to_owned()),
            TokenMissing,
        ),
    ]
}
