//! The root context: configuration, the clock's tick, and every call.

use std::rc::Rc;
use std::time::Duration;

use obolus_core::config::FilterConfig;
use obolus_core::exchange::basic_authorization;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{ContextType, LogLevel};
use secrecy::SecretString;

use crate::host;
use crate::request::Stream;
use crate::signature::HostSignatures;
use crate::worker::Worker;

/// How often waiting requests and due fetches are looked at, besides whenever something happens.
const TICK: Duration = Duration::from_millis(200);

pub(crate) struct Root {
    context_id: u32,
    worker: Option<Rc<Worker>>,
}

impl Root {
    pub(crate) fn new(context_id: u32) -> Self {
        Self { context_id, worker: None }
    }

    /// Everything that can be wrong with a configuration is found here, so that Envoy refuses it.
    fn configure(&self) -> Result<Worker, String> {
        let text = host::plugin_configuration().unwrap_or_default();
        let config = FilterConfig::parse(&text).map_err(|problems| problems.to_string())?;
        let secret = credential(&config.sts.credential_env).map_err(|problem| {
            format!("1 problem(s) in the configuration\n  sts.credentialEnv: {problem}")
        })?;
        let credential = basic_authorization(&config.sts.caller_id, &secret);
        let sessions = config.session_keys(variable).map_err(|problems| problems.to_string())?;
        let queue = host::own_queue().ok_or("the host gives no queue")?;
        host::set_tick_period(TICK).ok_or("the host gives no tick")?;
        let signatures = HostSignatures::after_known_answers();
        host::log(
            LogLevel::Info,
            &format!(
                "obolus {}: {} resource(s) protected; signatures: {}",
                env!("CARGO_PKG_VERSION"),
                config.resources.len(),
                signatures.describe()
            ),
        );
        Ok(Worker::new(self.context_id, config, credential, sessions, signatures, queue))
    }

    fn pump(&self) {
        if let (Some(worker), Some(now)) = (&self.worker, host::now()) {
            worker.expire_key_waiters(now);
            worker.expire_bodies(now);
            worker.end_streams(now);
            worker.pump(now);
        }
    }
}

/// What an environment variable holds, where it is a text.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The credential in this variable: as the STS reads its file, without the line end that most tools write after it.
fn credential(name: &str) -> Result<SecretString, String> {
    let text = variable(name).unwrap_or_default();
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.trim().is_empty() {
        return Err(format!(
            "the environment variable `{name}` is not there: set it for Envoy, and list it in the VM's \
             environment_variables.host_env_keys"
        ));
    }
    if line.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(format!(
            "the environment variable `{name}` holds white space or a control character: write a credential \
             without, on one line"
        ));
    }
    Ok(SecretString::from(line))
}

impl Context for Root {
    fn on_http_call_response(
        &mut self,
        token: u32,
        _headers: usize,
        _body: usize,
        _trailers: usize,
    ) {
        if let Some(worker) = &self.worker {
            worker.call_answered(token);
        }
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        match self.configure() {
            Ok(worker) => {
                self.worker = Some(Rc::new(worker));
                true
            }
            Err(problems) => {
                host::log(LogLevel::Critical, &format!("obolus: {problems}"));
                false
            }
        }
    }

    fn on_tick(&mut self) {
        self.pump();
    }

    fn on_queue_ready(&mut self, _queue: u32) {
        if let Some(worker) = &self.worker {
            worker.drain_queue();
        }
        self.pump();
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(context_id, self.worker.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
