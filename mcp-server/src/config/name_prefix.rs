//! What is put before names of an identity provider's.

/// What the names of the cluster's own users and groups begin with; `system:masters` may do everything.
pub(crate) const RESERVED_NAMES: &str = "system:";
const MAX_PREFIX_BYTES: usize = 64;

/// What is put before a name of the identity provider's, so that it is none of the cluster's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePrefix(String);

/// Why a text is no prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrefixFault {
    /// It could make a name of the cluster's own.
    Reserved,
    /// It does not fit before a name.
    Unfit,
}

impl TryFrom<&str> for NamePrefix {
    type Error = PrefixFault;

    fn try_from(text: &str) -> Result<Self, PrefixFault> {
        if text.is_empty()
            || text.len() > MAX_PREFIX_BYTES
            || !text.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(PrefixFault::Unfit);
        }
        if text.starts_with(RESERVED_NAMES) || RESERVED_NAMES.starts_with(text) {
            return Err(PrefixFault::Reserved);
        }
        Ok(Self(text.to_owned()))
    }
}

impl NamePrefix {
    /// One that no configuration can make, for tests of what is behind it.
    #[cfg(test)]
    pub(crate) fn odd(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The prefix itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_prefix_makes_a_name_of_the_clusters_own() {
        for good in ["kc:", "oidc:", "entra/", "x", "System:", "systems:"] {
            assert_eq!(NamePrefix::try_from(good).unwrap().as_str(), good);
        }
        for reserved in ["system:", "system:x:", "s", "sys", "system"] {
            assert_eq!(NamePrefix::try_from(reserved), Err(PrefixFault::Reserved), "{reserved}");
        }
        for unfit in ["", " ", "kc: ", "k\u{e9}:", "k\nc:", &"x".repeat(65)] {
            assert_eq!(NamePrefix::try_from(unfit), Err(PrefixFault::Unfit), "{unfit}");
        }
    }
}
