//! The algorithms that an issuer's tokens may use, as the filter and the STS both read them.

use super::Section;
use crate::token::{Algorithm, Profile};

/// Algorithms by name; those of the issuer's profile when the key is missing.
#[must_use]
pub fn algorithms(section: &Section<'_>, key: &str, profile: Profile) -> Vec<Algorithm> {
    if !section.has(key) {
        return profile.default_algorithms();
    }
    let all = Algorithm::ALL.into_iter().filter(|algorithm| profile.may_use(*algorithm));
    let allowed = all.map(Algorithm::name).collect::<Vec<_>>().join(", ");
    let names = section.some_strings(key, &format!("any of {allowed}"));
    names
        .iter()
        .filter_map(|name| {
            let algorithm =
                Algorithm::from_name(name).filter(|algorithm| profile.may_use(*algorithm));
            if algorithm.is_none() {
                section.problem(key, format!("`{name}` is not allowed: write any of {allowed}"));
            }
            algorithm
        })
        .collect()
}
