//! One session: from a kubeconfig to answers on standard output, until standard input ends.

use std::ffi::OsString;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use rmcp::ServiceExt as _;
use rmcp::service::{QuitReason, ServerInitializeError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

use super::kubeconfig::{Kubeconfig, KubeconfigError, Places};
use super::persons::Persons;
use crate::config::StdioConfig;
use crate::confirmation::{KeyError, Seal};
use crate::generation::Generation;
use crate::server::{McpServer, Shared};
use crate::telemetry::{self, Collector, Telemetry};
use crate::tls::TlsError;

/// Calls that are served at a time; others wait. Each may hold an answer of the API server, which is what memory is
/// planned for.
const AT_A_TIME: usize = 16;

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum StdioError {
    /// The kubeconfig cannot be used.
    #[error("{0}")]
    Kubeconfig(String),
    /// No key for confirmations.
    #[error("confirmation_key_file: {0}")]
    Key(#[from] KeyError),
    /// The authorities of the collector of traces cannot be used.
    #[error("telemetry: {0}")]
    Telemetry(#[from] TlsError),
    /// A tool's schema is no schema.
    #[error("tools: {0}")]
    Tools(String),
    /// What came first was no MCP.
    #[error("the client did not begin as MCP has it: {0}")]
    NotMcp(&'static str),
    /// The session's task ended by itself.
    #[error("the session broke off")]
    BrokeOff,
}

impl From<KubeconfigError> for StdioError {
    fn from(error: KubeconfigError) -> Self {
        Self::Kubeconfig(error.to_string())
    }
}

/// A session that can begin.
#[derive(Debug)]
pub struct Prepared {
    server: McpServer,
    default: String,
    names: Vec<String>,
    notes: Vec<String>,
    telemetry: Telemetry,
    collector: Option<Collector>,
}

impl Prepared {
    /// Reads the kubeconfig: the one that is named, or that `environment` (`KUBECONFIG`) lists, or the one in `home`. No
    /// program is run and nobody asked anything yet.
    ///
    /// # Errors
    /// When there is none, or its context cannot be used.
    pub fn new(
        config: &StdioConfig,
        environment: Option<OsString>,
        home: Option<PathBuf>,
    ) -> Result<Self, StdioError> {
        let places = Places::new(config.kubeconfig.as_deref(), environment, home);
        let kubeconfig = Arc::new(Kubeconfig::read(&places)?);
        let default = kubeconfig.chosen(config.context.as_deref())?;
        let (persons, clusters, notes) = Persons::new(&kubeconfig, &default, config)?;
        let names = clusters.all().map(|cluster| cluster.shown()).collect();
        let generation =
            Generation::of_persons(&config.common, clusters, persons).map_err(StdioError::Tools)?;
        let seal = match &config.common.confirmation.key_file {
            Some(path) => Seal::of_file(path),
            None => Seal::new(None),
        };
        let metrics = Arc::default();
        let (telemetry, collector) = telemetry::start(config.common.telemetry.as_ref(), &metrics)?;
        let shared = Shared::new(metrics, seal?, telemetry.clone()).with_turns(AT_A_TIME);
        let server = McpServer::new(Arc::new(generation), Arc::new(shared));
        Ok(Self { server, default, names, notes, telemetry, collector })
    }

    /// The context of calls that name none.
    #[must_use]
    pub fn context(&self) -> &str {
        &self.default
    }

    /// Every context that calls may name.
    #[must_use]
    pub fn contexts(&self) -> &[String] {
        &self.names
    }

    /// What the person should know: why contexts that are there may not be named, and where they are nobody.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Serves until `input` ends, or `stop` does. Calls under way when the input ends get a few seconds to finish.
    ///
    /// # Errors
    /// When the client does not begin as MCP has it.
    pub async fn serve(
        self,
        input: impl AsyncRead + Send + Unpin + 'static,
        output: impl AsyncWrite + Send + Unpin + 'static,
        stop: impl Future<Output = ()>,
    ) -> Result<(), StdioError> {
        tokio::pin!(stop);
        let Self { server, telemetry, collector, .. } = self;
        let mut collecting = JoinSet::new();
        if let Some(collector) = collector {
            collecting.spawn(collector.run());
        }
        let running = tokio::select! {
            () = &mut stop => return Ok(()),
            running = server.serve((input, output)) => running,
        };
        let running = match running {
            Ok(running) => running,
            // A client that was never there, and one that changed its mind.
            Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
            // rmcp's own words quote what came.
            Err(ServerInitializeError::ExpectedInitializeRequest(_)) => {
                return Err(StdioError::NotMcp(
                    "the first message was neither initialize nor a request of 2026-07-28",
                ));
            }
            Err(_) => return Err(StdioError::NotMcp("the first exchange failed")),
        };
        let cancel = running.cancellation_token();
        let waiting = running.waiting();
        tokio::pin!(waiting);
        let quit = tokio::select! {
            () = &mut stop => {
                cancel.cancel();
                waiting.await
            }
            quit = &mut waiting => quit,
        };
        telemetry::flush(&telemetry).await;
        match quit {
            Ok(QuitReason::Closed | QuitReason::Cancelled) => Ok(()),
            _ => Err(StdioError::BrokeOff),
        }
    }
}
