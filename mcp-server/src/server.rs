//! The MCP side: what is listed, what is called, and what is said of it.

mod request;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use rmcp::model::{
    ArgumentInfo, CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult,
    CompleteRequestParams, CompleteResult, CompletionInfo, ContentBlock, DiscoverResult, ErrorData,
    GetPromptRequestParams, GetPromptResponse, Implementation, InitializeRequestParams,
    InitializeResult, JsonObject, ListPromptsResult, ListResourceTemplatesResult,
    ListResourcesResult, ListToolsResult, PaginatedRequestParams, ProtocolVersion,
    ReadResourceRequestParams, ReadResourceResponse, Reference, ResourceTemplate,
    ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler};
use tokio::sync::Semaphore;

use crate::call_log::CallLog;
use crate::cluster::{CONTEXT, Caller, Cluster};
use crate::confirmation::{Gate, Returned, Seal, Way, about};
use crate::failure::Failure;
use crate::generation::Generation;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::prompts::{NoPrompt, PromptArguments};
use crate::resources::{self, K8sUri};
use crate::telemetry::{RequestSpan, Scope, Telemetry};
use crate::tools::{CallContext, Progress};
use crate::under_way::UnderWay;
use request::{Outcome, Request};

/// The revisions that are served. Older ones are neither advertised nor negotiated.
pub(crate) const PROTOCOL_VERSIONS: &[ProtocolVersion] =
    &[ProtocolVersion::V_2025_06_18, ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28];

/// How long clients may keep the list of tools. A gateway may cut it to what the caller may use, and permissions change.
const LIST_FRESH_MS: u64 = 60_000;

/// What log and metrics call a prompt, and a resource: their names are other people's words.
const PROMPT: &str = "(prompt)";
const RESOURCE: &str = "(resource)";

/// The handler. rmcp makes one for each request, so it is no more than a few pointers.
#[derive(Debug, Clone)]
pub(crate) struct McpServer {
    generation: Arc<Generation>,
    shared: Arc<Shared>,
}

/// What outlives a configuration.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) seal: Seal,
    telemetry: Telemetry,
    /// What lasts longer than a request.
    streams: Arc<Limits>,
    /// The calls that their clients may take back.
    under_way: Arc<UnderWay>,
    /// How many calls are served at a time, where no listener says so.
    turns: Option<Semaphore>,
}

impl Shared {
    pub(crate) fn new(metrics: Arc<Metrics>, seal: Seal, telemetry: Telemetry) -> Self {
        let streams = Limits::of_streams();
        Self { metrics, seal, telemetry, streams, under_way: Arc::default(), turns: None }
    }

    /// The same for one person's own client, whose requests come past no listener.
    pub(crate) fn with_turns(self, at_a_time: usize) -> Self {
        Self { turns: Some(Semaphore::new(at_a_time)), ..self }
    }
}

impl McpServer {
    pub(crate) fn new(generation: Arc<Generation>, shared: Arc<Shared>) -> Self {
        Self { generation, shared }
    }

    /// The calls that their clients may take back.
    pub(crate) fn under_way(&self) -> Arc<UnderWay> {
        Arc::clone(&self.shared.under_way)
    }

    /// The span of this request, which ends when it is dropped.
    fn span(
        &self,
        context: &RequestContext<RoleServer>,
        method: &'static str,
        tool: Option<&'static str>,
    ) -> RequestSpan {
        RequestSpan::begin(&self.shared.telemetry, context, method, tool)
    }

    async fn completed(
        &self,
        request: CompleteRequestParams,
        context: &RequestContext<RoleServer>,
        scope: Scope,
    ) -> Result<CompleteResult, ErrorData> {
        let generation = self.generation(context);
        let token = Self::token(&generation, context)?;
        let known = request.context.and_then(|context| context.arguments).unwrap_or_default();
        let ArgumentInfo { name, value, .. } = request.argument;
        let caller = async |cluster: Option<&Arc<Cluster>>| {
            let gate = Gate::new(Arc::clone(&generation.rules), Way::Return, BTreeSet::new());
            let caller = generation.caller(cluster?, token).await.ok()?;
            Some(caller.within(scope).guarded_by(Arc::new(gate)))
        };
        let nothing = || Ok(CompleteResult::new(CompletionInfo::default()));
        let offered = match &request.r#ref {
            Reference::Prompt(prompt) => {
                let contexts = generation.clusters.contexts();
                let chosen = known.get(CONTEXT).map_or("", String::as_str);
                let Some(caller) = caller(generation.clusters.named(chosen)).await else {
                    return nothing();
                };
                let known = PromptArguments::of(known);
                let prompts = &generation.prompts;
                let work = prompts.complete(&prompt.name, &name, &known, contexts.as_ref(), caller);
                match self.while_wanted(context, async { Ok(work.await) }).await {
                    Ok(Ok(names)) => names,
                    Ok(Err(NoPrompt::Failed(_))) | Err(_) => return nothing(),
                    Ok(Err(other)) => return Err(as_error(&other.into())),
                }
            }
            Reference::Resource(template) => {
                let is_ours = |ours: &ResourceTemplate| ours.uri_template == template.uri;
                if !resources::templates().iter().any(is_ours) {
                    return Err(ErrorData::invalid_params("unknown resource template", None));
                }
                let Some(caller) = caller(Some(generation.clusters.default_cluster())).await else {
                    return nothing();
                };
                let known = |name: &str| known.get(name).cloned();
                let work = resources::complete(&name, known, &caller);
                self.while_wanted(context, work).await.unwrap_or_default()
            }
            _ => return Err(ErrorData::invalid_params("no such reference", None)),
        };
        Ok(CompleteResult::new(completion(offered, &value)))
    }
}

impl ServerHandler for McpServer {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_prompts()
            .enable_resources()
            .enable_completions()
            .build();
        let implementation = Implementation::new("obolus-mcp", env!("CARGO_PKG_VERSION"));
        ServerConfig::new(capabilities)
            .with_server_info(implementation)
            .with_instructions(self.generation.instructions.clone())
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(PROTOCOL_VERSIONS)
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        let mut span = self.span(&context, "initialize", None);
        context.peer.set_peer_info(request.clone());
        let negotiated = self.negotiate_initialize(&request);
        span.ends(if negotiated.is_ok() { "ok" } else { "invalid_arguments" });
        negotiated
    }

    async fn discover(
        &self,
        context: RequestContext<RoleServer>,
    ) -> Result<DiscoverResult, ErrorData> {
        self.span(&context, "server/discover", None).ends("ok");
        let versions = self.supported_protocol_versions().into_owned();
        Ok(DiscoverResult::from_server_info(versions, self.get_info()))
    }

    async fn ping(&self, context: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        self.span(&context, "ping", None).ends("ok");
        Ok(())
    }

    /// rmcp holds `Mcp-Param-*` headers against the schema that this returns.
    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.generation.tools.get(name).map(|tool| tool.definition.clone())
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let mut span = self.span(&context, "tools/list", None);
        one_page(request.as_ref(), &mut span)?;
        let tools = self.generation(&context).tools.definitions();
        let mut list = ListToolsResult::with_all_items(tools);
        list.cache_scope = Some(CacheScope::Private);
        list.ttl_ms = Some(LIST_FRESH_MS);
        Ok(list)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let metrics = Arc::clone(&self.shared.metrics);
        let generation = self.generation(&context);
        let mut arguments = request.arguments.unwrap_or_default();
        let Some(tool) = generation.tools.get(&request.name) else {
            let span = self.span(&context, "tools/call", None);
            CallLog::start("(unknown)", &arguments, metrics, span).end("unknown_tool");
            return Err(ErrorData::invalid_params("unknown tool", None));
        };
        let span = self.span(&context, "tools/call", Some(tool.name));
        let log = CallLog::start(tool.name, &arguments, metrics, span);
        let cluster = generation.clusters.chosen(&mut arguments);
        let arguments = &arguments;
        let asked = Request {
            context: &context,
            generation: &generation,
            cluster,
            returned: Returned::new(request.request_state, request.input_responses),
            method: "tools/call",
            called: tool.name,
            arguments,
        };
        let (settings, progress) = (Arc::clone(&generation.settings), Progress::of(&context));
        let streams = Arc::clone(&self.shared.streams);
        let work = |caller: Caller, gate: Arc<Gate>| async move {
            let told = about(tool.name, &caller.server(), arguments);
            gate.before_tool(tool.name, tool.is_destructive(), &told).await?;
            tool.run(CallContext { caller, settings, progress, streams }, arguments.clone()).await
        };
        Ok(match self.serve(log, asked, work).await? {
            Ok(outcome) => outcome.into_response(),
            Err(failure) => {
                CallToolResult::error(vec![ContentBlock::text(failure.to_string())]).into()
            }
        })
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let mut span = self.span(&context, "prompts/list", None);
        one_page(request.as_ref(), &mut span)?;
        let generation = self.generation(&context);
        let prompts = generation.prompts.list(generation.clusters.contexts().as_ref());
        let mut list = ListPromptsResult::with_all_items(prompts);
        list.cache_scope = Some(CacheScope::Private);
        list.ttl_ms = Some(LIST_FRESH_MS);
        Ok(list)
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let generation = self.generation(&context);
        let (prompts, name) = (&generation.prompts, request.name.as_str());
        let mut arguments = request.arguments.unwrap_or_default();
        let span = self.span(&context, "prompts/get", None);
        let log = CallLog::start(PROMPT, &arguments, Arc::clone(&self.shared.metrics), span);
        if !prompts.known(name) {
            log.end("unknown_prompt");
            return Err(ErrorData::invalid_params("unknown prompt", None));
        }
        // Clients send every field of a form.
        arguments.retain(|_, value| *value != "");
        let cluster = generation.clusters.chosen(&mut arguments);
        let arguments = &arguments;
        let asked = Request {
            context: &context,
            generation: &generation,
            cluster,
            returned: Returned::new(request.request_state, request.input_responses),
            method: "prompts/get",
            called: name,
            arguments,
        };
        let work = |caller: Caller, _| async move {
            prompts.get(name, arguments, caller).await.map_err(Failure::from)
        };
        let ended = self.serve(log, asked, work).await?;
        ended.map(Outcome::into_response).map_err(|failure| as_error(&failure))
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let mut span = self.span(&context, "resources/list", None);
        one_page(request.as_ref(), &mut span)?;
        let mut list = ListResourcesResult::with_all_items(resources::list());
        list.cache_scope = Some(CacheScope::Private);
        list.ttl_ms = Some(LIST_FRESH_MS);
        Ok(list)
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let mut span = self.span(&context, "resources/templates/list", None);
        one_page(request.as_ref(), &mut span)?;
        let templates = resources::templates();
        let mut list = ListResourceTemplatesResult::with_all_items(templates);
        list.cache_scope = Some(CacheScope::Private);
        list.ttl_ms = Some(LIST_FRESH_MS);
        Ok(list)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let generation = self.generation(&context);
        let none = JsonObject::new();
        let span = self.span(&context, "resources/read", None);
        let log = CallLog::start(RESOURCE, &none, Arc::clone(&self.shared.metrics), span);
        let found = K8sUri::parse(&request.uri).map_err(|advice| format!("uri {advice}"));
        let found = found.and_then(|uri| {
            let cluster = generation.clusters.named(&uri.cluster);
            Ok((uri, cluster.ok_or("uri names no cluster that is served")?))
        });
        let (uri, cluster) = match found {
            Ok((uri, cluster)) => (uri, cluster),
            Err(advice) => {
                log.end("invalid_arguments");
                return Err(ErrorData::resource_not_found(advice, None));
            }
        };
        let uri = &uri;
        let asked = Request {
            context: &context,
            generation: &generation,
            cluster: Ok(cluster),
            returned: Returned::new(request.request_state, request.input_responses),
            method: "resources/read",
            called: &request.uri,
            arguments: &none,
        };
        let work = |caller: Caller, _| async move {
            let mut result = resources::read(uri, &caller).await?;
            // Whoever reads it may be another tomorrow, and so may the object.
            result.cache_scope = Some(CacheScope::Private);
            result.ttl_ms = Some(0);
            Ok(result)
        };
        let ended = self.serve(log, asked, work).await?;
        ended.map(Outcome::into_response).map_err(|failure| as_error(&failure))
    }

    /// What an argument could be. Whatever the caller may not list is not offered; a completion asks nobody, so that what
    /// a person would have to be asked about is not offered, either.
    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let mut span = self.span(&context, "completion/complete", None);
        let completed = self.completed(request, &context, span.scope()).await;
        span.ends(if completed.is_ok() { "ok" } else { "invalid_arguments" });
        completed
    }
}

/// What begins as somebody began to write; the first of them, in order.
fn completion(mut offered: Vec<String>, begun: &str) -> CompletionInfo {
    offered.retain(|name| name.starts_with(begun));
    offered.sort_unstable();
    offered.dedup();
    let total = u32::try_from(offered.len()).ok();
    let has_more = offered.len() > CompletionInfo::MAX_VALUES;
    offered.truncate(CompletionInfo::MAX_VALUES);
    let mut info = CompletionInfo::default();
    (info.values, info.total, info.has_more) = (offered, total, Some(has_more));
    info
}

/// Prompts and resources have no results that are errors, as tools do.
fn as_error(failure: &Failure) -> ErrorData {
    let text = failure.to_string();
    match failure {
        Failure::InvalidArguments(_) | Failure::Unconfirmed(_) => {
            ErrorData::invalid_params(text, None)
        }
        Failure::UnknownKind { .. } | Failure::Rejected { status: 404, .. } => {
            ErrorData::resource_not_found(text, None)
        }
        _ => ErrorData::internal_error(text, None),
    }
}

fn one_page(
    request: Option<&PaginatedRequestParams>,
    span: &mut RequestSpan,
) -> Result<(), ErrorData> {
    if request.is_some_and(|request| request.cursor.is_some()) {
        span.ends("invalid_arguments");
        return Err(ErrorData::invalid_params("no such cursor: the list has one page", None));
    }
    span.ends("ok");
    Ok(())
}
