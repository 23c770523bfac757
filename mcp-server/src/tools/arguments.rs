//! How optional arguments are read.

use serde::{Deserialize as _, Deserializer};

/// An optional text, absent also when it is empty: models fill every parameter they see, and the tools whose
/// names we share take an empty one for none.
pub(super) fn optional<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<String, Error = &'static str>,
{
    match Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => T::try_from(text).map(Some).map_err(serde::de::Error::custom),
    }
}
