//! Who a request to the API server is made as.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::failure::Failure;
use crate::person::Person;
use crate::user_token::UserToken;

/// One caller, as the API server will see them.
///
/// Made anew for each call and dropped with it. There is no variant for nobody.
#[derive(Debug, Clone)]
pub(crate) enum Identity {
    /// The bearer token that the call arrived with.
    Bearer(UserToken),
}

impl Identity {
    /// The headers that say who asks; among them exactly one `Authorization`.
    ///
    /// # Errors
    /// When a credential does not fit into a header.
    pub(super) async fn headers(&self) -> Result<HeaderMap, Failure> {
        match self {
            Self::Bearer(token) => {
                let authorization = token.authorization().ok_or_else(|| {
                    Failure::InvalidArguments(
                        "the bearer token does not fit into a header".to_owned(),
                    )
                })?;
                Ok(HeaderMap::from_iter([(AUTHORIZATION, authorization)]))
            }
        }
    }

    /// Whose requests these are, as far as nobody verified it.
    pub(super) fn person(&self) -> Person {
        match self {
            Self::Bearer(token) => token.person(),
        }
    }

    /// `text` without the credential, for words that somebody else wrote: a proxy's error page may quote the request.
    pub(super) fn scrub(&self, text: &str) -> String {
        match self {
            Self::Bearer(token) => token.scrub(text),
        }
    }
}
