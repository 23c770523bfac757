//! The resources.

use rmcp::model::{ErrorData, ReadResourceResult, Resource, ResourceContents, ResourceTemplate};
use serde_json::json;

use crate::samples::PIXEL;

const TEXT: &str = "test://static-text";
const BINARY: &str = "test://static-binary";
const WATCHED: &str = "test://watched-resource";
const TEMPLATE: &str = "test://template/{id}/data";

/// All that have a URI of their own.
pub(crate) fn resources() -> Vec<Resource> {
    let resource = |uri, name, about, kind| {
        Resource::new(uri, name).with_description(about).with_mime_type(kind)
    };
    vec![
        resource(TEXT, "Static text", "A text that never changes", "text/plain"),
        resource(BINARY, "Static binary", "A red pixel", "image/png"),
        resource(WATCHED, "Watched resource", "One to subscribe to", "text/plain"),
    ]
}

/// Those of which there are many.
pub(crate) fn templates() -> Vec<ResourceTemplate> {
    let about = "Data by their id";
    let template = ResourceTemplate::new(TEMPLATE, "Data").with_description(about);
    vec![template.with_mime_type("application/json")]
}

/// What is in one.
pub(crate) fn read(uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let content = match uri {
        TEXT => ResourceContents::text("This is the content of the static text resource.", uri),
        BINARY => ResourceContents::blob(PIXEL, uri).with_mime_type("image/png"),
        WATCHED => ResourceContents::text("This is the content of the watched resource.", uri),
        _ => {
            let (before, after) = TEMPLATE.split_once("{id}").unwrap_or_default();
            let id = uri.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            let id = id.filter(|id| !id.is_empty() && !id.contains('/'));
            let id = id.ok_or_else(|| not_found(uri))?;
            let data = format!("Data for ID: {id}");
            let text = json!({"id": id, "templateTest": true, "data": data}).to_string();
            ResourceContents::text(text, uri).with_mime_type("application/json")
        }
    };
    Ok(ReadResourceResult::new(vec![content]))
}

/// Whether there is one to subscribe to. None of them ever changes, so that nobody has to be remembered.
pub(crate) fn subscribe(uri: &str) -> Result<(), ErrorData> {
    read(uri).map(|_| ())
}

fn not_found(uri: &str) -> ErrorData {
    ErrorData::resource_not_found("Resource not found", Some(json!({"uri": uri})))
}
