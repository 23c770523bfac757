//! What came back, and everything that holds for each refusal (rule 22).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// A refusal as the error table gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) error: &'static str,
    pub(crate) code: u32,
    pub(crate) suberror: Option<&'static str>,
    pub(crate) claims: bool,
}

pub(crate) const fn refusal(status: u16, error: &'static str, code: u32) -> Refusal {
    Refusal { status, error, code, suberror: None, claims: false }
}

/// The client's own credentials: the only ones with 401.
pub(crate) const fn bad_client(code: u32) -> Refusal {
    refusal(401, "invalid_client", code)
}

pub(crate) const fn bad_grant(code: u32) -> Refusal {
    refusal(400, "invalid_grant", code)
}

pub(crate) const fn bad_request(code: u32) -> Refusal {
    refusal(400, "invalid_request", code)
}

impl Refusal {
    pub(crate) const fn suberror(self, suberror: &'static str) -> Self {
        Self { suberror: Some(suberror), ..self }
    }

    /// With a claims challenge.
    pub(crate) const fn claims(self) -> Self {
        Self { claims: true, ..self }
    }
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn read(answer: reqwest::Response) -> Self {
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Self { status, headers, text: answer.text().await.unwrap() }
    }

    /// The body; null when it is no JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// `error_description`, or nothing.
    pub(crate) fn description(&self) -> String {
        self.json()["error_description"].as_str().unwrap_or_default().to_owned()
    }

    /// The claims of the access token.
    #[track_caller]
    pub(crate) fn assert_granted(&self, what: &str) -> Value {
        assert_eq!(self.status, 200, "{what}: {}", self.text);
        assert_eq!(self.header("content-type"), "application/json; charset=utf-8", "{what}");
        assert_eq!(self.header("cache-control"), "no-store, no-cache", "{what}");
        let body = self.json();
        assert_eq!(body["token_type"], "Bearer", "{what}");
        claims_of(self.token())
    }

    /// The access token, or nothing.
    pub(crate) fn token(&self) -> String {
        self.json()["access_token"].as_str().unwrap_or_default().to_owned()
    }

    /// Everything that the table says of a refusal, and everything that is said of all of them.
    #[track_caller]
    pub(crate) fn assert_refused(&self, what: &str, refusal: Refusal) {
        let body = self.json();
        let seen = (self.status, body["error"].as_str(), body["error_codes"][0].as_u64());
        let wanted = (refusal.status, Some(refusal.error), Some(u64::from(refusal.code)));
        assert_eq!(seen, wanted, "{what}: {}", self.text);
        assert_eq!(body["suberror"].as_str(), refusal.suberror, "{what}: {}", self.text);
        assert_eq!(body.get("claims").is_some(), refusal.claims, "{what}: {}", self.text);
        if let Some(fault) = self.misshapen(refusal.code) {
            panic!("{what}: {fault} in {}\n{:?}", self.text, self.headers);
        }
    }

    /// What is wrong with the form of a refusal, whichever it is.
    fn misshapen(&self, code: u32) -> Option<&'static str> {
        let body = self.json();
        let member = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let description = self.description();
        let times = member("timestamp");
        let known = [
            "error",
            "error_description",
            "error_codes",
            "timestamp",
            "trace_id",
            "correlation_id",
            "error_uri",
            "suberror",
            "claims",
        ];
        let rest = format!(
            "Trace ID: {}{{}}Correlation ID: {}{{}}Timestamp: {times}",
            member("trace_id"),
            member("correlation_id")
        );
        let ends = ["\r\n", " "].map(|between| format!("{between}{}", rest.replace("{}", between)));
        let uri = member("error_uri");
        let checks = [
            (self.header("content-type") == "application/json; charset=utf-8", "the content type"),
            (self.header("cache-control") == "no-store, no-cache", "the cache control"),
            (body["error_codes"].as_array().is_some_and(|codes| codes.len() == 1), "the codes"),
            (description.starts_with(&format!("AADSTS{code}: ")), "the description's start"),
            (ends.iter().any(|end| description.ends_with(end)), "the description's end"),
            (is_guid(&member("trace_id")), "the trace id"),
            (is_guid(&member("correlation_id")), "the correlation id"),
            (self.header("x-ms-request-id") == member("trace_id"), "the header x-ms-request-id"),
            (is_timestamp(&times), "the timestamp"),
            (uri.is_empty() || uri.ends_with(&format!("/error?code={code}")), "the error's URI"),
            (
                body.get("claims").is_none_or(|claims| {
                    // A string that holds JSON: to be decoded twice.
                    let text = claims.as_str().unwrap_or_default();
                    serde_json::from_str::<Value>(text).is_ok_and(|claims| claims.is_object())
                }),
                "the claims",
            ),
            (
                body.as_object().is_some_and(|body| body.keys().all(|k| known.contains(&&**k))),
                "the members",
            ),
        ];
        checks.iter().find(|(held, _)| !held).map(|(_, what)| *what)
    }
}

/// The claims of a token, unverified.
#[track_caller]
pub(crate) fn claims_of(token: impl AsRef<str>) -> Value {
    part(token.as_ref(), 1)
}

/// The header of a token, unverified.
#[track_caller]
pub(crate) fn header_of(token: impl AsRef<str>) -> Value {
    part(token.as_ref(), 0)
}

#[track_caller]
fn part(token: &str, place: usize) -> Value {
    let part = token.split('.').nth(place).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// `8-4-4-4-12` lower-case hexadecimal digits.
pub(crate) fn is_guid(text: &str) -> bool {
    let lengths: Vec<_> = text.split('-').map(str::len).collect();
    let digits = |c: char| matches!(c, '0'..='9' | 'a'..='f' | '-');
    lengths == [8, 4, 4, 4, 12] && text.chars().all(digits)
}

/// `2026-11-21 02:51:03Z`.
fn is_timestamp(text: &str) -> bool {
    let pattern: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    pattern == "0000-00-00 00:00:00Z"
}
