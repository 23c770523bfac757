//! Tools that change what the server offers.

use super::content::said;
use super::streaming::gone;
use crate::catalogue::{Answer, Call};
use crate::house::Change;
use crate::server::is_modern;

/// Makes the change. Whoever listens is told through the stream that they listen on; a session, through its own.
pub(crate) async fn change(call: &Call, change: Change) -> Answer {
    call.house.change(change);
    if !is_modern(&call.context) {
        let peer = &call.context.peer;
        match change {
            Change::Tools => peer.notify_tool_list_changed().await,
            Change::Prompts => peer.notify_prompt_list_changed().await,
        }
        .map_err(gone)?;
    }
    Ok(said("Changed, and told whoever listens").into())
}
