//! Pages of other origins: who may ask what (CORS). Never with credentials: nothing here goes by a cookie.

use super::{Endpoint, Refusal};

/// What headers a page may set: those that the SDKs do.
pub const ALLOWED_HEADERS: &str = "Content-Type, Accept, MCP-Protocol-Version";
/// For how long a browser need not ask again, in seconds.
pub const MAX_AGE: &str = "600";

/// What a page may see of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shared<'o> {
    /// Whoever it is.
    WithAll,
    /// This origin, which is listed.
    With(&'o str),
    /// Nobody: no page asked, or none may.
    WithNobody,
}

/// Judges the `Origin` of a request, a preflight's as well.
///
/// # Errors
/// [`Refusal::OriginRefused`].
pub fn shared<'o>(
    endpoint: Endpoint,
    origin: Option<&'o str>,
    allowed: &[String],
) -> Result<Shared<'o>, Refusal> {
    match (endpoint, origin) {
        // The same for everybody, and for anybody to read.
        (Endpoint::Metadata, _) => Ok(Shared::WithAll),
        // People are sent here, and pages have nothing to read.
        (Endpoint::Authorize, _) | (_, None) => Ok(Shared::WithNobody),
        // INVARIANT: `null` is in no list; it is what any sandboxed page is called.
        (Endpoint::Token | Endpoint::Register, Some(origin)) => {
            let is_listed = origin != "null" && allowed.iter().any(|own| own == origin);
            if is_listed { Ok(Shared::With(origin)) } else { Err(Refusal::OriginRefused) }
        }
    }
}

/// The methods of an endpoint.
#[must_use]
pub fn methods(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Metadata => "GET, HEAD, OPTIONS",
        Endpoint::Authorize => "GET, HEAD",
        Endpoint::Token | Endpoint::Register => "POST, OPTIONS",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_for_all_and_tokens_for_listed_origins() {
        let allowed = ["http://localhost:6274".to_owned(), "null".to_owned()];
        let of = |endpoint, origin| shared(endpoint, origin, &allowed);
        for origin in [None, Some("https://any.example"), Some("null")] {
            assert_eq!(of(Endpoint::Metadata, origin), Ok(Shared::WithAll));
            assert_eq!(of(Endpoint::Authorize, origin), Ok(Shared::WithNobody));
        }
        for endpoint in [Endpoint::Token, Endpoint::Register] {
            assert_eq!(of(endpoint, None), Ok(Shared::WithNobody));
            let listed = "http://localhost:6274";
            assert_eq!(of(endpoint, Some(listed)), Ok(Shared::With(listed)));
            for origin in [
                "null",
                "",
                "http://localhost:6275",
                "https://localhost:6274",
                "http://localhost:6274/",
                "http://LOCALHOST:6274",
                "http://localhost:6274.evil.example",
                "http://evil.example",
            ] {
                assert_eq!(of(endpoint, Some(origin)), Err(Refusal::OriginRefused), "{origin}");
            }
        }
    }
}
