//! The MCP side: what is listed, and how a call gets its caller.

use std::borrow::Cow;
use std::sync::Arc;

use http::request::Parts;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestMethod,
    CompleteRequestParams, CompleteResult, ContentBlock, ErrorData, Implementation, JsonObject,
    ListPromptsRequestMethod, ListPromptsResult, ListResourceTemplatesRequestMethod,
    ListResourceTemplatesResult, ListResourcesRequestMethod, ListResourcesResult, ListToolsResult,
    PaginatedRequestParams, ProtocolVersion, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler};

use crate::call_log::CallLog;
use crate::clock;
use crate::confirmation::{Bound, Returned, Seal, Way, about};
use crate::failure::Failure;
use crate::generation::Generation;
use crate::metrics::Metrics;
use crate::tools::{CallContext, Progress, Registered};
use crate::user_token::UserToken;

/// The revisions that are served. Older ones are neither advertised nor negotiated.
pub(crate) const PROTOCOL_VERSIONS: &[ProtocolVersion] =
    &[ProtocolVersion::V_2025_06_18, ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28];

/// How long clients may keep the list of tools. A gateway may cut it to what the caller may use, and permissions change.
const LIST_FRESH_MS: u64 = 60_000;

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
}

impl McpServer {
    pub(crate) fn new(generation: Arc<Generation>, shared: Arc<Shared>) -> Self {
        Self { generation, shared }
    }

    /// What this request is served by: what the listener gave it, because a session's handler is older than its requests.
    fn generation(&self, context: &RequestContext<RoleServer>) -> Arc<Generation> {
        let parts = context.extensions.get::<Parts>();
        let own = parts.and_then(|parts| parts.extensions.get::<Arc<Generation>>());
        Arc::clone(own.unwrap_or(&self.generation))
    }

    /// The caller's token. It is an extension of this very request, put there by [`crate::front`]; there is no
    /// other place to look, so a request without one gets nowhere.
    fn token(context: &RequestContext<RoleServer>) -> Result<UserToken, ErrorData> {
        context
            .extensions
            .get::<Parts>()
            .and_then(|parts| parts.extensions.get::<UserToken>())
            .cloned()
            .ok_or_else(|| ErrorData::internal_error("the request carries no caller", None))
    }

    /// Runs a tool, once everybody who has to be asked has said yes. The call may end with the question instead.
    async fn run(
        &self,
        generation: &Generation,
        tool: &Registered,
        call: CallContext,
        arguments: JsonObject,
        asked: (Way, Returned),
    ) -> Result<CallToolResponse, Failure> {
        let (way, returned) = asked;
        let (person, cluster) = (call.caller.person(), call.caller.server());
        // The call takes its arguments along; what it may end with is about them all the same.
        let bound_to = arguments.clone();
        let bound = Bound {
            person: person.as_str(),
            method: "tools/call",
            called: tool.name,
            cluster: &cluster,
            arguments: &bound_to,
        };
        let seal = &self.shared.seal;
        let gate = Arc::new(returned.gate(seal, bound, &generation.rules, way, clock::now())?);
        let told = about(tool.name, &cluster, &bound_to);
        let result = match gate.before_tool(tool.name, tool.is_destructive(), &told).await {
            Ok(()) => {
                let caller = call.caller.guarded_by(Arc::clone(&gate));
                tool.run(CallContext { caller, ..call }, arguments).await
            }
            Err(failure) => Err(failure),
        };
        match gate.question(seal, bound, clock::now()).await? {
            Some(question) => Ok(question.into()),
            None => result.map(CallToolResponse::from),
        }
    }
}

impl ServerHandler for McpServer {
    fn get_info(&self) -> ServerConfig {
        let implementation = Implementation::new("obolus-mcp", env!("CARGO_PKG_VERSION"));
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(implementation)
            .with_instructions(self.generation.instructions.clone())
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(PROTOCOL_VERSIONS)
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
        one_page(request.as_ref())?;
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
            CallLog::start("(unknown)", &arguments, metrics).end("unknown_tool");
            return Err(ErrorData::invalid_params("unknown tool", None));
        };
        let token = Self::token(&context)?;
        let mut log = CallLog::start(tool.name, &arguments, metrics);
        let returned =
            Returned { state: request.request_state, responses: request.input_responses };
        let asked = (Way::of(&context), returned);
        let call = async {
            let cluster = generation.clusters.chosen(&mut arguments)?;
            log.on(cluster.name());
            let caller = cluster.admit(token)?;
            let settings = Arc::clone(&generation.settings);
            let call = CallContext { caller, settings, progress: Progress::of(&context) };
            self.run(&generation, tool, call, arguments, asked).await
        };
        // rmcp leaves a handler running when its client has gone, and only fires the token: dropping the call is ours.
        let result = tokio::select! {
            () = context.ct.cancelled() => Err(Failure::Cancelled),
            result = call => result,
        };
        match result {
            Ok(response) => {
                let is_question = matches!(response, CallToolResponse::InputRequired(_));
                log.end(if is_question { "asked" } else { "ok" });
                Ok(response)
            }
            Err(failure) => {
                log.end(failure.label());
                Ok(CallToolResult::error(vec![ContentBlock::text(failure.to_string())]).into())
            }
        }
    }

    // rmcp's defaults answer these with empty lists, as if they were supported.

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListPromptsRequestMethod>())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListResourcesRequestMethod>())
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListResourceTemplatesRequestMethod>())
    }

    async fn complete(
        &self,
        _: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        Err(ErrorData::method_not_found::<CompleteRequestMethod>())
    }
}

fn one_page(request: Option<&PaginatedRequestParams>) -> Result<(), ErrorData> {
    match request.and_then(|request| request.cursor.as_ref()) {
        Some(_) => Err(ErrorData::invalid_params("no such cursor: the list has one page", None)),
        None => Ok(()),
    }
}
