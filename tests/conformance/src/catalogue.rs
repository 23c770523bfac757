//! Every tool: its definition, and what runs it.

use std::pin::Pin;
use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::{CallToolResponse, ErrorData, InputResponses, JsonObject, Tool};
use rmcp::service::RequestContext;
use serde_json::{Value, json};

use crate::house::{Change, House};
use crate::log_level::SessionLevel;
use crate::tools::{changes, content, input_required, jobs, questions, schemas, streaming};

/// What a tool is called with.
pub(crate) struct Call {
    pub(crate) tool: &'static str,
    pub(crate) arguments: JsonObject,
    /// A client's answers to what an earlier result asked for.
    pub(crate) inputs: Option<InputResponses>,
    /// What the client was to bring along with them.
    pub(crate) state: Option<String>,
    pub(crate) context: RequestContext<RoleServer>,
    pub(crate) house: Arc<House>,
    pub(crate) level: Arc<SessionLevel>,
}

impl Call {
    /// A text among the arguments; empty if there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.arguments.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

pub(crate) type Answer = Result<CallToolResponse, ErrorData>;
type Running = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// One tool.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    about: &'static str,
    schema: fn() -> Value,
    pub(crate) run: fn(Call) -> Running,
}

impl Entry {
    pub(crate) fn definition(&self) -> Tool {
        let schema = match (self.schema)() {
            Value::Object(schema) => schema,
            _ => JsonObject::new(),
        };
        Tool::new(self.name, self.about, schema)
    }
}

const fn tool(
    name: &'static str,
    about: &'static str,
    schema: fn() -> Value,
    run: fn(Call) -> Running,
) -> Entry {
    Entry { name, about, schema, run }
}

/// No arguments.
fn none() -> Value {
    json!({"type": "object", "properties": {}})
}

/// Texts, all of which have to be there.
fn texts(names: &[&str]) -> Value {
    let properties: JsonObject =
        names.iter().map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect();
    json!({"type": "object", "properties": properties, "required": names})
}

/// The table. Columns: name, what it is, its arguments, what runs it.
#[rustfmt::skip]
static TOOLS: &[Entry] = &[
    tool("test_simple_text", "Answers with a text", none, |_| Box::pin(async { content::simple_text() })),
    tool("test_image_content", "Answers with an image", none, |_| Box::pin(async { content::image() })),
    tool("test_audio_content", "Answers with a sound", none, |_| Box::pin(async { content::audio() })),
    tool("test_embedded_resource", "Answers with a resource", none, |_| Box::pin(async { content::resource() })),
    tool("test_multiple_content_types", "Answers with a text, an image and a resource", none, |_| Box::pin(async { content::mixed() })),
    tool("test_error_handling", "Fails", none, |_| Box::pin(async { content::failure() })),
    tool("json_schema_2020_12_tool", "Takes an address, by all that JSON Schema 2020-12 has", schemas::address, |call| Box::pin(schemas::echo(call))),
    tool("test_custom_header", "Takes an argument that a header mirrors", schemas::mirrored, |call| Box::pin(schemas::echo(call))),

    tool("test_tool_with_logging", "Logs while it works", none, |call| Box::pin(streaming::logging(call))),
    tool("test_logging_tool", "Logs to whoever asked for it", none, |call| Box::pin(streaming::logging(call))),
    tool("test_tool_with_progress", "Tells how far it is", none, |call| Box::pin(streaming::progress(call))),
    tool("test_reconnection", "Takes a while, with an event at once", none, |call| Box::pin(streaming::progress(call))),

    tool("test_sampling", "Asks the client's model", || texts(&["prompt"]), |call| Box::pin(questions::sampling(call))),
    tool("test_elicitation", "Asks the person", || texts(&["message"]), |call| Box::pin(questions::who(call))),
    tool("test_elicitation_sep1034_defaults", "Asks the person, with proposals", none, |call| Box::pin(questions::proposals(call))),
    tool("test_elicitation_sep1330_enums", "Asks the person to choose", none, |call| Box::pin(questions::choices(call))),

    tool("test_missing_capability", "Needs a client that has a model", none, |call| Box::pin(input_required::model(call))),
    tool("test_streaming_elicitation", "Asks for a name in its result", none, |call| Box::pin(input_required::name(call))),
    tool("test_input_required_result_elicitation", "Asks for a name in its result", none, |call| Box::pin(input_required::name(call))),
    tool("test_input_required_result_sampling", "Asks the client's model in its result", none, |call| Box::pin(input_required::model(call))),
    tool("test_input_required_result_list_roots", "Asks for the client's folders in its result", none, |call| Box::pin(input_required::folders(call))),
    tool("test_input_required_result_request_state", "Asks, and knows its own question again", none, |call| Box::pin(input_required::confirmed(call))),
    tool("test_input_required_result_tampered_state", "Asks, and takes no question for its own that is not", none, |call| Box::pin(input_required::confirmed(call))),
    tool("test_input_required_result_multiple_inputs", "Asks three things at once", none, |call| Box::pin(input_required::three_things(call))),
    tool("test_input_required_result_multi_round", "Asks one thing after another", none, |call| Box::pin(input_required::two_rounds(call))),
    tool("test_input_required_result_capabilities", "Asks what the client can answer", none, |call| Box::pin(input_required::what_is_possible(call))),

    tool("greet", "Greets, at once", || texts(&["name"]), |call| Box::pin(jobs::greet(call))),
    tool("slow_compute", "Takes so many seconds", jobs::seconds, |call| Box::pin(jobs::slow(call))),
    tool("failing_job", "A task that fails as a tool", none, |call| Box::pin(jobs::failing(call))),
    tool("protocol_error_job", "A task that breaks down", none, |call| Box::pin(jobs::broken(call))),
    tool("confirm_delete", "A task that asks first", || texts(&["filename"]), |call| Box::pin(jobs::confirmed(call))),
    tool("multi_input", "A task that asks two things at once", none, |call| Box::pin(jobs::two_inputs(call))),
    tool("test_tool_with_task", "Asks for a name, then is a task", none, |call| Box::pin(jobs::after_a_question(call))),

    tool("test_trigger_tool_change", "Adds a tool, or takes it away", none, |call| Box::pin(async move { changes::change(&call, Change::Tools).await })),
    tool("test_trigger_prompt_change", "Adds a prompt, or takes it away", none, |call| Box::pin(async move { changes::change(&call, Change::Prompts).await })),
];

/// The one that comes and goes.
static MORE: Entry = tool("test_added_tool", "Is there at times", none, |_| {
    Box::pin(async { content::simple_text() })
});

/// All that are there now, always in the same order.
pub(crate) fn tools(house: &House) -> impl Iterator<Item = &'static Entry> {
    TOOLS.iter().chain(house.has_more(Change::Tools).then_some(&MORE))
}
