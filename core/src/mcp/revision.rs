//! Which revision of MCP a message is written in.

use crate::{Denial, Reason};

/// A revision that is served. Later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revision {
    /// Legacy: begins with `initialize`.
    V2025_06_18,
    /// Legacy: begins with `initialize`.
    V2025_11_25,
    /// Modern: every request stands for itself.
    V2026_07_28,
}

/// Not served as itself: its batches are refused, as everywhere.
const BEFORE_THE_OLDEST: &str = "2025-03-26";

impl Revision {
    /// All that are served, the oldest first.
    pub const ALL: [Self; 3] = [Self::V2025_06_18, Self::V2025_11_25, Self::V2026_07_28];

    /// Its date, by which messages name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// Whether its requests carry what older revisions agreed on in `initialize` (MCP 2026-07-28, Versioning).
    #[must_use]
    pub fn is_modern(self) -> bool {
        self >= Self::V2026_07_28
    }

    /// The revision that `MCP-Protocol-Version` and the body's `_meta` name.
    ///
    /// Where neither does, it is the oldest: `initialize` comes without, and so does whoever was told nothing else.
    /// The specification would have 2025-03-26 assumed, whose methods are no others; so whoever agreed on that one with
    /// the server is served as of the oldest, too.
    ///
    /// # Errors
    /// [`Reason::HeaderMismatch`] where the two differ, or the body alone names one: whoever reads headers would take
    /// it for a message of another era. So would whoever reads the body, where it names one in which bodies do not.
    /// [`Reason::VersionUnsupported`], with those that are served.
    pub fn of(header: Option<&str>, stated: Option<&str>) -> Result<Self, Denial> {
        match (header, stated) {
            (Some(header), Some(stated)) if header != stated => Err(Reason::HeaderMismatch.into()),
            (None, Some(_)) => Err(Reason::HeaderMismatch.into()),
            (Some(BEFORE_THE_OLDEST), None) | (None, None) => Ok(Self::V2025_06_18),
            (Some(version), stated) => {
                let served = Self::ALL.into_iter().find(|revision| revision.name() == version);
                let revision = served.ok_or_else(|| Denial::version_unsupported(version))?;
                if stated.is_some() && !revision.is_modern() {
                    return Err(Reason::HeaderMismatch.into());
                }
                Ok(revision)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_in_order_and_lead_back_to_their_revision() {
        assert!(Revision::ALL.is_sorted());
        assert!(Revision::ALL.map(Revision::name).is_sorted());
        for revision in Revision::ALL {
            assert_eq!(Revision::of(Some(revision.name()), None), Ok(revision));
        }
        assert_eq!(Revision::ALL.map(Revision::is_modern), [false, false, true]);
    }

    #[test]
    fn a_body_names_only_a_revision_in_which_bodies_do() {
        for revision in Revision::ALL {
            let stated = Revision::of(Some(revision.name()), Some(revision.name()));
            let told = if revision.is_modern() {
                Ok(revision)
            } else {
                Err(Reason::HeaderMismatch.into())
            };
            assert_eq!(stated, told);
        }
    }
}
