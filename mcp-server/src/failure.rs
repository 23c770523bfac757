//! Why a tool call did not do what was asked, in words that help a person or a model to do something about it.

use std::time::Duration;

use obolus_core::Reason;

use crate::cluster::Refusal;

/// A call that failed. Its text goes to the caller as a tool error, its [label](Failure::label) to logs and metrics.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// The arguments do not fit the tool; nothing was sent.
    #[error("invalid arguments: {0}")]
    InvalidArguments(String),
    /// 403: the API server knows who asks and says no. Its own message names the user.
    #[error("refused: {} {operation}. The API server {server} says: {message}", if *is_about_access { "you may not" } else { "an admission rule does not let you" })]
    Forbidden {
        /// What was tried.
        operation: String,
        /// Who refused.
        server: String,
        /// The API server's words.
        message: String,
        /// Whether permissions are what is missing; otherwise an admission rule said no.
        is_about_access: bool,
        /// What it says beside them.
        refused: Box<Refusal>,
    },
    /// The operator keeps this kind out of everybody's reach here; nothing was sent.
    #[error(
        "refused: this server does not {operation}, for nobody: its operator has denied the kind (denied_resources)"
    )]
    Denied {
        /// What was tried.
        operation: String,
    },
    /// A person's confirmation is needed, and it is not there.
    #[error("not done: {0}")]
    Unconfirmed(String),
    /// 401: the API server does not accept the token that the gateway exchanged for the caller's.
    #[error(
        "could not {operation}: the exchanged token was not accepted by the API server {server} (401). \
         It may have expired, or be for another issuer or audience: sign in again, and if that does not help, ask the operator"
    )]
    TokenNotAccepted {
        /// What was tried.
        operation: String,
        /// Who did not accept it.
        server: String,
    },
    /// The token is for another cluster than the call names, or does not say for which; nothing was sent.
    #[error(
        "refused: the token that came with this call is not for the cluster {cluster}, and nothing was sent. \
         The gateway exchanges tokens for one cluster each: its targets by the argument context have to be this server's clusters, by the same names; ask the operator"
    )]
    WrongTarget {
        /// The cluster that the call names.
        cluster: String,
    },
    /// The token is not good where this server verifies it itself, before it impersonates anybody; nothing was sent.
    #[error(
        "refused: the token that came with this call is not accepted for the cluster {cluster}, and nothing was sent: {} ({})",
        .reason.description(), .reason.as_str()
    )]
    TokenRefused {
        /// The cluster that the call names.
        cluster: String,
        /// The check that failed.
        reason: Reason,
    },
    /// The token is good, and has no names that may be sent; nothing was.
    #[error(
        "refused: this server cannot act as you at the cluster {cluster}, and nothing was sent: {unfit}; ask the operator"
    )]
    NotImpersonated {
        /// The cluster that the call names.
        cluster: String,
        /// Why.
        unfit: String,
    },
    /// 403 to this server, which may not act as the person.
    #[error(
        "could not {operation}: RBAC does not let this MCP server act as you. The API server {server} says: {message}; \
         this is for the operator to mend, not for you"
    )]
    MayNotImpersonate {
        /// What was tried.
        operation: String,
        /// Who refused.
        server: String,
        /// The API server's words.
        message: String,
    },
    /// 401 to this server's own credential.
    #[error(
        "could not {operation}: the API server {server} did not accept this MCP server's own credential (401); \
         this is for the operator to mend (impersonation.token_file), and signing in again will not help"
    )]
    OwnCredentialNotAccepted {
        /// What was tried.
        operation: String,
        /// Who did not accept it.
        server: String,
    },
    /// There is no credential of this server's own; nothing was sent.
    #[error(
        "could not ask the API server {server}: this MCP server has no credential of its own for it; \
         this is for the operator to mend (impersonation.token_file), and signing in again will not help"
    )]
    NoOwnCredential {
        /// Who was not asked.
        server: String,
    },
    /// 401 to the one person of stdio mode.
    #[error(
        "could not {operation}: the API server {server} did not accept the credential of the context `{context}` (401). \
         It may have expired: sign in again as you do for kubectl, and see whether `kubectl --context {context} auth whoami` answers"
    )]
    CredentialNotAccepted {
        /// What was tried.
        operation: String,
        /// Who did not accept it.
        server: String,
        /// Whose credential it was.
        context: String,
    },
    /// There is no credential to be had for the one person of stdio mode; nothing was sent.
    #[error("could not sign in to the context `{context}`: {reason}")]
    NotSignedIn {
        /// The context of the kubeconfig.
        context: String,
        /// What is wrong, and what to do about it.
        reason: String,
    },
    /// The helm program says that it did not work.
    #[error("could not {doing}: {message}")]
    Helm {
        /// What was tried.
        doing: String,
        /// Its words, without addresses of ours and values of Secrets.
        message: String,
    },
    /// Any other answer that is no success.
    #[error("could not {operation}: the API server {server} answered {status}: {message}")]
    Rejected {
        /// What was tried.
        operation: String,
        /// Who answered.
        server: String,
        /// The HTTP status.
        status: u16,
        /// The API server's words.
        message: String,
        /// What it says beside them.
        refused: Box<Refusal>,
    },
    /// Another failure, with what to do about it.
    #[error("{failure}. {advice}")]
    Advised {
        /// What went wrong.
        failure: Box<Failure>,
        /// What to do next.
        advice: String,
    },
    /// The cluster has no such kind.
    #[error("the API server {server} has no kind {kind} in apiVersion {api_version}")]
    UnknownKind {
        /// Who has not.
        server: String,
        /// As asked for.
        kind: String,
        /// As asked for.
        api_version: String,
    },
    /// No answer in time.
    #[error("could not {operation}: the API server {server} did not answer within {seconds} s")]
    TimedOut {
        /// What was tried.
        operation: String,
        /// Who did not answer.
        server: String,
        /// The time allowed.
        seconds: u64,
    },
    /// Nobody measures what pods and nodes use.
    #[error("the API server {server} tells nothing of what pods and nodes use: {}", no_metrics(*.installed))]
    NoMetrics {
        /// Who has none.
        server: String,
        /// Whether the API is there, and only does not answer.
        installed: bool,
    },
    /// As many streams are open as there may be.
    #[error(
        "could not {operation}: too many streams are open, yours or everybody's; wait until one ends, or ask without following"
    )]
    Busy {
        /// What was tried.
        operation: String,
    },
    /// No connection, or one that broke.
    #[error("could not {operation}: the API server {server} cannot be reached: {reason}")]
    Unreachable {
        /// What was tried.
        operation: String,
        /// Who cannot be reached.
        server: String,
        /// Name, connection or certificate trouble.
        reason: String,
    },
    /// The answer is larger than is read.
    #[error(
        "could not {operation}: the answer is larger than {limit_bytes} bytes; ask for less, with a selector or a namespace"
    )]
    AnswerTooLarge {
        /// What was tried.
        operation: String,
        /// The bound.
        limit_bytes: usize,
    },
    /// The answer is not what the Kubernetes API promises.
    #[error(
        "could not {operation}: the answer of the API server {server} cannot be understood: {reason}"
    )]
    AnswerMalformed {
        /// What was tried.
        operation: String,
        /// Who answered.
        server: String,
        /// Where it goes wrong; nothing of the contents.
        reason: String,
    },
    /// One change of several failed, and what is done is done.
    #[error("{failed}: {failure}\nDone before it: {done}\nNot done after it: {left}")]
    Partly {
        /// Why.
        failure: Box<Failure>,
        /// Of which object.
        failed: String,
        /// The objects before it.
        done: String,
        /// The objects after it.
        left: String,
    },
    /// What was waited for has not come.
    #[error("{what} within {seconds} s; at the end {seen}")]
    NotYet {
        /// What was waited for.
        what: String,
        /// For how long.
        seconds: u64,
        /// What there was instead.
        seen: String,
    },
    /// Something that cannot happen did.
    #[error("internal error: {0}")]
    Internal(String),
    /// The caller went away.
    #[error("cancelled")]
    Cancelled,
}

fn no_metrics(installed: bool) -> &'static str {
    if installed {
        "it has metrics.k8s.io, but what serves that (metrics-server, usually in kube-system) does not answer; look at its pods and their logs"
    } else {
        "it does not have metrics.k8s.io; the cluster's operator has to install metrics-server, or another that serves it"
    }
}

impl Failure {
    /// How long the API server wants not to be asked, if it had too much to do; it has done nothing then.
    #[must_use]
    pub(crate) fn come_again_after(&self) -> Option<Duration> {
        match self {
            Self::Rejected { status: 429, refused, .. } => {
                refused.retry_after_seconds().map(Duration::from_secs)
            }
            _ => None,
        }
    }

    /// Whether the API server does not know the path: a kind is gone, or elsewhere.
    #[must_use]
    pub(crate) fn is_of_an_unknown_path(&self) -> bool {
        matches!(self, Self::Rejected { status: 404, refused, .. } if refused.is_of_a_path())
    }

    /// Whether something of this resource and name is missing.
    #[must_use]
    pub(crate) fn is_for_want_of(&self, resource: &str, name: &str) -> bool {
        matches!(self, Self::Rejected { status: 404, refused, .. } if refused.about() == Some((resource, name)))
    }

    /// Whether a pod was not made because its account is not there yet.
    #[must_use]
    pub(crate) fn is_for_want_of_an_account(&self) -> bool {
        matches!(self, Self::Forbidden { message, .. } if message.contains("error looking up service account"))
    }

    /// A stable word for logs and metrics.
    #[must_use]
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::InvalidArguments(_) => "invalid_arguments",
            Self::Forbidden { .. } => "forbidden",
            Self::Denied { .. } => "denied",
            Self::Unconfirmed(_) => "unconfirmed",
            Self::TokenNotAccepted { .. } => "token_not_accepted",
            Self::WrongTarget { .. } => "wrong_target",
            Self::TokenRefused { reason: Reason::KeysUnavailable, .. } => "keys_unavailable",
            Self::TokenRefused { .. } => "token_refused",
            Self::NotImpersonated { .. } => "not_impersonated",
            Self::MayNotImpersonate { .. } => "may_not_impersonate",
            Self::OwnCredentialNotAccepted { .. } => "own_credential_not_accepted",
            Self::NoOwnCredential { .. } => "no_own_credential",
            Self::Helm { .. } => "helm_failed",
            Self::CredentialNotAccepted { .. } => "credential_not_accepted",
            Self::NotSignedIn { .. } => "not_signed_in",
            Self::Advised { failure, .. } => failure.label(),
            Self::Rejected { status: 404, .. } => "not_found",
            Self::Rejected { .. } => "rejected",
            Self::UnknownKind { .. } => "unknown_kind",
            Self::TimedOut { .. } => "timed_out",
            Self::NoMetrics { .. } => "no_metrics",
            Self::Busy { .. } => "busy",
            Self::Unreachable { .. } => "unreachable",
            Self::AnswerTooLarge { .. } => "answer_too_large",
            Self::AnswerMalformed { .. } => "answer_malformed",
            Self::Partly { failure, .. } => failure.label(),
            Self::NotYet { .. } => "not_yet",
            Self::Internal(_) => "internal",
            Self::Cancelled => "cancelled",
        }
    }
}
