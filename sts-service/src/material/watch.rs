//! All materials of a configuration, to be looked at whether they are used or not: what is broken should be known before
//! it is needed.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{Held, Material, Standing};

/// One material, and whose it is.
pub(crate) struct Watched {
    /// A target, an issuer, a caller: a name of the configuration.
    pub(crate) of: String,
    /// Looks at it, and passes on what has changed.
    pub(crate) look: Box<dyn Fn() + Send + Sync>,
    pub(crate) standing: Box<dyn Fn() -> Standing + Send + Sync>,
}

impl<T: Send + Sync + 'static, E: Display + 'static> Material<T, E> {
    /// This one, and whom to tell of new content.
    pub(crate) fn watched(
        self: &Arc<Self>,
        of: &str,
        changed: impl Fn(&Held<T>) + Send + Sync + 'static,
    ) -> Watched {
        let (look, standing) = (Arc::clone(self), Arc::clone(self));
        Watched {
            of: of.to_owned(),
            look: Box::new(move || {
                if look.look()
                    && let Some(held) = look.current()
                {
                    changed(&held);
                }
            }),
            standing: Box::new(move || standing.standing()),
        }
    }
}

/// All that there is to be looked at.
#[derive(Default)]
pub(crate) struct Watch {
    all: Vec<Watched>,
}

impl Watch {
    pub(crate) fn new(all: impl IntoIterator<Item = Watched>) -> Self {
        Self { all: all.into_iter().collect() }
    }

    /// A panic over one is no reason not to look at the others.
    pub(crate) fn look(&self) {
        for watched in &self.all {
            if catch_unwind(AssertUnwindSafe(&watched.look)).is_err() {
                tracing::error!(of = watched.of, "a look at a file ended by a panic");
            }
        }
    }

    /// Each material's owner, and how it stands.
    pub(crate) fn standings(&self) -> impl Iterator<Item = (String, Standing)> {
        self.all.iter().map(|watched| (watched.of.clone(), (watched.standing)()))
    }
}
