//! The tools, one file each; here is what they have in common.
//!
//! Names, parameters and annotations are those of `kubernetes-mcp-server` 0.0.67, so that prompts, allow-lists
//! and habits carry over (`parity.json` holds them; a test compares).

mod arguments;
mod contained;
mod namespaces_list;
mod pods_delete;
mod pods_get;
mod pods_list;
mod pods_list_in_namespace;
mod pods_log;
mod resources_get;
mod resources_list;
mod resources_scale;
mod whoami;

use std::future::Future;
use std::pin::Pin;

use rmcp::handler::server::tool::{schema_for_input, schema_for_output};
use rmcp::model::{CallToolResult, ContentBlock, JsonObject, Tool, ToolAnnotations};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cluster::Caller;
use crate::failure::Failure;
use crate::output::Reply;

/// What a call may do to the cluster.
#[derive(Debug, Clone, Copy)]
enum Effect {
    /// It reads.
    Reads,
    /// It changes or removes what is there; doing it twice is the same as once.
    ChangesOnce,
}

/// One tool: what it is called, what it takes, what it does as the caller.
trait KubeTool: 'static {
    const NAME: &'static str;
    const TITLE: &'static str;
    const DESCRIPTION: &'static str;
    const EFFECT: Effect;
    type Input: DeserializeOwned + JsonSchema + Send + 'static;
    type Output: Serialize + JsonSchema + Send + 'static;

    fn call(
        caller: Caller,
        input: Self::Input,
    ) -> impl Future<Output = Result<Reply<Self::Output>, Failure>> + Send + 'static;
}

type Call = Pin<Box<dyn Future<Output = Result<CallToolResult, Failure>> + Send>>;

/// A tool as it is listed, and how to run it.
#[derive(Debug)]
pub(crate) struct Registered {
    pub(crate) definition: Tool,
    pub(crate) name: &'static str,
    run: fn(Caller, JsonObject) -> Call,
}

/// Every tool, in the order in which they are listed.
#[derive(Debug)]
pub(crate) struct Tools(Vec<Registered>);

impl Tools {
    /// # Errors
    /// When a tool's parameters have no object schema: a mistake in this crate that a test would meet first.
    pub(crate) fn all() -> Result<Self, String> {
        Ok(Self(vec![
            register::<namespaces_list::NamespacesList>()?,
            register::<pods_delete::PodsDelete>()?,
            register::<pods_get::PodsGet>()?,
            register::<pods_list::PodsList>()?,
            register::<pods_list_in_namespace::PodsListInNamespace>()?,
            register::<pods_log::PodsLog>()?,
            register::<resources_get::ResourcesGet>()?,
            register::<resources_list::ResourcesList>()?,
            register::<resources_scale::ResourcesScale>()?,
            register::<whoami::Whoami>()?,
        ]))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Registered> {
        self.0.iter().find(|tool| tool.name == name)
    }

    pub(crate) fn definitions(&self) -> Vec<Tool> {
        self.0.iter().map(|tool| tool.definition.clone()).collect()
    }
}

impl Registered {
    /// Checks the arguments and runs the tool. Nothing is sent before the arguments are accepted.
    pub(crate) fn run(&self, caller: Caller, arguments: JsonObject) -> Call {
        (self.run)(caller, arguments)
    }
}

fn register<T: KubeTool>() -> Result<Registered, String> {
    let read_only = matches!(T::EFFECT, Effect::Reads);
    let annotations = ToolAnnotations::from_raw(
        Some(T::TITLE.to_owned()),
        Some(read_only),
        Some(!read_only),
        Some(!read_only),
        Some(true),
    );
    let definition = Tool::new(T::NAME, T::DESCRIPTION, schema_for_input::<T::Input>()?)
        .with_title(T::TITLE)
        .with_raw_output_schema(schema_for_output::<T::Output>())
        .with_annotations(annotations);
    Ok(Registered {
        definition,
        name: T::NAME,
        run: |caller, arguments| Box::pin(contained::contained(run::<T>(caller, arguments))),
    })
}

async fn run<T: KubeTool>(
    caller: Caller,
    arguments: JsonObject,
) -> Result<CallToolResult, Failure> {
    let input = serde_json::from_value(Value::Object(arguments))
        .map_err(|error| Failure::InvalidArguments(error.to_string()))?;
    let reply = T::call(caller, input).await?;
    let structured = serde_json::to_value(&reply.structured)
        .map_err(|error| Failure::Internal(error.to_string()))?;
    let mut result = CallToolResult::success(vec![ContentBlock::text(reply.text)]);
    result.structured_content = Some(structured);
    Ok(result)
}

#[cfg(test)]
mod tests;
