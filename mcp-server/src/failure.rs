//! Why a tool call did not do what was asked, in words that help a person or a model to do something about it.

/// A call that failed. Its text goes to the caller as a tool error, its [label](Failure::label) to logs and metrics.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// The arguments do not fit the tool; nothing was sent.
    #[error("invalid arguments: {0}")]
    InvalidArguments(String),
    /// 403: the API server knows who asks and says no. Its own message names the user.
    #[error("refused: you may not {operation}. The API server {server} says: {message}")]
    Forbidden {
        /// What was tried.
        operation: String,
        /// Who refused.
        server: String,
        /// The API server's words.
        message: String,
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
    },
    /// The cluster has no such kind.
    #[error(
        "the API server {server} has no kind {kind} in apiVersion {api_version}: check both, a Deployment for example is in apps/v1"
    )]
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
    /// Something that cannot happen did.
    #[error("internal error: {0}")]
    Internal(String),
    /// The caller went away.
    #[error("cancelled")]
    Cancelled,
}

impl Failure {
    /// A stable word for logs and metrics.
    #[must_use]
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::InvalidArguments(_) => "invalid_arguments",
            Self::Forbidden { .. } => "forbidden",
            Self::Denied { .. } => "denied",
            Self::Unconfirmed(_) => "unconfirmed",
            Self::TokenNotAccepted { .. } => "token_not_accepted",
            Self::Rejected { status: 404, .. } => "not_found",
            Self::Rejected { .. } => "rejected",
            Self::UnknownKind { .. } => "unknown_kind",
            Self::TimedOut { .. } => "timed_out",
            Self::Unreachable { .. } => "unreachable",
            Self::AnswerTooLarge { .. } => "answer_too_large",
            Self::AnswerMalformed { .. } => "answer_malformed",
            Self::Internal(_) => "internal",
            Self::Cancelled => "cancelled",
        }
    }
}
