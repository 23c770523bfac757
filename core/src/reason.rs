//! Every way in which Obolus says no, in one closed set.
//!
//! Status, OAuth error, JSON-RPC code, metric label and audit field of a denial all come from here, so that
//! they cannot disagree.

pub mod guide;

/// A denial. [`Reason::as_str`] is stable: dashboards, alerts and clients may depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    // The bearer token: always 401 (RFC 6750 §3.1).
    /// No `Authorization` header came.
    TokenMissing,
    /// A token stood in the query string (RFC 6750 §2.3, forbidden by MCP).
    TokenInQuery,
    /// More than one `Authorization` header, or one that holds several credentials.
    AuthorizationDuplicated,
    /// `Authorization` is not `Bearer` followed by one token.
    AuthorizationMalformed,
    /// The token is not a compact JWS with a JSON header and claims.
    TokenMalformed,
    /// The token is longer than we look at.
    TokenTooLarge,
    /// `alg` is not one that this issuer may use; `none` and HMAC never are.
    AlgorithmNotAllowed,
    /// The header names a critical extension (RFC 7515 §4.1.11); we know none.
    CriticalHeader,
    /// An ID token, a refresh token, or something else that is no access token.
    TokenTypeRefused,
    /// An ID token of Entra ID: it tells a client who signed in, and opens nothing.
    IdToken,
    /// A token for Microsoft Graph, which Entra ID issues when no API's own scope is asked for.
    GraphToken,
    /// A token of Azure AD B2C, which is another product.
    B2cToken,
    /// A token of a tenant of Entra ID that is not listed here, personal accounts included.
    TenantRefused,
    /// The token is bound to a key of its sender (`cnf`), and nobody here proved possession.
    SenderConstrained,
    /// `iss` is not an issuer of this resource.
    IssuerUnknown,
    /// `aud` does not name this resource.
    AudienceMismatch,
    /// `exp` has passed.
    TokenExpired,
    /// `nbf` or `iat` lies in the future.
    TokenNotYetValid,
    /// A claim that identifies the person (`sub`) is missing.
    SubjectMissing,
    /// No key of the issuer has the token's `kid`.
    KeyUnknown,
    /// The signature does not verify.
    SignatureInvalid,
    /// The identity provider no longer accepts the token: revoked, logged out, disabled.
    SubjectTokenRefused,
    /// The identity provider wants to see the person again: a second factor, a policy (RFC 9470 §3).
    InteractionRequired,
    /// The identity provider wants to see the person again, and says by which claims the new token must be asked for.
    ClaimsRequired,

    // What this person, or this page, may do: 403.
    /// The token lacks a scope that the operation needs (RFC 6750 §3.1).
    InsufficientScope,
    /// A policy denies this, and would permit the same person something of the kind.
    PolicyDenied,
    /// The person may not use this tool at all, and is told what the server tells of a tool that it does not have.
    ToolHidden,
    /// `Origin` is not one that may call this resource.
    OriginRefused,
    /// The identity provider refuses this exchange for this person or client.
    ExchangeDenied,
    /// The token is an application's own: there is no person to exchange it for.
    AppOnly,
    /// Nobody has consented to the gateway's application acting for people at the target.
    ConsentRequired,
    /// A policy of the identity provider (Conditional Access) refuses this person, and signing in again does not help.
    BlockedByPolicy,
    /// The caller of the STS may not have this target for such a token.
    TargetNotGranted,

    // The request's form.
    /// The method is none of those that the endpoint has.
    MethodNotAllowed,
    /// CONNECT or a protocol upgrade.
    UpgradeRefused,
    /// `Content-Type` is not `application/json`.
    ContentTypeRefused,
    /// The body is compressed: we would authorize bytes that we cannot read.
    ContentEncodingRefused,
    /// The body is larger than the resource's limit.
    BodyTooLarge,
    /// The body is not UTF-8.
    BodyNotUtf8,
    /// The body starts with a byte order mark.
    BodyByteOrderMark,
    /// The body is not one JSON value, or has what readers of JSON read differently.
    JsonMalformed,
    /// An object has the same key twice: parsers disagree on which one counts.
    JsonDuplicateKey,
    /// A JSON-RPC batch (removed from MCP in 2025-06-18).
    BatchRefused,
    /// JSON, but not one JSON-RPC 2.0 message that a client may send.
    NotARequest,
    /// `params` do not fit the method, so that we cannot tell what is asked.
    ParamsMalformed,
    /// The argument that chooses the exchange's target chooses none of the resource's.
    TargetNotServed,
    /// A mirrored header (`Mcp-Method`, `Mcp-Name`, `Mcp-Param-…`, `MCP-Protocol-Version`) contradicts the body.
    HeaderMismatch,
    /// The message is written in a revision of MCP that is not served.
    VersionUnsupported,
    /// A request of MCP 2026-07-28 has a method that this revision does not have.
    MethodUnknown,
    /// The same in an older revision, where 404 means that a session has ended: 200 with a JSON-RPC error.
    MethodUnknownLegacy,
    /// A notification that a client does not send in this revision.
    NotificationUnknown,
    /// A header of allowed meaning came more than once.
    HeaderDuplicated,
    /// `Mcp-Session-Id` is no session that this person was given at this resource.
    SessionUnknown,
    /// The URL leads to a façade's cluster, and is none of the façade's.
    FacadePathUnknown,
    /// The STS was asked for something that is no token exchange.
    ExchangeRequestMalformed,
    /// The STS was asked for another grant than the exchange of a token.
    GrantTypeUnknown,
    /// The STS was asked for a scope that is none of the target's.
    ScopeUnknown,
    /// The STS does not know the target.
    TargetUnknown,
    /// The STS does not know the caller, or the caller's credential is wrong.
    CallerUnauthenticated,

    // Somebody behind us.
    /// The issuer's keys have never been seen.
    KeysUnavailable,
    /// The STS does not answer.
    StsUnavailable,
    /// The identity provider does not answer the STS.
    IdpUnavailable,
    /// Too many requests wait for the same thing.
    Overloaded,
    /// The STS's own registration at the identity provider is wrong.
    ExchangeMisconfigured,
    /// The exchanged token is not a token that we can read.
    ExchangedMalformed,
    /// The exchanged token speaks of somebody else.
    ExchangedIdentityMismatch,
    /// The exchanged token is for another audience.
    ExchangedAudienceMismatch,
    /// The exchanged token is no access token that whoever holds it may use.
    ExchangedTypeRefused,
    /// The exchanged token was issued to another client than the one that asked for it.
    ExchangedClientMismatch,
    /// The exchanged token is not valid yet.
    ExchangedNotYetValid,
    /// The exchanged token has no life left.
    ExchangedExpired,
    /// The server's answer to a list request is compressed: we would pass on names that we cannot read.
    AnswerEncoded,
    /// The server's answer to a list request is neither JSON nor an event stream, or its status comes with neither.
    AnswerUnreadable,
    /// The server's answer to a list request is larger than we look at.
    AnswerTooLarge,
    /// The server's answer to a list request is no JSON, or JSON with room for two readings.
    AnswerMalformed,
    /// The server answered something that is not the one response to this request.
    AnswerMismatch,
    /// The server's answer to a list request has no list that could be cut.
    AnswerNotAList,
    /// The server's stream ended before the answer came.
    AnswerMissing,
    /// The server's answer names a session in a form that MCP does not have, so that it cannot be wrapped.
    AnswerSessionMalformed,
    /// A façade's URL leads to another cluster than the façade's, or to none.
    FacadeMisrouted,
    /// A permit did not fit the request it was about to release.
    PermitMismatch,
    /// Envoy hands over no body while the request's headers are held.
    BodyNotHeld,
    /// Something that cannot happen did; fail closed.
    Internal,
}

/// Who has to act on a denial; an axis for dashboards and for tests that forbid a 5xx to bad input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The client sent something that must change.
    Client,
    /// We, or somebody behind us.
    Server,
}

macro_rules! reasons {
    ($($variant:ident => $label:literal, $status:literal, $oauth:expr, $text:literal;)*) => {
        impl Reason {
            /// Every reason, in the order of declaration.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant),*];

            /// The stable label: metric label, audit field, `reason` member of error bodies.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Reason::$variant => $label,)* }
            }

            /// The HTTP status that a client sees.
            #[must_use]
            pub fn status(self) -> u16 {
                match self { $(Reason::$variant => $status,)* }
            }

            /// The OAuth 2.0 `error` (RFC 6750 §3.1, RFC 6749 §5.2, RFC 8693 §2.2.2, RFC 9470 §3), where one applies.
            #[must_use]
            pub fn oauth_error(self) -> Option<&'static str> {
                match self { $(Reason::$variant => $oauth,)* }
            }

            /// A sentence for the person who reads the answer. Holds nothing of the request.
            #[must_use]
            pub fn description(self) -> &'static str {
                match self { $(Reason::$variant => $text,)* }
            }
        }
    };
}

const INVALID_TOKEN: Option<&str> = Some("invalid_token");
const INVALID_REQUEST: Option<&str> = Some("invalid_request");

reasons! {
    TokenMissing => "token_missing", 401, None, "a bearer token is needed";
    TokenInQuery => "token_in_query", 401, INVALID_TOKEN, "a token in the query string is refused: send it in the Authorization header";
    AuthorizationDuplicated => "authorization_duplicated", 401, INVALID_TOKEN, "exactly one Authorization header is allowed";
    AuthorizationMalformed => "authorization_malformed", 401, INVALID_TOKEN, "the Authorization header is not `Bearer <token>`";
    TokenMalformed => "token_malformed", 401, INVALID_TOKEN, "the token is not a signed JWT";
    TokenTooLarge => "token_too_large", 401, INVALID_TOKEN, "the token is too large";
    AlgorithmNotAllowed => "algorithm_not_allowed", 401, INVALID_TOKEN, "the token's algorithm is not allowed";
    CriticalHeader => "critical_header", 401, INVALID_TOKEN, "the token has a critical header that is not understood";
    TokenTypeRefused => "token_type_refused", 401, INVALID_TOKEN, "this is no access token";
    IdToken => "id_token", 401, INVALID_TOKEN, "this is an ID token: the client must send the access token";
    GraphToken => "graph_token", 401, INVALID_TOKEN, "this is a token for Microsoft Graph: the client must ask for the scopes of this resource, fully qualified";
    B2cToken => "b2c_token", 401, INVALID_TOKEN, "this is a token of Azure AD B2C: sign in at the authorization server of this resource";
    TenantRefused => "tenant_refused", 401, INVALID_TOKEN, "the token is of a tenant that is not accepted here: sign in to this resource's tenant with a work or school account";
    SenderConstrained => "sender_constrained", 401, INVALID_TOKEN, "sender-constrained tokens are not accepted here";
    IssuerUnknown => "issuer_unknown", 401, INVALID_TOKEN, "the token's issuer is not accepted here: sign in at an authorization server that this resource's metadata names";
    AudienceMismatch => "audience_mismatch", 401, INVALID_TOKEN, "the token is not for this resource: ask for one with this resource's scopes";
    TokenExpired => "token_expired", 401, INVALID_TOKEN, "the token has expired: get a new one";
    TokenNotYetValid => "token_not_yet_valid", 401, INVALID_TOKEN, "the token is not valid yet";
    SubjectMissing => "subject_missing", 401, INVALID_TOKEN, "the token names no subject";
    KeyUnknown => "key_unknown", 401, INVALID_TOKEN, "the token is signed with a key that the issuer does not publish";
    SignatureInvalid => "signature_invalid", 401, INVALID_TOKEN, "the token's signature is not valid";
    SubjectTokenRefused => "subject_token_refused", 401, INVALID_TOKEN, "the identity provider no longer accepts the token: sign in again";
    InteractionRequired => "interaction_required", 401, Some("insufficient_user_authentication"), "the identity provider asks for more: sign in again, and do what it asks for";
    ClaimsRequired => "claims_required", 401, Some("insufficient_claims"), "the identity provider asks for more: sign in again with the claims of this answer";
    InsufficientScope => "insufficient_scope", 403, Some("insufficient_scope"), "the token lacks a scope that this operation needs";
    PolicyDenied => "policy_denied", 403, Some("access_denied"), "a policy of this resource denies this";
    ToolHidden => "tool_hidden", 200, INVALID_REQUEST, "unknown tool";
    OriginRefused => "origin_refused", 403, Some("access_denied"), "this Origin may not call this resource";
    ExchangeDenied => "exchange_denied", 403, Some("access_denied"), "the identity provider gives this person no token for the target: ask an administrator for access";
    AppOnly => "app_only", 403, Some("access_denied"), "the token is an application's own and speaks for no person: a person must sign in";
    ConsentRequired => "consent_required", 403, Some("access_denied"), "an administrator must consent to the gateway's application acting for people at the target";
    BlockedByPolicy => "blocked_by_policy", 403, Some("access_denied"), "a policy of the identity provider blocks this: ask one of its administrators";
    TargetNotGranted => "target_not_granted", 403, Some("unauthorized_client"), "tokens of this client and kind may not be exchanged for this target: ask the operator which client to use";
    MethodNotAllowed => "method_not_allowed", 405, INVALID_REQUEST, "the endpoint takes POST only";
    UpgradeRefused => "upgrade_refused", 400, INVALID_REQUEST, "protocol upgrades are refused";
    ContentTypeRefused => "content_type_refused", 415, INVALID_REQUEST, "the body must be application/json";
    ContentEncodingRefused => "content_encoding_refused", 415, INVALID_REQUEST, "a compressed body is refused";
    BodyTooLarge => "body_too_large", 413, INVALID_REQUEST, "the body is over the limit";
    BodyNotUtf8 => "body_not_utf8", 400, INVALID_REQUEST, "the body is not UTF-8";
    BodyByteOrderMark => "body_byte_order_mark", 400, INVALID_REQUEST, "the body starts with a byte order mark";
    JsonMalformed => "json_malformed", 400, INVALID_REQUEST, "the body is not one JSON value";
    JsonDuplicateKey => "json_duplicate_key", 400, INVALID_REQUEST, "an object of the body has a key twice";
    BatchRefused => "batch_refused", 400, INVALID_REQUEST, "JSON-RPC batches are refused: send one message";
    NotARequest => "not_a_request", 400, INVALID_REQUEST, "the body is not one JSON-RPC 2.0 message that a client may send";
    ParamsMalformed => "params_malformed", 400, INVALID_REQUEST, "the params do not fit the method";
    TargetNotServed => "target_not_served", 400, INVALID_REQUEST, "the argument or the URI that names the cluster is missing, or names none that is served here";
    HeaderMismatch => "header_mismatch", 400, INVALID_REQUEST, "a mirrored header is missing or contradicts the body";
    VersionUnsupported => "version_unsupported", 400, INVALID_REQUEST, "this version of MCP is not served";
    MethodUnknown => "method_unknown", 404, INVALID_REQUEST, "this version of MCP has no such method";
    MethodUnknownLegacy => "method_unknown_legacy", 200, INVALID_REQUEST, "this version of MCP has no such method";
    NotificationUnknown => "notification_unknown", 400, INVALID_REQUEST, "a client of this version of MCP sends no such notification";
    HeaderDuplicated => "header_duplicated", 400, INVALID_REQUEST, "a header that may stand once came twice";
    SessionUnknown => "session_unknown", 404, INVALID_REQUEST, "there is no such session: begin a new one";
    FacadePathUnknown => "facade_path_unknown", 404, INVALID_REQUEST, "there is nothing at this URL";
    ExchangeRequestMalformed => "exchange_request_malformed", 400, INVALID_REQUEST, "this is no RFC 8693 token exchange that is served here";
    GrantTypeUnknown => "grant_type_unknown", 400, Some("unsupported_grant_type"), "no other grant is served here than RFC 8693's token exchange";
    ScopeUnknown => "scope_unknown", 400, Some("invalid_scope"), "a scope was asked for that is none of the target's";
    TargetUnknown => "target_unknown", 400, Some("invalid_target"), "the target is not configured";
    CallerUnauthenticated => "caller_unauthenticated", 401, Some("invalid_client"), "the caller is not authenticated";
    KeysUnavailable => "keys_unavailable", 503, Some("temporarily_unavailable"), "the issuer's keys are not available: try again later";
    StsUnavailable => "sts_unavailable", 503, Some("temporarily_unavailable"), "the token exchange service does not answer: try again later";
    IdpUnavailable => "idp_unavailable", 503, Some("temporarily_unavailable"), "the identity provider does not answer: try again later";
    Overloaded => "overloaded", 503, Some("temporarily_unavailable"), "too many requests are waiting";
    ExchangeMisconfigured => "exchange_misconfigured", 500, Some("server_error"), "the token exchange is not set up correctly: ask the operator";
    ExchangedMalformed => "exchanged_malformed", 502, Some("server_error"), "the exchanged token cannot be read";
    ExchangedIdentityMismatch => "exchanged_identity_mismatch", 502, Some("server_error"), "the exchanged token is for somebody else";
    ExchangedAudienceMismatch => "exchanged_audience_mismatch", 502, Some("server_error"), "the exchanged token is for another audience";
    ExchangedTypeRefused => "exchanged_type_refused", 502, Some("server_error"), "the exchanged token is no bearer access token";
    ExchangedClientMismatch => "exchanged_client_mismatch", 502, Some("server_error"), "the exchanged token was issued to another client";
    ExchangedNotYetValid => "exchanged_not_yet_valid", 502, Some("server_error"), "the exchanged token is not valid yet";
    ExchangedExpired => "exchanged_expired", 502, Some("server_error"), "the exchanged token has no life left";
    AnswerEncoded => "answer_encoded", 502, Some("server_error"), "the server's answer is compressed and cannot be looked at";
    AnswerUnreadable => "answer_unreadable", 502, Some("server_error"), "the server's answer is neither JSON nor an event stream";
    AnswerTooLarge => "answer_too_large", 502, Some("server_error"), "the server's answer is over the limit";
    AnswerMalformed => "answer_malformed", 502, Some("server_error"), "the server's answer is not one well-formed JSON value";
    AnswerMismatch => "answer_mismatch", 502, Some("server_error"), "the server's answer is not the one response to this request";
    AnswerNotAList => "answer_not_a_list", 502, Some("server_error"), "the server's answer has no list, or an entry without a name";
    AnswerMissing => "answer_missing", 502, Some("server_error"), "the server's stream ended without an answer";
    AnswerSessionMalformed => "answer_session_malformed", 502, Some("server_error"), "the server's answer names a session that cannot be passed on";
    FacadeMisrouted => "facade_misrouted", 500, Some("server_error"), "the gateway's sign-in is not set up correctly: ask the operator";
    PermitMismatch => "permit_mismatch", 500, Some("server_error"), "the request changed after it was permitted";
    BodyNotHeld => "body_not_held", 500, Some("server_error"), "the gateway is not set up to have bodies judged: ask the operator";
    Internal => "internal", 500, Some("server_error"), "the request could not be judged";
}

impl Reason {
    /// The reason with this label; `None` for a label that is not ours.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == label)
    }

    /// Seconds after which trying again makes sense (`Retry-After`), for what passes by itself.
    #[must_use]
    pub fn retry_after_seconds(self) -> Option<u32> {
        match self {
            Self::Overloaded => Some(1),
            _ if self.status() == 503 => Some(2),
            _ => None,
        }
    }

    /// Whether the answer carries a `WWW-Authenticate: Bearer` challenge.
    #[must_use]
    pub fn is_challenge(self) -> bool {
        self == Self::InsufficientScope
            || (self.status() == 401 && self != Self::CallerUnauthenticated)
    }

    /// The JSON-RPC error code of a refused body, the client's or the server's, or `None` where the answer is an
    /// OAuth error as long as nobody knows the request's id.
    ///
    /// Codes: JSON-RPC 2.0 §5.1; HeaderMismatch and UnsupportedProtocolVersion from MCP 2026-07-28.
    #[must_use]
    pub fn json_rpc_code(self) -> Option<i32> {
        match self {
            Self::BodyNotUtf8
            | Self::BodyByteOrderMark
            | Self::JsonMalformed
            | Self::JsonDuplicateKey => Some(-32700),
            Self::HeaderMismatch => Some(-32020),
            Self::VersionUnsupported => Some(-32022),
            Self::MethodUnknown | Self::MethodUnknownLegacy | Self::NotificationUnknown => {
                Some(-32601)
            }
            Self::ParamsMalformed | Self::TargetNotServed | Self::ToolHidden => Some(-32602),
            _ if self.is_of_the_answer() => Some(-32603),
            _ if matches!(self.status(), 400 | 404 | 413 | 415) => Some(-32600),
            _ => None,
        }
    }

    /// The JSON-RPC error code of an answer to a request whose id is known, so that the client can tell which one it was.
    ///
    /// Where the specifications have none, it is the HTTP status: -32000 to -32019 are of older revisions, -32020 to
    /// -32099 are MCP's own (2026-07-28), and the rest of the range below -32000 is JSON-RPC's.
    #[must_use]
    pub fn error_code(self) -> i32 {
        match (self.json_rpc_code(), self.status()) {
            (Some(code), _) => code,
            (None, 500..) => -32603,
            (None, status) => i32::from(status),
        }
    }

    /// Whether the server's answer was refused, when the request had been permitted.
    #[must_use]
    pub fn is_of_the_answer(self) -> bool {
        matches!(
            self,
            Self::AnswerEncoded
                | Self::AnswerUnreadable
                | Self::AnswerTooLarge
                | Self::AnswerMalformed
                | Self::AnswerMismatch
                | Self::AnswerNotAList
                | Self::AnswerMissing
                | Self::AnswerSessionMalformed
        )
    }

    /// Who has to act.
    #[must_use]
    pub fn fault(self) -> Fault {
        if self.status() >= 500 { Fault::Server } else { Fault::Client }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn labels_are_unique_and_read_back() {
        let labels: HashSet<_> = Reason::ALL.iter().map(|r| r.as_str()).collect();
        assert_eq!(labels.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            assert_eq!(Reason::from_label(reason.as_str()), Some(*reason));
        }
        assert_eq!(Reason::from_label("no_such_reason"), None);
    }

    #[test]
    fn every_503_says_when_to_come_back_and_nothing_else_does() {
        for reason in Reason::ALL {
            assert_eq!(reason.retry_after_seconds().is_some(), reason.status() == 503, "{reason}");
        }
    }

    #[test]
    fn only_an_absent_token_is_challenged_without_an_error() {
        for reason in Reason::ALL.iter().filter(|r| r.is_challenge()) {
            assert_eq!(
                reason.oauth_error().is_none(),
                *reason == Reason::TokenMissing,
                "{reason}: error must name what is wrong with a token that came (RFC 6750 §3.1)"
            );
        }
    }

    #[test]
    fn a_code_is_of_a_specification_or_outside_the_ranges_that_are_theirs() {
        for reason in Reason::ALL {
            let code = reason.error_code();
            let specified = [-32700, -32600, -32601, -32602, -32603, -32020, -32022];
            assert!(specified.contains(&code) || (400..500).contains(&code), "{reason}: {code}");
        }
    }

    #[test]
    fn a_refused_body_has_a_json_rpc_code_and_a_refused_token_has_none() {
        for reason in Reason::ALL {
            let form = matches!(reason.status(), 200 | 400 | 404 | 413 | 415);
            let body = form || reason.as_str().starts_with("answer_");
            assert_eq!(reason.json_rpc_code().is_some(), body, "{reason}");
        }
    }
}
