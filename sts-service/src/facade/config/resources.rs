//! `[[resources]]`: what tokens may be asked for.

use obolus_core::config::Section;
use obolus_core::login::{Resource, Resources};
use obolus_core::metadata::ResourceUrl;

pub(super) fn read(top: &Section<'_>) -> Resources {
    let mut list: Vec<Resource> = Vec::new();
    for section in top.sections("resources") {
        if let Some(resource) = resource(&section) {
            if list.iter().any(|other| other.url() == resource.url()) {
                section.problem("url", "is configured twice");
            }
            list.push(resource);
        }
        section.finish();
    }
    if top.is_empty_array_or_missing("resources") {
        top.problem(
            "resources",
            "must name at least one resource: [[resources]] with url, as the filter's configuration has it, and scopes",
        );
    }
    Resources::new(list)
}

fn resource(section: &Section<'_>) -> Option<Resource> {
    const SCOPES: &str = "the scopes that clients ask for, by their full names, such as api://<application id>/access_as_user";
    let url =
        section.string("url", "the resource's public URL, such as https://mcp.example.com/mcp");
    let url = url.and_then(|url| {
        ResourceUrl::parse(&url).map_err(|error| section.problem("url", error.to_string())).ok()
    });
    if !section.has("scopes") {
        section.problem("scopes", format!("is missing: write {SCOPES}"));
        return None;
    }
    let scopes = section.strings("scopes");
    // An address for want of one, so that faults of the scopes are told as well.
    let stand_in = || ResourceUrl::parse("https://resource.invalid").ok();
    let read = Resource::new(url.clone().or_else(stand_in)?, scopes);
    match read {
        Ok(resource) => url.map(|_| resource),
        Err(faults) => {
            for fault in faults {
                section.problem("scopes", fault.to_string());
            }
            None
        }
    }
}
