//! Tools that ask their client something by a request of their own: what revisions before 2026-07-28 have.

use rmcp::model::{CallToolResult, ClientCapabilities, ContentBlock, CreateMessageRequestParams};
use serde_json::{Value, json};

use super::content::said;
use crate::asking::{cannot, elicitation, form, not_a_request, sampling as question};
use crate::catalogue::{Answer, Call};

fn failed(error: impl std::fmt::Display) -> Answer {
    let text = format!("the client did not answer: {error}");
    Ok(CallToolResult::error(vec![ContentBlock::text(text)]).into())
}

/// Has the client's model answer.
pub(crate) async fn sampling(call: Call) -> Answer {
    let able = call.context.client_capabilities().is_some_and(|can| can.sampling.is_some());
    if !able {
        return Err(cannot(ClientCapabilities::builder().enable_sampling().build()));
    }
    let params: CreateMessageRequestParams =
        serde_json::from_value(question(call.text("prompt"), 100)).map_err(not_a_request)?;
    match call.context.peer.create_message(params).await {
        Ok(answer) => {
            let answer = serde_json::to_value(answer.message.content).unwrap_or_default();
            let text = answer.pointer("/text").or_else(|| answer.pointer("/0/text"));
            let text = text.and_then(Value::as_str).unwrap_or_default();
            Ok(said(format!("LLM response: {text}")).into())
        }
        Err(error) => failed(error),
    }
}

/// Has the person fill in a form.
async fn ask(call: &Call, params: Value, told_as: &str) -> Answer {
    let able = call.context.client_capabilities().is_some_and(|can| can.elicitation.is_some());
    if !able {
        return Err(cannot(ClientCapabilities::builder().enable_elicitation().build()));
    }
    match call.context.peer.create_elicitation(elicitation(params)?).await {
        Ok(answer) => {
            let action = serde_json::to_value(answer.action).unwrap_or_default();
            let action = action.as_str().unwrap_or_default().to_owned();
            let content = answer.content.unwrap_or_default();
            Ok(said(format!("{told_as}: action={action}, content={content}")).into())
        }
        Err(error) => failed(error),
    }
}

pub(crate) async fn who(call: Call) -> Answer {
    let fields = json!({
        "username": {"type": "string", "description": "User's response"},
        "email": {"type": "string", "description": "User's email address"},
    });
    ask(&call, form(call.text("message"), &fields), "User response").await
}

const COMPLETED: &str = "Elicitation completed";

pub(crate) async fn proposals(call: Call) -> Answer {
    let statuses = ["active", "inactive", "pending"];
    let fields = json!({
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": statuses, "default": "active"},
        "verified": {"type": "boolean", "default": true},
    });
    ask(&call, form("Is this right?", &fields), COMPLETED).await
}

pub(crate) async fn choices(call: Call) -> Answer {
    let titled = json!([
        {"const": "value1", "title": "First Option"},
        {"const": "value2", "title": "Second Option"},
        {"const": "value3", "title": "Third Option"},
    ]);
    let names = ["option1", "option2", "option3"];
    let fields = json!({
        "untitledSingle": {"type": "string", "enum": names},
        "titledSingle": {"type": "string", "oneOf": titled},
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": names}},
        "titledMulti": {"type": "array", "items": {"anyOf": titled}},
    });
    ask(&call, form("Which ones?", &fields), COMPLETED).await
}
