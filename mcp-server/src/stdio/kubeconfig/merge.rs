//! Several files as one: the first to name something is the one that counts, whole.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::file::{Cluster, Context, User};
use super::{KubeconfigError, Places};

/// An entry, and the folder where its relative paths start.
#[derive(Debug)]
pub(super) struct Placed<T> {
    pub(super) entry: T,
    pub(super) folder: PathBuf,
}

/// All files together.
#[derive(Debug)]
pub(in crate::stdio) struct Kubeconfig {
    pub(super) looked: String,
    pub(super) current: Option<String>,
    pub(super) clusters: BTreeMap<String, Placed<Cluster>>,
    pub(super) users: BTreeMap<String, Placed<User>>,
    pub(super) contexts: BTreeMap<String, Context>,
}

impl Kubeconfig {
    /// Reads and merges the files.
    ///
    /// # Errors
    /// When there is none, one cannot be read, or there is no context in them.
    pub(in crate::stdio) fn read(places: &Places) -> Result<Self, KubeconfigError> {
        let mut merged = Self {
            looked: places.shown(),
            current: None,
            clusters: BTreeMap::new(),
            users: BTreeMap::new(),
            contexts: BTreeMap::new(),
        };
        for (folder, file) in places.read()? {
            merged.current =
                merged.current.or(file.current_context).filter(|name| !name.is_empty());
            for named in file.clusters.into_iter().flatten() {
                let placed =
                    Placed { entry: named.cluster.unwrap_or_default(), folder: folder.clone() };
                merged.clusters.entry(named.name).or_insert(placed);
            }
            for named in file.users.into_iter().flatten() {
                let placed =
                    Placed { entry: named.user.unwrap_or_default(), folder: folder.clone() };
                merged.users.entry(named.name).or_insert(placed);
            }
            for named in file.contexts.into_iter().flatten() {
                let context = named.context.unwrap_or_default();
                merged.contexts.entry(named.name).or_insert(context);
            }
        }
        if merged.contexts.is_empty() {
            return Err(KubeconfigError::Empty { looked: merged.looked });
        }
        Ok(merged)
    }

    /// Every context, by name.
    pub(in crate::stdio) fn names(&self) -> Vec<String> {
        self.contexts.keys().cloned().collect()
    }

    /// The one to use when a call names none: `asked` for on the command line, or the current one, or the only one.
    ///
    /// # Errors
    /// When it is not there, or nobody says which.
    pub(in crate::stdio) fn chosen(&self, asked: Option<&str>) -> Result<String, KubeconfigError> {
        let known = self.names();
        match (asked.or(self.current.as_deref()), known.as_slice()) {
            (Some(name), _) if self.contexts.contains_key(name) => Ok(name.to_owned()),
            (Some(name), _) => Err(KubeconfigError::NoSuchContext { name: name.to_owned(), known }),
            (None, [only]) => Ok(only.clone()),
            (None, _) => Err(KubeconfigError::NoneChosen { known }),
        }
    }
}
