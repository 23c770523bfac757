//! What is measured: each row a listener, a request, and the answer that it must get.

use anyhow::Result;

use super::listeners::Filters;
use super::requests::{Request, tool_call, tools_list};
use super::tokens::Mint;

/// Rows by name.
pub(crate) const PLAIN: &str = "plain";
pub(crate) const OURS: &str = "ours";
pub(crate) const OURS_UNWRITTEN: &str = "ours, records not written";
pub(crate) const POLICIES: &str = "ours, policies";
pub(crate) const LIST: &str = "ours, tools/list";
pub(crate) const LIST_POLICIES: &str = "ours, tools/list, policies";
pub(crate) const OTHER: &str = "ours, the other module";
pub(crate) const NATIVE: &str = "native";
pub(crate) const ELSEWHERE: &str = "ours, another application";
pub(crate) const PERMIT: &str = "permit by Envoy";
pub(crate) const GUARDED: &str = "permit by Envoy, guards";
pub(crate) const NO_TOKEN_YET: &str = "refused: origin";
pub(crate) const VERIFIED: &str = "refused: method";
pub(crate) const BODY_THERE: &str = "refused: not JSON";
pub(crate) const PARSED: &str = "refused: header mismatch";
pub(crate) const NOT_PERMITTED: &str = "refused: scope";
pub(crate) const OURS_MANY: &str = "ours, many tokens";
pub(crate) const NATIVE_MANY: &str = "native, many tokens";
pub(crate) const OURS_NEW: &str = "refused: method, new tokens";
pub(crate) const NATIVE_NEW: &str = "native, new tokens";

/// What the upstream must have seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrives {
    /// Every request, with the client's token.
    ClientsToken,
    /// Every request, with a token for the API server.
    ExchangedToken,
    /// None.
    Nothing,
}

/// Which requests are sent in a window.
pub(crate) enum Requests {
    /// One, again and again.
    One(Vec<u8>),
    /// Many, in turn; all have been sent before anything is measured.
    Many(Vec<Vec<u8>>),
    /// Each once, an equal part of them in each window; the first of all is for the warm-up.
    New(Vec<u8>, Vec<Vec<u8>>),
}

/// A row.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) filters: Filters,
    pub(crate) requests: Requests,
    pub(crate) status: u16,
    pub(crate) arrives: Arrives,
}

/// A request that must be refused, to show that a row does what it says.
pub(crate) struct Control {
    pub(crate) who: &'static str,
    pub(crate) what: &'static str,
    pub(crate) filters: Filters,
    pub(crate) request: Vec<u8>,
    pub(crate) status: u16,
}

/// The tokens of a run. Signing takes a while.
pub(crate) struct Tokens {
    warm: String,
    without_scope: String,
    forged: String,
    many: Vec<String>,
    new: Vec<String>,
}

impl Tokens {
    pub(crate) fn mint(mint: &Mint, many: usize, new: usize) -> Result<Self> {
        let series = |name: &str, count: usize| {
            (0..count).map(|at| mint.token(&format!("{name}{at}"))).collect::<Result<Vec<_>>>()
        };
        let warm = mint.token("warm")?;
        let other = mint.token("other")?;
        let (content, _) = warm.rsplit_once('.').unwrap_or_default();
        let (_, signature) = other.rsplit_once('.').unwrap_or_default();
        Ok(Self {
            forged: format!("{content}.{signature}"),
            without_scope: mint.without_scope()?,
            many: series("many", many)?,
            new: series("new", new)?,
            warm,
        })
    }

    pub(crate) fn bytes(&self) -> usize {
        self.warm.len()
    }
}

/// Requests for one resource.
pub(crate) struct Workload<'a> {
    pub(crate) tokens: &'a Tokens,
    /// `host:port` of the resource's URL.
    pub(crate) host: &'a str,
    /// Whether another module is measured beside ours.
    pub(crate) compare: bool,
}

impl Workload<'_> {
    fn call(&self, token: &str, header: &str) -> Vec<u8> {
        self.post(token, header, &tool_call())
    }

    fn post(&self, token: &str, header: &str, body: &str) -> Vec<u8> {
        Request { method: "POST", host: self.host, token, header, body }.bytes()
    }

    /// Envoy closes a connection on which it has answered before the body was there: what is refused on its
    /// headers has none.
    fn put(&self, token: &str, header: &str) -> Vec<u8> {
        Request { method: "PUT", host: self.host, token, header, body: "" }.bytes()
    }

    pub(crate) fn scenarios(&self) -> Vec<Scenario> {
        use Arrives::{ClientsToken, ExchangedToken, Nothing};
        use Filters::{
            Native, Ours, OursElsewhere, OursUnwritten, OursWithPolicies, Permit, PermitAndGuard,
            Plain,
        };
        let token = self.tokens.warm.as_str();
        let all = |tokens: &[String]| tokens.iter().map(|token| self.call(token, "")).collect();
        let call = || Requests::One(self.call(token, ""));
        let list = || Requests::One(self.post(token, "", &tools_list()));
        let row = |name, filters, requests, status, arrives| Scenario {
            name,
            filters,
            requests,
            status,
            arrives,
        };
        let refused =
            |name, status, request| row(name, Ours, Requests::One(request), status, Nothing);
        let new_to_ours = self.tokens.new.iter().map(|token| self.put(token, "")).collect();
        let mut rows = vec![
            row(PLAIN, Plain, call(), 200, ClientsToken),
            row(OURS, Ours, call(), 200, ExchangedToken),
            row(OURS_UNWRITTEN, OursUnwritten, call(), 200, ExchangedToken),
            row(POLICIES, OursWithPolicies, call(), 200, ExchangedToken),
            row(LIST, Ours, list(), 200, ExchangedToken),
            row(LIST_POLICIES, OursWithPolicies, list(), 200, ExchangedToken),
            row(NATIVE, Native, call(), 200, ClientsToken),
            row(ELSEWHERE, OursElsewhere, call(), 200, ClientsToken),
            row(PERMIT, Permit, call(), 200, ClientsToken),
            row(GUARDED, PermitAndGuard, call(), 200, ClientsToken),
            refused(NO_TOKEN_YET, 403, self.put(token, "origin: https://elsewhere.example\r\n")),
            refused(VERIFIED, 405, self.put(token, "")),
            refused(BODY_THERE, 400, self.post(token, "", &tool_call().replacen('{', "x", 1))),
            refused(PARSED, 400, self.call(token, "mcp-method: tools/list\r\n")),
            refused(NOT_PERMITTED, 403, self.call(&self.tokens.without_scope, "")),
            row(OURS_MANY, Ours, Requests::Many(all(&self.tokens.many)), 200, ExchangedToken),
            row(NATIVE_MANY, Native, Requests::Many(all(&self.tokens.many)), 200, ClientsToken),
            row(OURS_NEW, Ours, Requests::New(self.put(token, ""), new_to_ours), 405, Nothing),
            row(
                NATIVE_NEW,
                Native,
                Requests::New(self.call(token, ""), all(&self.tokens.new)),
                200,
                ClientsToken,
            ),
        ];
        if self.compare {
            rows.push(row(OTHER, Filters::OtherModule, call(), 200, ExchangedToken));
        }
        rows
    }

    pub(crate) fn controls(&self) -> Vec<Control> {
        let Tokens { warm, without_scope, forged, .. } = self.tokens;
        let not_json = "{\"jsonrpc\":\"2.0\",,}";
        let mut controls = Vec::new();
        for (who, filters) in [("our filter", Filters::Ours), ("Envoy", Filters::Native)] {
            let control = |what, request, status| Control { who, what, filters, request, status };
            controls.push(control("a forged token", self.call(forged, ""), 401));
            controls.push(control("a token without scope", self.call(without_scope, ""), 403));
            controls.push(control("a broken body", self.post(warm, "", not_json), 400));
        }
        let secrets = tool_call().replacen("Deployment", "Secret", 1);
        controls.push(Control {
            who: "policies",
            what: "what one of them forbids",
            filters: Filters::OursWithPolicies,
            request: self.post(warm, "", &secrets),
            status: 403,
        });
        controls.push(Control {
            who: "the guard",
            what: "a request without permit",
            filters: Filters::GuardAlone,
            request: self.call(warm, ""),
            status: 403,
        });
        controls
    }
}
