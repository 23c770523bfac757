//! What keeps a kubeconfig from being used, with what to do about it. No sentence repeats a value of the file.

use std::path::PathBuf;

/// Why there is no kubeconfig to work with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KubeconfigError {
    /// A file that was named is not there, or cannot be read.
    #[error("{}: cannot be read: {reason}", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// It is no kubeconfig.
    #[error("{}: {reason}", file.display())]
    NoKubeconfig {
        /// Which.
        file: PathBuf,
        /// What is wrong with it, and where.
        reason: String,
    },
    /// There is no file at all.
    #[error(
        "no kubeconfig: {looked} is not there. Write one (your cluster's own tool does, such as `aws eks update-kubeconfig`, \
         `gcloud container clusters get-credentials` or `az aks get-credentials`), or name it with --kubeconfig"
    )]
    None {
        /// Where it was looked for.
        looked: String,
    },
    /// Files, but nothing in them.
    #[error(
        "{looked} holds no context: add one with `kubectl config set-context`, or name another file with --kubeconfig"
    )]
    Empty {
        /// Which files.
        looked: String,
    },
    /// Nobody says which context.
    #[error(
        "no context is chosen: write --context NAME, or `kubectl config use-context NAME`. There are {}",
        known.join(", ")
    )]
    NoneChosen {
        /// Those there are.
        known: Vec<String>,
    },
    /// A context that is not there.
    #[error("there is no context `{name}`. There are {}", known.join(", "))]
    NoSuchContext {
        /// As asked for.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// A context that is there, and cannot be used.
    #[error("the context `{context}` cannot be used: {reason}")]
    Unusable {
        /// Which.
        context: String,
        /// What is wrong, and what to write.
        reason: String,
    },
}
