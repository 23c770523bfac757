//! Which log messages a client wants: in revision 2026-07-28 each request says so, before that a session does.

use std::sync::Mutex;

use rmcp::RoleServer;
use rmcp::model::LoggingLevel;
use rmcp::service::RequestContext;

use crate::server::is_modern;

/// What a session asked for.
#[derive(Debug, Default)]
pub(crate) struct SessionLevel(Mutex<Option<LoggingLevel>>);

impl SessionLevel {
    pub(crate) fn set(&self, level: LoggingLevel) {
        if let Ok(mut asked) = self.0.lock() {
            *asked = Some(level);
        }
    }

    /// Whether a message of this level is to be sent. Nobody who asked for none gets one in the newest revision; in
    /// older ones everybody does who has not asked for less.
    pub(crate) fn admits(&self, level: LoggingLevel, context: &RequestContext<RoleServer>) -> bool {
        let least = match is_modern(context) {
            true => context.meta.log_level(),
            false => self.0.lock().ok().and_then(|asked| *asked).or(Some(LoggingLevel::Debug)),
        };
        least.is_some_and(|least| severity(level) >= severity(least))
    }
}

fn severity(level: LoggingLevel) -> u8 {
    match level {
        LoggingLevel::Debug => 0,
        LoggingLevel::Info => 1,
        LoggingLevel::Notice => 2,
        LoggingLevel::Warning => 3,
        LoggingLevel::Error => 4,
        LoggingLevel::Critical => 5,
        LoggingLevel::Alert => 6,
        LoggingLevel::Emergency => 7,
    }
}
