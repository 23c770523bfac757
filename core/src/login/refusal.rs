//! Every way in which the façade says no, in one closed set: label, status, OAuth error and sentence come from here.

/// A refusal. [`Refusal::label`] is stable: logs and metrics have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    // The request as such.
    /// Nothing is at that path.
    NotFound,
    /// The endpoint takes another method.
    MethodNotAllowed,
    /// `Origin` is not one of those that are let in.
    OriginRefused,
    /// Query or form is longer than any that is meant.
    TooLong,
    /// The body breaks off, or does not come.
    Incomplete,
    /// A form that is none, or says that it is something else.
    ContentType,
    /// Percent-encoding that is none, bytes that are no UTF-8, or control characters.
    Malformed,
    /// A parameter stands there twice (RFC 6749 §3.1).
    Repeated,

    // Authorization.
    /// `client_id` is missing or another client's.
    ClientUnknown,
    /// No `redirect_uri`.
    RedirectUriMissing,
    /// A redirect URI that nobody vouches for.
    RedirectUriRefused,
    /// `state` is too long, or not printable ASCII (RFC 6749 A.5).
    StateRefused,
    /// `response_type` is missing.
    ResponseTypeMissing,
    /// Another `response_type` than `code`.
    ResponseTypeRefused,
    /// Another `response_mode` than `query`.
    ResponseModeRefused,
    /// Parameters in a JWT (RFC 9101).
    RequestObject,
    /// Parameters at a URL (RFC 9101).
    RequestUri,
    /// No `code_challenge`.
    PkceMissing,
    /// Another `code_challenge_method` than `S256`.
    PkceMethodRefused,
    /// A `code_challenge` that is no SHA-256 digest in base64url.
    PkceChallengeMalformed,
    /// `prompt` is not a list of words.
    PromptMalformed,
    /// `prompt=none` with a redirect URI that is not on the person's machine.
    PromptNone,
    /// No `resource`, and there are several.
    ResourceMissing,
    /// `resource` is none of ours.
    ResourceUnknown,
    /// More than one `resource` (RFC 8707 §2): a token is for one.
    ResourceRepeated,
    /// `scope` is not a list of scopes (RFC 6749 §3.3).
    ScopeMalformed,
    /// A scope of another API than the resource's.
    ScopeForeign,

    // Tokens.
    /// A secret, an assertion or an `Authorization` header: the client is public and has none.
    CredentialRefused,
    /// No `grant_type`.
    GrantMissing,
    /// Another grant than an authorization code or a refresh token.
    GrantRefused,
    /// No `code`.
    CodeMissing,
    /// No `refresh_token`.
    RefreshTokenMissing,
    /// No `code_verifier`.
    VerifierMissing,
    /// A `code_verifier` that is none (RFC 7636 §4.1).
    VerifierMalformed,

    // Registration.
    /// Nobody registers here.
    RegistrationOff,
    /// Too many registrations.
    RegistrationLimited,
    /// The metadata are too long.
    RegistrationTooLong,
    /// Metadata that cannot be read, or that ask for what there is not.
    RegistrationRefused,
    /// A redirect URI among them that nobody vouches for.
    RegistrationRedirectUri,

    // The identity provider.
    /// It has not been reached yet, or says nothing that is believed.
    UpstreamUnknown,
    /// It does not answer, or with what is no answer.
    UpstreamUnavailable,
    /// It refuses, in its own words.
    UpstreamRefused,
}

/// Status, OAuth error and sentence of one.
struct Told {
    label: &'static str,
    status: u16,
    error: &'static str,
    description: &'static str,
}

const fn told(
    label: &'static str,
    status: u16,
    error: &'static str,
    description: &'static str,
) -> Told {
    Told { label, status, error, description }
}

impl Refusal {
    /// All of them.
    #[rustfmt::skip]
    pub const ALL: &[Self] = &[
        Self::NotFound, Self::MethodNotAllowed, Self::OriginRefused, Self::TooLong, Self::Incomplete, Self::ContentType, Self::Malformed,
        Self::Repeated, Self::ClientUnknown, Self::RedirectUriMissing, Self::RedirectUriRefused, Self::StateRefused,
        Self::ResponseTypeMissing, Self::ResponseTypeRefused, Self::ResponseModeRefused, Self::RequestObject,
        Self::RequestUri, Self::PkceMissing, Self::PkceMethodRefused, Self::PkceChallengeMalformed,
        Self::PromptMalformed, Self::PromptNone, Self::ResourceMissing, Self::ResourceUnknown, Self::ResourceRepeated,
        Self::ScopeMalformed, Self::ScopeForeign, Self::CredentialRefused, Self::GrantMissing, Self::GrantRefused,
        Self::CodeMissing, Self::RefreshTokenMissing, Self::VerifierMissing, Self::VerifierMalformed,
        Self::RegistrationOff, Self::RegistrationLimited, Self::RegistrationTooLong, Self::RegistrationRefused,
        Self::RegistrationRedirectUri, Self::UpstreamUnknown, Self::UpstreamUnavailable, Self::UpstreamRefused,
    ];

    #[rustfmt::skip]
    const fn told(self) -> Told {
        match self {
            Self::NotFound => told("not_found", 404, "invalid_request", "There is nothing here."),
            Self::MethodNotAllowed => told("method_not_allowed", 405, "invalid_request", "This address takes another method."),
            Self::OriginRefused => told("origin_refused", 403, "invalid_request", "Pages of this origin may not ask here: an administrator lists those that may in allowed_origins."),
            Self::TooLong => told("too_long", 400, "invalid_request", "The request is too long."),
            Self::Incomplete => told("incomplete", 400, "invalid_request", "The body did not come as a whole."),
            Self::ContentType => told("content_type", 400, "invalid_request", "The body must be application/x-www-form-urlencoded."),
            Self::Malformed => told("malformed", 400, "invalid_request", "The parameters are not encoded as they must be."),
            Self::Repeated => told("repeated", 400, "invalid_request", "A parameter stands there twice."),
            Self::ClientUnknown => told("client_unknown", 400, "invalid_client", "The client_id is not the one that is registered for this server."),
            Self::RedirectUriMissing => told("redirect_uri_missing", 400, "invalid_request", "The redirect_uri is missing."),
            Self::RedirectUriRefused => told("redirect_uri_refused", 400, "invalid_request", "The redirect_uri is not one that this server knows, so nobody is sent there. An administrator can add it."),
            Self::StateRefused => told("state_refused", 400, "invalid_request", "The state is too long, or not printable ASCII."),
            Self::ResponseTypeMissing => told("response_type_missing", 400, "invalid_request", "The response_type is missing: it must be code."),
            Self::ResponseTypeRefused => told("response_type_refused", 400, "unsupported_response_type", "The response_type must be code."),
            Self::ResponseModeRefused => told("response_mode_refused", 400, "invalid_request", "The response_mode must be query, or left out."),
            Self::RequestObject => told("request_object", 400, "request_not_supported", "Parameters in a JWT are not supported."),
            Self::RequestUri => told("request_uri", 400, "request_uri_not_supported", "Parameters at a URL are not supported."),
            Self::PkceMissing => told("pkce_missing", 400, "invalid_request", "The code_challenge is missing: PKCE is required."),
            Self::PkceMethodRefused => told("pkce_method_refused", 400, "invalid_request", "The code_challenge_method must be S256."),
            Self::PkceChallengeMalformed => told("pkce_challenge_malformed", 400, "invalid_request", "The code_challenge must be 43 characters of base64url."),
            Self::PromptMalformed => told("prompt_malformed", 400, "invalid_request", "The prompt is not a list of words."),
            Self::PromptNone => told("prompt_none", 400, "interaction_required", "A login that ends on another machine than the person's shows a page: leave prompt=none out."),
            Self::ResourceMissing => told("resource_missing", 400, "invalid_target", "The resource is missing, and there are several here."),
            Self::ResourceUnknown => told("resource_unknown", 400, "invalid_target", "The resource is not one that this server speaks for."),
            Self::ResourceRepeated => told("resource_repeated", 400, "invalid_target", "A token is for one resource: ask for them one by one."),
            Self::ScopeMalformed => told("scope_malformed", 400, "invalid_scope", "The scope is not a list of scopes."),
            Self::ScopeForeign => told("scope_foreign", 400, "invalid_scope", "A scope is of another API than the resource's."),
            Self::CredentialRefused => told("credential_refused", 400, "invalid_client", "The client is public and proves itself by PKCE alone: send client_id and no secret, assertion or Authorization header."),
            Self::GrantMissing => told("grant_missing", 400, "invalid_request", "The grant_type is missing."),
            Self::GrantRefused => told("grant_refused", 400, "unsupported_grant_type", "The grant_type must be authorization_code or refresh_token."),
            Self::CodeMissing => told("code_missing", 400, "invalid_request", "The code is missing."),
            Self::RefreshTokenMissing => told("refresh_token_missing", 400, "invalid_request", "The refresh_token is missing."),
            Self::VerifierMissing => told("verifier_missing", 400, "invalid_request", "The code_verifier is missing: PKCE is required."),
            Self::VerifierMalformed => told("verifier_malformed", 400, "invalid_grant", "The code_verifier must be 43 to 128 unreserved characters."),
            Self::RegistrationOff => told("registration_off", 403, "access_denied", "Clients cannot register themselves here: ask an administrator for a client_id."),
            Self::RegistrationLimited => told("registration_limited", 429, "temporarily_unavailable", "Too many registrations: try again later."),
            Self::RegistrationTooLong => told("registration_too_long", 413, "invalid_client_metadata", "The client metadata are too long."),
            Self::RegistrationRefused => told("registration_refused", 400, "invalid_client_metadata", "The client metadata cannot be read, or ask for what there is not here."),
            Self::RegistrationRedirectUri => told("registration_redirect_uri", 400, "invalid_redirect_uri", "A redirect URI is not one that this server knows. An administrator can add it."),
            Self::UpstreamUnknown => told("upstream_unknown", 503, "temporarily_unavailable", "The identity provider has not been reached yet: try again later."),
            Self::UpstreamUnavailable => told("upstream_unavailable", 503, "temporarily_unavailable", "The identity provider does not answer as it should: try again later."),
            Self::UpstreamRefused => told("upstream_refused", 400, "invalid_grant", "The identity provider refuses."),
        }
    }

    /// The word for logs and metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        self.told().label
    }

    /// The HTTP status, where it is not a redirect.
    #[must_use]
    pub fn status(self) -> u16 {
        self.told().status
    }

    /// The OAuth error code (RFC 6749 §4.1.2.1, §5.2; RFC 7591 §3.2.2; RFC 8707 §2; OpenID Connect Core §3.1.2.6).
    #[must_use]
    pub fn error(self) -> &'static str {
        self.told().error
    }

    /// A sentence for the person or the developer, of characters that need no escape in an `error_description`.
    #[must_use]
    pub fn description(self) -> &'static str {
        self.told().description
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_words_of_their_own_and_sentences_fit_into_an_answer() {
        for (at, refusal) in Refusal::ALL.iter().enumerate() {
            let label = refusal.label();
            assert!(label.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{label}");
            assert!(Refusal::ALL[..at].iter().all(|other| other.label() != label), "{label}");
            assert!((400..=503).contains(&refusal.status()), "{label}");
            // RFC 6749 §5.2: %x20-21 / %x23-5B / %x5D-7E.
            let is_plain = |b: u8| matches!(b, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
            assert!(refusal.description().bytes().all(is_plain), "{label}");
            assert!(refusal.description().ends_with('.'), "{label}");
        }
    }
}
