//! `page` in the filter's configuration: whether people who open the gateway in a browser find a page there.

use super::{Resource, Section};

/// The longest contact, in bytes: an address, a URL or a sentence.
const MAX_CONTACT_BYTES: usize = 256;

/// What the page says besides what the resources say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageSettings {
    /// Whom people ask: an address, a URL, or words.
    pub contact: String,
}

/// Reads `page`.
pub(super) fn page(top: &Section<'_>) -> Option<PageSettings> {
    let section = top.optional_section("page")?;
    let contact = section.string("contact", "whom people ask, such as platform-team@example.com");
    let contact = contact.filter(|contact| {
        let fits = contact.len() <= MAX_CONTACT_BYTES && !contact.contains(char::is_control);
        if !fits {
            section.problem(
                "contact",
                format!("must be one line of at most {MAX_CONTACT_BYTES} bytes"),
            );
        }
        fits
    });
    section.finish();
    Some(PageSettings { contact: contact? })
}

/// The page stands at the root, where a resource could be.
pub(super) fn check_page(
    top: &Section<'_>,
    page: Option<&PageSettings>,
    resources: &[(String, Option<Resource>)],
) {
    let at_root = |(_, resource): &&(String, Option<Resource>)| {
        resource.as_ref().is_some_and(|resource| resource.url.path().is_empty())
    };
    if let (Some(_), Some((_, Some(resource)))) = (page, resources.iter().find(at_root)) {
        top.problem(
            "page",
            format!("stands at /, where the resource `{}` is: leave it out, or give the resource a path", resource.name),
        );
    }
}
