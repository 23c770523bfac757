//! Refusals: which code has which status and `error`, and how the body looks.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::clock;
use super::directory::Descriptions;

/// A refusal with an AADSTS number.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// `error`.
    pub error: String,
    /// The number behind AADSTS.
    pub code: u32,
    /// What follows the number, up to the trace id.
    pub text: String,
    /// `suberror`.
    pub suberror: Option<&'static str>,
    /// `claims`, which the body holds as text.
    pub claims: Option<Value>,
}

/// Code, status, `error`, `suberror`, text: what the service answers most often for this code.
#[rustfmt::skip]
const CATALOGUE: &[(u32, u16, &str, Option<&str>, &str)] = &[
    // The client and its credential.
    (7000215, 401, "invalid_client", None, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app."),
    (7000222, 401, "invalid_client", None, "The provided client secret keys for app are expired. Visit the Azure portal to create new keys for your app, or consider using certificate credentials for added security."),
    (7000218, 401, "invalid_client", None, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."),
    (700025, 401, "invalid_client", None, "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."),
    (700027, 401, "invalid_client", None, "The certificate with identifier used to sign the client assertion is not registered on application."),
    (700024, 401, "invalid_client", None, "Client assertion is not within its valid time range."),
    (700021, 401, "invalid_client", None, "Client assertion application identifier doesn't match 'client_id' parameter."),
    (700023, 401, "invalid_client", None, "Client assertion audience claim does not match Realm issuer."),
    (50012, 401, "invalid_client", None, "Assertion audience claim does not match the required value."),
    (700211, 401, "invalid_client", None, "No matching federated identity record found for presented assertion issuer."),
    (700212, 401, "invalid_client", None, "No matching federated identity record found for presented assertion audience."),
    (700213, 401, "invalid_client", None, "No matching federated identity record found for presented assertion subject."),
    (7002137, 401, "invalid_client", None, "No matching federated identity record found for presented assertion issuer. The issuer matches with case-insensitive comparison, but not with case-sensitive comparison."),
    (7002138, 401, "invalid_client", None, "No matching federated identity record found for presented assertion subject. The subject matches with case-insensitive comparison, but not with case-sensitive comparison."),
    (70021, 400, "invalid_request", None, "No matching federated identity record found for presented assertion."),
    (5002738, 400, "invalid_request", None, "The algorithm is not a supported signature algorithm."),
    (5002730, 400, "invalid_request", None, "Invalid JWT token. Unsupported key for the signing algorithm."),
    (90061, 400, "invalid_request", None, "Request to External OIDC endpoint failed."),
    (700016, 400, "unauthorized_client", None, "Application was not found in the directory. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant."),
    (7000112, 400, "unauthorized_client", None, "Application is disabled."),
    (7000114, 400, "unauthorized_client", None, "Application is not allowed to make application on-behalf-of calls."),
    (650052, 400, "invalid_client", None, "The app is trying to access a service that your organization lacks a service principal for. Contact your IT Admin to review the configuration of your service subscriptions or consent to the application in order to create the required service principal."),
    (65002, 400, "invalid_client", None, "Consent between first party application and first party resource must be configured via preauthorization - applications owned and operated by Microsoft must get approval from the API owner before requesting tokens for that API."),
    // The assertion.
    (50013, 400, "invalid_grant", None, "Assertion failed signature validation."),
    (500131, 400, "invalid_grant", None, "Assertion audience does not match the Client app presenting the assertion."),
    (500133, 400, "invalid_grant", None, "Assertion is not within its valid time range. Ensure that the access token is not expired before using it for user assertion, or request a new token."),
    (240002, 400, "invalid_grant", None, "Input id_token cannot be used as 'urn:ietf:params:oauth:grant-type:jwt-bearer' grant."),
    (90083, 400, "invalid_grant", None, "Request is unsupported."),
    (50027, 400, "invalid_request", None, "JWT token is invalid or malformed."),
    // The person.
    (65001, 400, "invalid_grant", Some("consent_required"), "The user or administrator has not consented to use the application. Send an interactive authorization request for this user and resource."),
    (50105, 400, "invalid_grant", None, "Your administrator has configured the application to block users unless they are specifically granted ('assigned') access to the application."),
    (50076, 400, "invalid_grant", Some("basic_action"), "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access the resource."),
    (50079, 400, "invalid_grant", Some("basic_action"), "Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication to access the resource."),
    (50072, 400, "invalid_grant", Some("basic_action"), "Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication to access the resource."),
    (50074, 400, "invalid_grant", Some("basic_action"), "Strong Authentication is required."),
    (50158, 400, "invalid_grant", Some("basic_action"), "External security challenge not satisfied. User will be redirected to another page or authentication provider to satisfy additional authentication challenges."),
    (53000, 400, "invalid_grant", Some("message_only"), "Your device is required to be compliant to access this resource."),
    (53001, 400, "invalid_grant", Some("message_only"), "Your device is required to be domain joined to access this resource."),
    (53002, 400, "invalid_grant", Some("message_only"), "The application used is not an approved application for conditional access."),
    (53003, 400, "invalid_grant", Some("message_only"), "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance."),
    (50173, 400, "invalid_grant", Some("bad_token"), "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password."),
    (70043, 400, "invalid_grant", Some("token_expired"), "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access."),
    (700082, 400, "invalid_grant", Some("bad_token"), "The refresh token has expired due to inactivity."),
    (50132, 400, "invalid_grant", Some("bad_token"), "Credentials have been revoked due to password expiration or change: the session is not valid."),
    (50133, 400, "invalid_grant", Some("bad_token"), "Session is invalid due to expiration or recent password change."),
    (50057, 400, "invalid_grant", None, "The user account is disabled."),
    (50034, 400, "invalid_grant", None, "The user account does not exist in the directory. To sign into this application, the account must be added to the directory."),
    (50126, 400, "invalid_grant", None, "Error validating credentials due to invalid username or password."),
    (50196, 400, "invalid_grant", None, "The server terminated an operation because it encountered a client request loop. Please contact your app vendor."),
    (50058, 400, "login_required", None, "A silent sign-in request was sent but no user is signed in."),
    (65004, 400, "access_denied", None, "User declined to consent to access the app."),
    // The request.
    (9002313, 400, "invalid_request", None, "Invalid request. Request is malformed or invalid."),
    (900144, 400, "invalid_request", None, "The request body must contain a parameter that is missing."),
    (90014, 400, "invalid_request", None, "A required field is missing from the request."),
    (90002, 400, "invalid_request", None, "Tenant not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."),
    (901002, 400, "invalid_request", None, "The 'resource' request parameter is not supported."),
    (9010010, 400, "invalid_target", None, "The resource parameter provided in the request doesn't match with the requested scopes."),
    (900561, 405, "invalid_request", None, "The endpoint only accepts POST requests."),
    (90009, 400, "invalid_request", None, "Application is requesting a token for itself. This scenario is supported only if resource is specified using the GUID based App Identifier."),
    (70003, 400, "unsupported_grant_type", None, "The app requested an unsupported grant type."),
    (70011, 400, "invalid_scope", None, "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid."),
    (650053, 400, "invalid_scope", None, "The application asked for a scope that doesn't exist on the resource. Contact the app vendor."),
    (1002012, 400, "invalid_scope", None, "The provided value for scope is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."),
    (28000, 400, "invalid_request", None, "Provided value for the input parameter scope is not valid because it contains more than one resource."),
    (700022, 400, "invalid_request", None, "The provided value for the input parameter 'scope' is not valid because it contains more than one resource."),
    (500011, 400, "invalid_resource", None, "The resource principal was not found in the tenant. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant."),
    (50001, 400, "invalid_resource", None, "The resource is disabled or does not exist."),
    (650057, 400, "invalid_resource", None, "Invalid resource. The client has requested access to a resource which is not listed in the requested permissions in the client's application registration."),
    (5000224, 400, "invalid_request", None, "We are sorry, this resource is not available."),
    // Codes and refresh tokens.
    (70000, 400, "invalid_grant", Some("bad_token"), "The provided value for the grant is not valid."),
    (70008, 400, "invalid_grant", Some("bad_token"), "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource."),
    (54005, 400, "invalid_grant", None, "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token."),
    (501481, 400, "invalid_grant", None, "The Code_Verifier does not match the code_challenge supplied in the authorization request."),
    (500112, 400, "invalid_client", None, "The reply address does not match the reply address provided when requesting Authorization code."),
    (50011, 400, "invalid_request", None, "The redirect URI specified in the request does not match the redirect URIs configured for the application."),
    (9002325, 400, "invalid_request", None, "Proof Key for Code Exchange is required for cross-origin authorization code redemption."),
    (70005, 400, "unsupported_response_type", None, "The value of 'response_type' is not supported for the application."),
    (70007, 400, "unsupported_response_type", None, "The value is not a supported value of 'response_mode'."),
    (90023, 400, "invalid_request", None, "The request is not valid."),
    // The service itself.
    (90055, 429, "temporarily_unavailable", None, "The request has been throttled because too many requests were sent."),
    (90033, 503, "temporarily_unavailable", None, "A transient error has occurred. Please try again."),
    (50033, 503, "temporarily_unavailable", None, "A transient error has occurred. Please try again."),
    (90024, 503, "temporarily_unavailable", None, "Request budget exceeded. A transient error has occurred. Please try again."),
];

impl Refusal {
    /// The usual refusal of this code; 400 `invalid_request` for a code that is not in the catalogue.
    pub fn of(code: u32) -> Self {
        let usual = CATALOGUE.iter().find(|row| row.0 == code);
        let (_, status, error, suberror, text) =
            *usual.unwrap_or(&(code, 400, "invalid_request", None, "The request is not valid."));
        Self {
            status,
            error: error.to_owned(),
            code,
            text: text.to_owned(),
            suberror,
            claims: None,
        }
    }

    /// Every code of the catalogue.
    pub fn codes() -> impl Iterator<Item = u32> {
        CATALOGUE.iter().map(|row| row.0)
    }

    /// The same with another text.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    /// The same with another `error`.
    pub fn error(mut self, error: &str) -> Self {
        error.clone_into(&mut self.error);
        self
    }

    /// The same with another `suberror`.
    pub fn suberror(mut self, suberror: Option<&'static str>) -> Self {
        self.suberror = suberror;
        self
    }

    /// The same with a claims challenge.
    pub fn claims(mut self, claims: Value) -> Self {
        self.claims = Some(claims);
        self
    }

    /// A parameter is missing.
    pub(super) fn missing(parameter: &str) -> Self {
        Self::of(900_144)
            .text(format!("The request body must contain the following parameter: '{parameter}'."))
    }
}

/// What every answer to one request has in common.
#[derive(Debug, Clone)]
pub(super) struct Trace {
    pub(super) trace_id: String,
    pub(super) correlation_id: String,
    pub(super) returned: bool,
    pub(super) host: String,
    pub(super) descriptions: Descriptions,
}

impl Trace {
    /// A new trace id, and the client's request id when that is a GUID.
    pub(super) fn new(headers: &HeaderMap, host: &str, descriptions: Descriptions) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let asked = text("client-request-id").map(str::to_ascii_lowercase);
        let correlation_id = asked.filter(|id| super::directory::is_guid(id));
        Self {
            trace_id: clock::guid(),
            returned: correlation_id.is_some() && text("return-client-request-id") == Some("true"),
            correlation_id: correlation_id.unwrap_or_else(clock::guid),
            host: host.to_owned(),
            descriptions,
        }
    }

    /// `error_description`.
    pub(super) fn description(&self, refusal: &Refusal, moment: i64) -> String {
        let separator = match self.descriptions {
            Descriptions::Lines => "\r\n",
            Descriptions::Spaces => " ",
        };
        [
            format!("AADSTS{}: {}", refusal.code, refusal.text),
            format!("Trace ID: {}", self.trace_id),
            format!("Correlation ID: {}", self.correlation_id),
            format!("Timestamp: {}", clock::written(moment)),
        ]
        .join(separator)
    }

    /// The answer of the token endpoint to a request that is refused.
    pub(super) fn refuse(&self, refusal: &Refusal) -> Response {
        let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
        self.json(status, &self.body(refusal))
    }

    /// The body of that answer.
    pub(super) fn body(&self, refusal: &Refusal) -> Value {
        let moment = clock::now();
        let mut body = json!({
            "error": refusal.error,
            "error_description": self.description(refusal, moment),
            "error_codes": [refusal.code],
            "timestamp": clock::written(moment),
            "trace_id": self.trace_id,
            "correlation_id": self.correlation_id,
            "error_uri": format!("{}/error?code={}", self.host, refusal.code),
        });
        if let Some(suberror) = refusal.suberror {
            body["suberror"] = json!(suberror);
        }
        if let Some(claims) = &refusal.claims {
            body["claims"] = json!(claims.to_string());
        }
        body
    }

    /// An answer with JSON and the headers that all answers have.
    pub(super) fn json(&self, status: StatusCode, body: &Value) -> Response {
        let content_type = (header::CONTENT_TYPE, "application/json; charset=utf-8");
        self.mark((status, [content_type], body.to_string()).into_response())
    }

    /// Adds the headers that all answers have.
    pub(super) fn mark(&self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        let fixed = HeaderValue::from_static;
        headers.insert(header::CACHE_CONTROL, fixed("no-store, no-cache"));
        headers.insert(header::PRAGMA, fixed("no-cache"));
        headers.insert("x-content-type-options", fixed("nosniff"));
        if let Ok(id) = HeaderValue::from_str(&self.trace_id) {
            headers.insert("x-ms-request-id", id);
        }
        if let Ok(id) = HeaderValue::from_str(&self.correlation_id)
            && self.returned
        {
            headers.insert("client-request-id", id);
        }
        response
    }
}
