//! Tools whose answer is a stream: something comes before the result.

use std::time::Duration;

use rmcp::model::{
    ErrorData, LoggingLevel, LoggingMessageNotificationParam, ProgressNotificationParam,
};
use serde_json::json;

use super::content::said;
use crate::catalogue::{Answer, Call};

/// Between two events, so that whoever collects them in one piece is noticed.
const PAUSE: Duration = Duration::from_millis(50);

/// Three messages, for whom they are wanted.
pub(crate) async fn logging(call: Call) -> Answer {
    for what in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
        if call.level.admits(LoggingLevel::Info, &call.context) {
            let message = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(what));
            let message = message.with_logger(call.tool);
            call.context.peer.notify_logging_message(message).await.map_err(gone)?;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(said("Logged what there was to log").into())
}

/// How far it is, if somebody asked for it.
pub(crate) async fn progress(call: Call) -> Answer {
    let token = call.context.meta.get_progress_token();
    for done in [0.0, 50.0, 100.0] {
        if let Some(token) = &token {
            let progress = ProgressNotificationParam::new(token.clone(), done).with_total(100.0);
            call.context.peer.notify_progress(progress).await.map_err(gone)?;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(said("Done, step by step").into())
}

pub(super) fn gone(error: rmcp::ServiceError) -> ErrorData {
    ErrorData::internal_error(format!("the client cannot be told: {error}"), None)
}
