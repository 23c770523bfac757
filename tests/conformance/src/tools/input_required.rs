//! Tools that ask their client something in their result, and are called again with the answer: revision 2026-07-28.
//!
//! Nothing is remembered between the two calls. What must not be lost travels sealed with the client.

use rmcp::model::{ClientCapabilities, ErrorData, InputRequest, SealOptions};
use serde_json::{Value, json};

use super::content::said;
use crate::asking::{answered, cannot, elicit, filled_in, roots, sample, wanted};
use crate::catalogue::{Answer, Call};

impl Call {
    /// A note that only this server can have written, for this tool.
    fn seal(&self, note: &str) -> String {
        let options = SealOptions::new().associated_data(self.tool.as_bytes());
        self.house.states.seal_with(note.as_bytes(), &options)
    }

    /// The note that came back; `None` in a first call.
    fn note(&self) -> Result<Option<String>, ErrorData> {
        let Some(state) = &self.state else { return Ok(None) };
        let opened = self.house.states.open_with(state, self.tool.as_bytes());
        opened
            .ok()
            .and_then(|note| String::from_utf8(note).ok())
            .map(Some)
            .ok_or_else(|| ErrorData::invalid_params("requestState is none of this server's", None))
    }

    fn filled_in(&self, key: &str, field: &str) -> Option<&Value> {
        filled_in(self.inputs.as_ref(), key, field)
    }

    fn can(&self) -> ClientCapabilities {
        self.context.client_capabilities().unwrap_or_default()
    }
}

/// A form's only field, a text.
fn one_text(message: &str, field: &str) -> Result<InputRequest, ErrorData> {
    elicit(message, &json!({field: {"type": "string"}}))
}

pub(crate) async fn name(call: Call) -> Answer {
    match call.filled_in("user_name", "name").and_then(Value::as_str) {
        Some(name) => Ok(said(format!("Hello, {name}!")).into()),
        None => Ok(wanted([("user_name", one_text("What is your name?", "name")?)], None).into()),
    }
}

pub(crate) async fn model(call: Call) -> Answer {
    if call.can().sampling.is_none() {
        return Err(cannot(ClientCapabilities::builder().enable_sampling().build()));
    }
    let Some(answer) = answered(call.inputs.as_ref(), "capital_question") else {
        let question = sample("What is the capital of France?", 100)?;
        return Ok(wanted([("capital_question", question)], None).into());
    };
    let text = answer.get("content").and_then(|content| content.pointer("/text"));
    Ok(said(text.and_then(Value::as_str).unwrap_or_default()).into())
}

pub(crate) async fn folders(call: Call) -> Answer {
    let Some(answer) = answered(call.inputs.as_ref(), "client_roots") else {
        return Ok(wanted([("client_roots", roots()?)], None).into());
    };
    let listed = answer.get("roots").and_then(Value::as_array).into_iter().flatten();
    let uris: Vec<_> = listed.filter_map(|root| root.get("uri")?.as_str()).collect();
    Ok(said(format!("Works in {}", uris.join(", "))).into())
}

pub(crate) async fn confirmed(call: Call) -> Answer {
    let asked = call.note()?;
    match (asked, call.filled_in("confirm", "ok")) {
        (Some(_), Some(ok)) => Ok(said(format!("state-ok, and the answer is {ok}")).into()),
        _ => {
            let question = elicit("Please confirm", &json!({"ok": {"type": "boolean"}}))?;
            Ok(wanted([("confirm", question)], Some(call.seal("asked"))).into())
        }
    }
}

pub(crate) async fn three_things(call: Call) -> Answer {
    let asked = call.note()?;
    let inputs = call.inputs.as_ref();
    let name = call.filled_in("user_name", "name").and_then(Value::as_str);
    let others = answered(inputs, "greeting").zip(answered(inputs, "client_roots"));
    match (asked, name, others) {
        (Some(_), Some(name), Some(_)) => Ok(said(format!("{name} has said it all")).into()),
        _ => {
            let requests = [
                ("user_name", one_text("What is your name?", "name")?),
                ("greeting", sample("Generate a greeting", 50)?),
                ("client_roots", roots()?),
            ];
            Ok(wanted(requests, Some(call.seal("asked"))).into())
        }
    }
}

pub(crate) async fn two_rounds(call: Call) -> Answer {
    let note = call.note()?;
    let name = call.filled_in("step1", "name").and_then(Value::as_str);
    // The second round's note is the name that the first one asked for.
    let known = note.as_deref().and_then(|note| note.strip_prefix("name ")).or(name);
    let color = call.filled_in("step2", "color").and_then(Value::as_str);
    match (known, color) {
        (Some(name), Some(color)) => Ok(said(format!("{name} likes {color}")).into()),
        (Some(name), None) => {
            let question = one_text("Step 2: What is your favorite color?", "color")?;
            Ok(wanted([("step2", question)], Some(call.seal(&format!("name {name}")))).into())
        }
        (None, _) => {
            let question = one_text("Step 1: What is your name?", "name")?;
            Ok(wanted([("step1", question)], Some(call.seal("first"))).into())
        }
    }
}

pub(crate) async fn what_is_possible(call: Call) -> Answer {
    let can = call.can();
    if can.elicitation.is_some() {
        return name(call).await;
    }
    model(call).await
}
