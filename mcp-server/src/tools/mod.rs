//! The tools, one file each; here is what they have in common.
//!
//! Names, parameters and annotations are those of `kubernetes-mcp-server` 0.0.67, so that prompts, allow-lists
//! and habits carry over (`parity.json` holds them; a test compares).

mod api_resources;
mod argument_error;
mod arguments;
mod can_i;
mod changes;
mod configuration_view;
mod contained;
mod containers;
mod context;
mod context_argument;
mod events_list;
mod explain;
mod feed;
mod grace_period;
mod helm_install;
mod helm_list;
mod helm_uninstall;
mod made_before;
mod namespaces_list;
mod nodes_log;
mod nodes_stats_summary;
mod nodes_top;
mod patch_type;
mod plain;
mod pods_delete;
mod pods_exec;
mod pods_get;
mod pods_list;
mod pods_list_in_namespace;
mod pods_log;
mod pods_run;
mod pods_top;
mod portable;
mod projects_list;
mod resources_create_or_update;
mod resources_delete;
mod resources_describe;
mod resources_diff;
mod resources_get;
mod resources_list;
mod resources_patch;
mod resources_scale;
mod resources_wait;
mod rollout_history;
mod rollout_restart;
mod rollout_status;
mod rollout_undo;
mod seconds;
mod since;
mod under_way;
mod waiting;
mod whoami;
mod workload;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Bytes;
use rmcp::handler::server::tool::{schema_for_input, schema_for_output};
use rmcp::model::{CallToolResult, ContentBlock, JsonObject, Tool, ToolAnnotations};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cluster::Contexts;
use crate::config::ToolChoice;
use crate::failure::Failure;
use crate::output::Reply;
pub(crate) use context::{CallContext, Progress};
use portable::{brief, portable};

/// What a call may do to the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It reads.
    Reads,
    /// It reads, and the same again a moment later.
    ReadsSame,
    /// It adds what was not there.
    Adds,
    /// It changes or removes what is there; doing it twice is the same as once.
    ChangesOnce,
    /// It changes or removes what is there, each time anew.
    Changes,
}

/// Tools that are chosen together, as `kubernetes-mcp-server` calls them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Toolset {
    /// What clusters hold and do.
    Core,
    /// How clusters are reached.
    Config,
    /// Charts.
    Helm,
}

impl Toolset {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Core, Self::Config, Self::Helm];

    /// Its name in `toolsets`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Config => "config",
            Self::Helm => "helm",
        }
    }
}

/// One tool: what it is called, what it takes, what it does as the caller.
trait KubeTool: 'static {
    const NAME: &'static str;
    const TITLE: &'static str;
    const DESCRIPTION: &'static str;
    const EFFECT: Effect;
    const TOOLSET: Toolset = Toolset::Core;
    type Input: DeserializeOwned + JsonSchema + Send + 'static;
    type Output: Serialize + JsonSchema + Send + 'static;

    fn call(
        context: CallContext,
        input: Self::Input,
    ) -> impl Future<Output = Result<Reply<Self::Output>, Failure>> + Send + 'static;
}

type Call = Pin<Box<dyn Future<Output = Result<CallToolResult, Failure>> + Send>>;

/// A tool as it is listed, and how to run it.
#[derive(Debug)]
pub(crate) struct Registered {
    pub(crate) definition: Tool,
    pub(crate) name: &'static str,
    run: fn(CallContext, JsonObject) -> Call,
}

/// Every tool, in the order in which they are listed.
#[derive(Debug)]
pub(crate) struct Tools {
    all: Vec<Registered>,
    /// Their definitions, as a JSON array.
    written: Bytes,
}

/// What a tool is called, and what it may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) name: &'static str,
    pub(crate) read_only: bool,
    pub(crate) destructive: bool,
    pub(crate) idempotent: bool,
    pub(crate) toolset: Toolset,
}

/// Calls a macro with every tool, in the order in which they are listed.
macro_rules! every_tool {
    ($of:ident) => {
        [
            $of::<api_resources::ApiResources>(),
            $of::<can_i::CanI>(),
            $of::<configuration_view::ConfigurationView>(),
            $of::<events_list::EventsList>(),
            $of::<explain::Explain>(),
            $of::<helm_install::HelmInstall>(),
            $of::<helm_list::HelmList>(),
            $of::<helm_uninstall::HelmUninstall>(),
            $of::<namespaces_list::NamespacesList>(),
            $of::<nodes_log::NodesLog>(),
            $of::<nodes_stats_summary::NodesStatsSummary>(),
            $of::<nodes_top::NodesTop>(),
            $of::<pods_delete::PodsDelete>(),
            $of::<pods_exec::PodsExec>(),
            $of::<pods_get::PodsGet>(),
            $of::<pods_list::PodsList>(),
            $of::<pods_list_in_namespace::PodsListInNamespace>(),
            $of::<pods_log::PodsLog>(),
            $of::<pods_run::PodsRun>(),
            $of::<pods_top::PodsTop>(),
            $of::<projects_list::ProjectsList>(),
            $of::<resources_create_or_update::ResourcesCreateOrUpdate>(),
            $of::<resources_delete::ResourcesDelete>(),
            $of::<resources_describe::ResourcesDescribe>(),
            $of::<resources_diff::ResourcesDiff>(),
            $of::<resources_get::ResourcesGet>(),
            $of::<resources_list::ResourcesList>(),
            $of::<resources_patch::ResourcesPatch>(),
            $of::<resources_scale::ResourcesScale>(),
            $of::<resources_wait::ResourcesWait>(),
            $of::<rollout_history::RolloutHistory>(),
            $of::<rollout_restart::RolloutRestart>(),
            $of::<rollout_status::RolloutStatus>(),
            $of::<rollout_undo::RolloutUndo>(),
            $of::<whoami::Whoami>(),
        ]
    };
}

/// Of every tool.
pub(crate) fn facts() -> &'static [Facts] {
    const FACTS: &[Facts] = &every_tool!(facts_of);
    FACTS
}

impl Tools {
    /// The tools that are served, with the descriptions that they have here, and an argument that names one of several
    /// clusters where there are.
    ///
    /// # Errors
    /// When a tool's parameters have no object schema: a mistake in this crate that a test would meet first.
    pub(crate) fn chosen(choice: &ToolChoice, contexts: Option<&Contexts>) -> Result<Self, String> {
        let mut tools = every_tool!(register).into_iter().collect::<Result<Vec<_>, _>>()?;
        tools.retain(|tool| choice.serves(tool.name));
        for tool in &mut tools {
            if let Some(description) = choice.description(tool.name) {
                tool.definition.description = Some(description.to_owned().into());
            }
            if let Some(contexts) = contexts {
                context_argument::add(&mut tool.definition, contexts);
            }
        }
        let definitions: Vec<_> = tools.iter().map(|tool| &tool.definition).collect();
        let written = serde_json::to_vec(&definitions).map_err(|error| error.to_string())?;
        Ok(Self { all: tools, written: written.into() })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Registered> {
        self.all.iter().find(|tool| tool.name == name)
    }

    pub(crate) fn definitions(&self) -> Vec<Tool> {
        self.all.iter().map(|tool| tool.definition.clone()).collect()
    }

    /// The same as a JSON array.
    pub(crate) fn written(&self) -> Bytes {
        self.written.clone()
    }
}

impl Registered {
    /// Whether its annotation says so.
    pub(crate) fn is_destructive(&self) -> bool {
        let annotations = self.definition.annotations.as_ref();
        annotations.and_then(|hints| hints.destructive_hint).unwrap_or(true)
    }

    /// Checks the arguments and runs the tool. Nothing is sent before the arguments are accepted.
    pub(crate) fn run(&self, context: CallContext, arguments: JsonObject) -> Call {
        (self.run)(context, arguments)
    }
}

const fn facts_of<T: KubeTool>() -> Facts {
    Facts {
        name: T::NAME,
        read_only: matches!(T::EFFECT, Effect::Reads | Effect::ReadsSame),
        destructive: matches!(T::EFFECT, Effect::ChangesOnce | Effect::Changes),
        idempotent: matches!(T::EFFECT, Effect::ReadsSame | Effect::ChangesOnce),
        toolset: T::TOOLSET,
    }
}

fn register<T: KubeTool>() -> Result<Registered, String> {
    let Facts { read_only, destructive, idempotent, .. } = facts_of::<T>();
    let annotations = ToolAnnotations::from_raw(
        Some(T::TITLE.to_owned()),
        Some(read_only),
        Some(destructive),
        Some(idempotent),
        Some(true),
    );
    let input = brief(schema_for_input::<T::Input>()?.as_ref().clone());
    let output = portable(brief(schema_for_output::<T::Output>().as_ref().clone()));
    let definition = Tool::new(T::NAME, T::DESCRIPTION, Arc::new(input))
        .with_title(T::TITLE)
        .with_raw_output_schema(Arc::new(output))
        .with_annotations(annotations);
    Ok(Registered {
        definition,
        name: T::NAME,
        run: |context, arguments| Box::pin(contained::contained(run::<T>(context, arguments))),
    })
}

async fn run<T: KubeTool>(
    context: CallContext,
    arguments: JsonObject,
) -> Result<CallToolResult, Failure> {
    let arguments = Value::Object(arguments);
    let input = parsed::<T::Input>(arguments.clone())?;
    let caller = context.caller.clone();
    let mut answer = T::call(context.clone(), input).await;
    // A kind that was believed to be there is gone or elsewhere: what only reads is tried again with what is there now.
    if answer.as_ref().is_err_and(Failure::is_of_an_unknown_path)
        && caller.forget_kinds()
        && facts_of::<T>().read_only
    {
        answer = T::call(context, parsed::<T::Input>(arguments)?).await;
    }
    let reply = match answer {
        Ok(reply) => reply,
        Err(failure) => return Err(caller.advise(failure).await),
    };
    let structured = serde_json::to_value(&reply.structured)
        .map_err(|error| Failure::Internal(error.to_string()))?;
    let mut result = CallToolResult::success(vec![ContentBlock::text(reply.text)]);
    result.structured_content = Some(structured);
    Ok(result)
}

/// What is wrong may quote what came, and what came may be long.
const MAX_REASON_CHARS: usize = 1_000;

/// Reads arguments; what is wrong is said with the parameter's name.
fn parsed<T: DeserializeOwned>(arguments: Value) -> Result<T, Failure> {
    serde_path_to_error::deserialize(arguments).map_err(|error| {
        let path = error.path().to_string();
        let told = argument_error::worded(&path, &error.into_inner().to_string());
        Failure::InvalidArguments(told.chars().take(MAX_REASON_CHARS).collect())
    })
}

#[cfg(test)]
mod tests;
