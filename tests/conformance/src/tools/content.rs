//! Each kind of content that a result can have.

use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};

use crate::catalogue::Answer;
use crate::samples::{PIXEL, silence};

fn pixel() -> ContentBlock {
    ContentBlock::image(PIXEL, "image/png")
}

fn embedded(uri: &str, kind: &str, text: &str) -> ContentBlock {
    ContentBlock::resource(ResourceContents::text(text, uri).with_mime_type(kind))
}

/// A result of nothing but this text.
pub(crate) fn said(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

pub(crate) fn simple_text() -> Answer {
    Ok(said("This is a simple text response for testing.").into())
}

pub(crate) fn image() -> Answer {
    Ok(CallToolResult::success(vec![pixel()]).into())
}

pub(crate) fn audio() -> Answer {
    Ok(CallToolResult::success(vec![ContentBlock::audio(silence(), "audio/wav")]).into())
}

pub(crate) fn resource() -> Answer {
    let text = "This is an embedded resource content.";
    let resource = embedded("test://embedded-resource", "text/plain", text);
    Ok(CallToolResult::success(vec![resource]).into())
}

pub(crate) fn mixed() -> Answer {
    let text = ContentBlock::text("Multiple content types test:");
    let json = r#"{"test":"data","value":123}"#;
    let resource = embedded("test://mixed-content-resource", "application/json", json);
    Ok(CallToolResult::success(vec![text, pixel(), resource]).into())
}

pub(crate) fn failure() -> Answer {
    let text = "This tool intentionally returns an error for testing";
    Ok(CallToolResult::error(vec![ContentBlock::text(text)]).into())
}
