//! The MCP side: what is listed, and how a call gets its caller.

use std::borrow::Cow;
use std::sync::Arc;

use http::request::Parts;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestMethod,
    CompleteRequestParams, CompleteResult, ContentBlock, ErrorData, Implementation,
    ListPromptsRequestMethod, ListPromptsResult, ListResourceTemplatesRequestMethod,
    ListResourceTemplatesResult, ListResourcesRequestMethod, ListResourcesResult, ListToolsResult,
    PaginatedRequestParams, ProtocolVersion, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler};

use crate::call_log::CallLog;
use crate::cluster::{Caller, Cluster, Identity};
use crate::config::Settings;
use crate::failure::Failure;
use crate::metrics::Metrics;
use crate::tools::{CallContext, Progress, Tools};
use crate::user_token::UserToken;

/// The revisions that are served. Older ones are neither advertised nor negotiated.
pub(crate) const PROTOCOL_VERSIONS: &[ProtocolVersion] =
    &[ProtocolVersion::V_2025_06_18, ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28];

/// How long clients may keep the list of tools. A gateway may cut it to what the caller may use, and permissions change.
const LIST_FRESH_MS: u64 = 60_000;

const INSTRUCTIONS: &str = "Kubernetes, as you: every call is made with your own identity, and the cluster's RBAC decides. \
    Start with whoami to see who you are to the cluster. A refusal names what was tried and as whom; \
    another tool will not get around it. Long lists are cut: narrow them with a namespace, labelSelector or fieldSelector.";

/// The handler. rmcp makes one for each request, so it is no more than a few pointers.
#[derive(Debug, Clone)]
pub(crate) struct McpServer {
    tools: Arc<Tools>,
    instructions: Arc<str>,
    // One cluster today. With several, `caller` chooses by the call's arguments; nothing else needs to know.
    cluster: Arc<Cluster>,
    settings: Arc<Settings>,
    metrics: Arc<Metrics>,
}

impl McpServer {
    /// `instructions` are what clients are told instead of our own words.
    pub(crate) fn new(
        tools: Tools,
        instructions: Option<&str>,
        cluster: Arc<Cluster>,
        settings: Arc<Settings>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let instructions = instructions.unwrap_or(INSTRUCTIONS).into();
        Self { tools: Arc::new(tools), instructions, cluster, settings, metrics }
    }

    /// Who calls. The token is an extension of this very request, put there by [`crate::front`]; there is no
    /// other place to look, so a request without one gets nowhere.
    fn caller(&self, context: &RequestContext<RoleServer>) -> Result<Caller, ErrorData> {
        context
            .extensions
            .get::<Parts>()
            .and_then(|parts| parts.extensions.get::<UserToken>())
            .map(|token| self.cluster.caller(Identity::Bearer(token.clone())))
            .ok_or_else(|| ErrorData::internal_error("the request carries no caller", None))
    }
}

impl ServerHandler for McpServer {
    fn get_info(&self) -> ServerConfig {
        let implementation = Implementation::new("obolus-mcp", env!("CARGO_PKG_VERSION"));
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(implementation)
            .with_instructions(&*self.instructions)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(PROTOCOL_VERSIONS)
    }

    /// rmcp holds `Mcp-Param-*` headers against the schema that this returns.
    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.tools.get(name).map(|tool| tool.definition.clone())
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        if request.is_some_and(|request| request.cursor.is_some()) {
            return Err(ErrorData::invalid_params("no such cursor: the list has one page", None));
        }
        let mut list = ListToolsResult::with_all_items(self.tools.definitions());
        list.cache_scope = Some(CacheScope::Private);
        list.ttl_ms = Some(LIST_FRESH_MS);
        Ok(list)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let Some(tool) = self.tools.get(&request.name) else {
            CallLog::start("(unknown)", &arguments, Arc::clone(&self.metrics)).end("unknown_tool");
            return Err(ErrorData::invalid_params("unknown tool", None));
        };
        let caller = self.caller(&context)?;
        let settings = Arc::clone(&self.settings);
        let call = CallContext { caller, settings, progress: Progress::of(&context) };
        let log = CallLog::start(tool.name, &arguments, Arc::clone(&self.metrics));
        // rmcp leaves a handler running when its client has gone, and only fires the token: dropping the call is ours.
        let result = tokio::select! {
            () = context.ct.cancelled() => Err(Failure::Cancelled),
            result = tool.run(call, arguments) => result,
        };
        match result {
            Ok(result) => {
                log.end("ok");
                Ok(result.into())
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
