//! The origins of pages that may ask (`Origin`), compared byte for byte.

use super::Section;
use crate::metadata::ResourceUrl;

/// The origins at this key; what is none is noted.
#[must_use]
pub fn allowed_origins(section: &Section<'_>, key: &str) -> Vec<String> {
    let origins = section.strings(key);
    for origin in &origins {
        let canonical =
            ResourceUrl::parse(origin).is_ok_and(|url| url.to_string().splitn(4, '/').count() == 3);
        if !canonical {
            section.problem(
                key,
                format!("`{origin}` is not an origin: write scheme, host and port, such as https://app.example.com"),
            );
        }
    }
    origins
}
