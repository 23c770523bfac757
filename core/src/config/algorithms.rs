//! The algorithms that an issuer's tokens may use, as the filter and the STS both read them.

use super::Section;
use crate::token::Algorithm;

/// Algorithms by name; RS256, PS256 and ES256 when the key is missing.
#[must_use]
pub fn algorithms(section: &Section<'_>, key: &str) -> Vec<Algorithm> {
    if !section.has(key) {
        return vec![Algorithm::RS256, Algorithm::PS256, Algorithm::ES256];
    }
    let allowed = Algorithm::ALL.map(Algorithm::name).join(", ");
    let names = section.some_strings(key, &format!("any of {allowed}"));
    names
        .iter()
        .filter_map(|name| {
            let algorithm = Algorithm::from_name(name);
            if algorithm.is_none() {
                section.problem(key, format!("`{name}` is not allowed: write any of {allowed}"));
            }
            algorithm
        })
        .collect()
}
