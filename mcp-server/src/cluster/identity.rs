//! Who a request to the API server is made as.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::impersonation::Impersonated;
use super::url::ApiServer;
use crate::clock::UnixSeconds;
use crate::failure::Failure;
use crate::person::Person;
use crate::stdio::KubeconfigIdentity;
use crate::user_token::UserToken;

/// One caller, as the API server will see them.
///
/// Made anew for each call and dropped with it. There is no variant for nobody: whoever serves many people has nothing
/// to make a call with that comes without a token, because only [`crate::stdio`] can make the last variant, and
/// only a verified token the second.
#[derive(Debug, Clone)]
pub(crate) enum Identity {
    /// The bearer token that the call arrived with.
    Bearer(UserToken),
    /// A person whose token was verified, and who is named to an API server that could not verify it.
    Impersonated(Impersonated),
    /// The one person of a program that was started on their own machine.
    Kubeconfig(KubeconfigIdentity),
}

impl Identity {
    /// The headers that say who asks; among them exactly one `Authorization`, unless a certificate says it.
    ///
    /// # Errors
    /// When there is no credential to be had, or it does not fit into a header.
    pub(super) async fn headers(&self, server: &ApiServer) -> Result<HeaderMap, Failure> {
        match self {
            Self::Bearer(token) => {
                let authorization = token.authorization().ok_or_else(|| {
                    Failure::InvalidArguments(
                        "the bearer token does not fit into a header".to_owned(),
                    )
                })?;
                Ok(HeaderMap::from_iter([(AUTHORIZATION, authorization)]))
            }
            Self::Impersonated(person) => person.headers(&server.to_string()),
            Self::Kubeconfig(person) => person.headers().await,
        }
    }

    /// Sees to it that there is a credential: a person may have to log in, for which a request's time would be short.
    ///
    /// # Errors
    /// When there is none to be had.
    pub(super) async fn ready(&self) -> Result<(), Failure> {
        match self {
            Self::Bearer(_) | Self::Impersonated(_) => Ok(()),
            Self::Kubeconfig(person) => person.headers().await.map(drop),
        }
    }

    /// The kubeconfig that this person comes from, without its credentials.
    pub(super) fn kubeconfig(&self, minified: bool) -> Option<serde_json::Value> {
        match self {
            Self::Bearer(_) | Self::Impersonated(_) => None,
            Self::Kubeconfig(person) => person.kubeconfig(minified),
        }
    }

    /// Whether there may be another credential than the one in these headers, with which the API server answered 401.
    pub(super) async fn renewed_after(&self, refused: &HeaderMap) -> bool {
        match self {
            Self::Bearer(_) => false,
            Self::Impersonated(person) => person.renewed_after(refused),
            Self::Kubeconfig(person) => person.renewed_after(refused).await,
        }
    }

    /// What a 401 means to this caller.
    pub(super) fn not_accepted(&self, operation: String, server: String) -> Failure {
        match self {
            Self::Bearer(_) => Failure::TokenNotAccepted { operation, server },
            Self::Impersonated(_) => Failure::OwnCredentialNotAccepted { operation, server },
            Self::Kubeconfig(person) => Failure::CredentialNotAccepted {
                operation,
                server,
                context: person.context().to_owned(),
            },
        }
    }

    /// Whether a 403 with these words is about this server, which may not act as the person, and not about the person.
    pub(super) fn may_not_impersonate(&self, message: &str) -> bool {
        matches!(self, Self::Impersonated(_)) && message.contains(" cannot impersonate")
    }

    /// Whose requests these are, as far as nobody verified it.
    pub(super) fn person(&self) -> Person {
        match self {
            Self::Bearer(token) => token.person(),
            Self::Impersonated(person) => person.person(),
            Self::Kubeconfig(person) => Person::of_context(person.context()),
        }
    }

    /// When the credential ends, as far as it says so itself.
    pub(super) fn expires(&self) -> Option<UnixSeconds> {
        match self {
            Self::Bearer(token) => token.expires(),
            Self::Impersonated(person) => Some(person.expires()),
            // It is renewed when it has to be, and it is the person's own machine.
            Self::Kubeconfig(_) => None,
        }
    }

    /// `text` without the credential, for words that somebody else wrote: a proxy's error page may quote the request.
    pub(super) fn scrub(&self, text: &str) -> String {
        match self {
            Self::Bearer(token) => token.scrub(text),
            Self::Impersonated(person) => person.scrub(text),
            Self::Kubeconfig(person) => person.scrub(text),
        }
    }
}
