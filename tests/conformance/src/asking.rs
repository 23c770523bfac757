//! What the server asks of a client: as a request of its own in older revisions, as part of a result in the newest.

use rmcp::model::{
    ClientCapabilities, ElicitRequestParams, ErrorData, InputRequest, InputRequests,
    InputRequiredResult, InputResponses, JsonObject,
};
use serde_json::{Value, json};

/// A question to the person, answered by a form of these properties, all of which have to be filled in.
pub(crate) fn form(message: &str, properties: &Value) -> Value {
    let required: Vec<_> = properties.as_object().into_iter().flat_map(JsonObject::keys).collect();
    json!({
        "message": message,
        "requestedSchema": {"type": "object", "properties": properties, "required": required},
    })
}

/// The parameters of `elicitation/create`.
pub(crate) fn elicitation(params: Value) -> Result<ElicitRequestParams, ErrorData> {
    serde_json::from_value(params).map_err(not_a_request)
}

/// A question to the person.
pub(crate) fn elicit(message: &str, properties: &Value) -> Result<InputRequest, ErrorData> {
    request("elicitation/create", form(message, properties))
}

/// A question to the client's model.
pub(crate) fn sample(prompt: &str, max_tokens: u32) -> Result<InputRequest, ErrorData> {
    request("sampling/createMessage", sampling(prompt, max_tokens))
}

/// The parameters of `sampling/createMessage`.
pub(crate) fn sampling(prompt: &str, max_tokens: u32) -> Value {
    let message = json!({"role": "user", "content": {"type": "text", "text": prompt}});
    json!({"messages": [message], "maxTokens": max_tokens})
}

/// Which folders the client works in.
pub(crate) fn roots() -> Result<InputRequest, ErrorData> {
    request("roots/list", json!({}))
}

fn request(method: &str, params: Value) -> Result<InputRequest, ErrorData> {
    serde_json::from_value(json!({"method": method, "params": params})).map_err(not_a_request)
}

pub(crate) fn not_a_request(error: serde_json::Error) -> ErrorData {
    ErrorData::internal_error(format!("what is asked of the client is malformed: {error}"), None)
}

/// A result that asks for this, and has the client bring this text along with its answers.
pub(crate) fn wanted<const N: usize>(
    requests: [(&str, InputRequest); N],
    state: Option<String>,
) -> InputRequiredResult {
    let requests = requests.map(|(key, request)| (key.to_owned(), request));
    InputRequiredResult::new(Some(InputRequests::from(requests)), state)
}

/// The client's answer to what was asked under this key. What is no object is no answer.
pub(crate) fn answered<'a>(
    inputs: Option<&'a InputResponses>,
    key: &str,
) -> Option<&'a JsonObject> {
    inputs?.get(key)?.as_object()
}

/// What somebody wrote into one field of the form under this key.
pub(crate) fn filled_in<'a>(
    inputs: Option<&'a InputResponses>,
    key: &str,
    field: &str,
) -> Option<&'a Value> {
    let answer = answered(inputs, key)?;
    let accepted = answer.get("action").is_some_and(|action| action == "accept");
    answer.get("content").filter(|_| accepted)?.get(field)
}

/// The refusal of a call for which the client would have to be able to do this.
pub(crate) fn cannot(wanted: ClientCapabilities) -> ErrorData {
    ErrorData::missing_required_client_capability(wanted)
}
